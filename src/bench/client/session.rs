//! The conversation before and after the work: greeting, login, QUIT (RFC 959 §5.4).
//!
//! It appends commands to an output buffer and says what has to happen next. The caller moves the bytes. It
//! must not know what the session is for.

use std::sync::Arc;

use super::{Refusal, ServerReply, send};

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
    /// Whether to log in.
    pub(in crate::bench) login: Login,
    /// The argument of USER.
    pub(in crate::bench) user: Vec<u8>,
    /// The argument of PASS.
    pub(in crate::bench) password: Vec<u8>,
}

/// What has to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Step {
    /// A reply has to come.
    Wait,
    /// The session is ready for commands.
    Ready,
    /// The server has said goodbye.
    Closed,
}

/// The state of one control connection.
///
/// ```text
///   Greeting ─▶ User ─▶ Pass ─▶ Ready ─▶ Quit ─▶ Closed
///      │          └──(a 230 to USER)──▲
///      └──(no login)──────────────────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Greeting,
    User,
    Pass,
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
            state: State::Greeting,
        }
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
            (State::Greeting, 2) => self.log_in(out),
            (State::User, 3) => {
                let plan = Arc::clone(&self.plan);
                self.command(State::Pass, "PASS", &plan.password, out)
            }
            (State::User | State::Pass, 2) => self.ready(),
            (State::User, 5)
                if self.plan.login == Login::IfThere && matches!(reply.code, 500 | 502) =>
            {
                self.ready()
            }
            (State::Quit, 2) => {
                self.state = State::Closed;
                Step::Closed
            }
            (State::Greeting, _) => return refused("the connection"),
            (State::User, _) => return refused("USER"),
            (State::Pass, _) => return refused("PASS"),
            (State::Quit, _) => return refused("QUIT"),
            (State::Ready | State::Closed, _) => return refused("nothing that was sent"),
        })
    }

    /// Says goodbye.
    pub(in crate::bench) fn quit(&mut self, out: &mut Vec<u8>) {
        self.command(State::Quit, "QUIT", b"", out);
    }

    fn log_in(&mut self, out: &mut Vec<u8>) -> Step {
        if self.plan.login == Login::No {
            return self.ready();
        }
        let plan = Arc::clone(&self.plan);
        self.command(State::User, "USER", &plan.user, out)
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
