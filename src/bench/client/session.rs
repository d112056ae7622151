//! The conversation before and after the work: greeting, AUTH TLS, login, QUIT (RFC 959 §5.4, RFC 4217 §4).
//!
//! It appends commands to an output buffer and says what has to happen next. The caller moves the bytes and
//! does the TLS handshake. It must not know what the session is for.

use std::sync::Arc;

use super::{Refusal, ServerReply, send};
use crate::bench::url::Protection;

/// Whether a session logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Login {
    /// No.
    No,
    /// Yes, unless the server has no accounts: it answers USER by 500 or 502.
    IfThere,
    /// Yes.
    Yes,
}

/// What all sessions of a run do first.
#[derive(Clone, Debug)]
pub(in crate::bench) struct LoginPlan {
    /// How the control connection is protected.
    pub(in crate::bench) protection: Protection,
    /// Whether data connections are protected too.
    pub(in crate::bench) protects_data: bool,
    /// Whether to log in.
    pub(in crate::bench) login: Login,
    /// The argument of USER.
    pub(in crate::bench) user: Vec<u8>,
    /// The argument of PASS.
    pub(in crate::bench) password: Vec<u8>,
    /// Whether files are transferred, so that TYPE I is needed.
    pub(in crate::bench) is_binary: bool,
}

/// What has to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Step {
    /// A reply has to come.
    Wait,
    /// The TLS handshake has to be done, then [`ClientSession::secured`] called.
    Secure,
    /// The session is ready for commands.
    Ready,
    /// The server has said goodbye.
    Closed,
}

/// The state of one control connection.
///
/// ```text
///  New ─▶ Greeting ─▶ Auth ─▶ Handshake ─▶ Pbsz ─▶ Prot ─▶ User ─▶ Pass ─▶ Type ─▶ Ready ─▶ Quit ─▶ Closed
///   │        └────────────────(clear)──────────────────────▲                         ▲
///   └(implicit)─▶ Handshake ─▶ Greeting                    └───(a 230 to USER: no PASS)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Greeting,
    Auth,
    Handshake,
    Pbsz,
    Prot,
    User,
    Pass,
    Type,
    Ready,
    Quit,
    Closed,
}

/// One client's conversation.
#[derive(Debug)]
pub(in crate::bench) struct ClientSession {
    plan: Arc<LoginPlan>,
    state: State,
}

impl ClientSession {
    /// Before the connection is established.
    pub(in crate::bench) const fn new(plan: Arc<LoginPlan>) -> Self {
        Self {
            plan,
            state: State::New,
        }
    }

    /// The connection is established.
    pub(in crate::bench) fn connected(&mut self) -> Step {
        if self.plan.protection == Protection::Implicit {
            self.state = State::Handshake;
            return Step::Secure;
        }
        self.state = State::Greeting;
        Step::Wait
    }

    /// The TLS handshake is finished.
    pub(in crate::bench) fn secured(&mut self, out: &mut Vec<u8>) -> Step {
        if self.plan.protection == Protection::Implicit {
            self.state = State::Greeting;
            return Step::Wait;
        }
        self.protect(out)
    }

    /// A reply has come, other than to a command of the caller.
    ///
    /// # Errors
    /// The server refuses: the connection is of no use.
    pub(in crate::bench) fn reply(
        &mut self,
        reply: &ServerReply<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Step, Refusal> {
        // A greeting may be announced by 120, and anything may be said before an answer.
        if reply.class() == 1 {
            return Ok(Step::Wait);
        }
        let refused = |command| Err(Refusal::of(command, reply));
        Ok(match (self.state, reply.class()) {
            (State::Greeting, 2) => match self.plan.protection {
                Protection::Clear => self.log_in(out),
                Protection::Explicit => self.command(State::Auth, "AUTH", b"TLS", out),
                Protection::Implicit => self.protect(out),
            },
            (State::Auth, 2) => {
                self.state = State::Handshake;
                Step::Secure
            }
            (State::Pbsz, 2) => self.command(State::Prot, "PROT", b"P", out),
            (State::Prot, 2) => self.log_in(out),
            (State::User, 3) => {
                let plan = Arc::clone(&self.plan);
                self.command(State::Pass, "PASS", &plan.password, out)
            }
            (State::User | State::Pass, 2) => self.logged_in(out),
            (State::User, 5)
                if self.plan.login == Login::IfThere && matches!(reply.code, 500 | 502) =>
            {
                self.ready()
            }
            (State::Type, 2) => self.ready(),
            (State::Quit, 2) => {
                self.state = State::Closed;
                Step::Closed
            }
            (State::Greeting, _) => return refused("the connection"),
            (State::Auth, _) => return refused("AUTH TLS"),
            (State::Pbsz, _) => return refused("PBSZ"),
            (State::Prot, _) => return refused("PROT"),
            (State::User, _) => return refused("USER"),
            (State::Pass, _) => return refused("PASS"),
            (State::Type, _) => return refused("TYPE"),
            (State::Quit, _) => return refused("QUIT"),
            (State::New | State::Handshake | State::Ready | State::Closed, _) => {
                return refused("nothing that was sent");
            }
        })
    }

    /// Says goodbye.
    pub(in crate::bench) fn quit(&mut self, out: &mut Vec<u8>) {
        self.command(State::Quit, "QUIT", b"", out);
    }

    fn protect(&mut self, out: &mut Vec<u8>) -> Step {
        if self.plan.protects_data {
            return self.command(State::Pbsz, "PBSZ", b"0", out);
        }
        self.log_in(out)
    }

    fn log_in(&mut self, out: &mut Vec<u8>) -> Step {
        if self.plan.login == Login::No {
            return self.ready();
        }
        let plan = Arc::clone(&self.plan);
        self.command(State::User, "USER", &plan.user, out)
    }

    fn logged_in(&mut self, out: &mut Vec<u8>) -> Step {
        if self.plan.is_binary {
            return self.command(State::Type, "TYPE", b"I", out);
        }
        self.ready()
    }

    fn ready(&mut self) -> Step {
        self.state = State::Ready;
        Step::Ready
    }

    fn command(&mut self, state: State, verb: &str, argument: &[u8], out: &mut Vec<u8>) -> Step {
        self.state = state;
        send(out, verb, argument);
        Step::Wait
    }
}
