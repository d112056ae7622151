//! Checks how the server ends a client's connections, against what was delivered.
//!
//! A client checks at the end of its control connection: every reply that was due must have arrived, and no
//! reset may have destroyed it. At the end of the run all control connections and the data connections of
//! transfers are checked again, including those of clients that could observe nothing.

use std::time::Duration;

use super::conversation::CommandKind;
use super::excuses::{has_panicked, is_cut};
use super::ftp_client::FtpClient;
use super::transfer::Transfer;
use crate::fault_plan::FaultPlan;
use crate::world::{Closing, ConnectionFacts, ConnectionId, World};

/// How the client observes the end of its control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObservedEnd {
    /// A FIN; under TLS, `close_notify`.
    End,
    /// A FIN without `close_notify` under TLS.
    Unannounced,
    /// A reset.
    Reset,
}

/// Grace beyond the linger time-out until the server closes.
const NOTICE: Duration = Duration::from_millis(500);

/// A transfer with its final reply and its data connection.
#[derive(Clone, Copy, Debug)]
struct FinishedTransfer {
    connection: ConnectionId,
    kind: CommandKind,
    code: u16,
    is_protected: bool,
}

impl FtpClient {
    /// Checks whether the server was allowed to end the control connection.
    pub(super) fn check_end(&self, id: ConnectionId, observed: ObservedEnd, world: &mut World) {
        self.check_end_latency(id, world);
        let pending = self.conversation.pending().next();
        let is_answered = pending.is_none() && !self.conversation.is_broken_off();
        let is_all_said =
            self.conversation.is_over() || self.control.half_closed().is_some() && is_answered;
        let is_right = match observed {
            ObservedEnd::End => is_all_said,
            ObservedEnd::Unannounced => false,
            // All replies had been read, so the reset destroyed nothing.
            ObservedEnd::Reset => self.conversation.is_over(),
        };
        let facts = world.facts_of(id);
        if is_right || self.is_excused(&facts, world) {
            return;
        }
        let violation = match observed {
            ObservedEnd::End => format!("the server closed without a reply, owing {pending:?}"),
            ObservedEnd::Unannounced => "a FIN without close_notify".to_owned(),
            ObservedEnd::Reset => {
                let why = facts.client.reset_delivered.map(|(_, why)| why);
                format!("the server reset the connection ({why:?}), owing {pending:?}")
            }
        };
        self.report(&violation, world);
    }

    /// With nothing else pending, the server must answer a half-close at once. A client whose connection was
    /// cut by the network may learn that late, and not from the server.
    fn check_end_latency(&self, id: ConnectionId, world: &mut World) {
        let took = self
            .control
            .half_closed()
            .map(|at| world.now.saturating_sub(at));
        // A delayed login refusal may be pending; the login time-out may expire before it.
        let was_refused =
            self.login_replies.was_refused() || self.conversation.awaits(CommandKind::Pass);
        let is_busy = self.transfer.is_some() || was_refused || self.profile.pipelines;
        let is_at_ease = self.config.fault_plan.is_prompt() && !is_busy && !world.is_cut(id);
        if is_at_ease && took.is_some_and(|took| took > FaultPlan::PROMPT_LIMIT) {
            let violation = format!("its half-close was answered after {took:?}");
            self.report(&violation, world);
        }
    }

    /// At the end of the run: the violation in how the server ended its connections.
    pub(crate) fn closing_violation(&self, world: &World) -> Option<String> {
        let control = self.control.last_id().map(|id| world.facts_of(id));
        let control = control.and_then(|facts| self.control_closing_violation(&facts, world));
        let is_proxied = self.config.is_proxied;
        let violation = control.or_else(|| self.finished_transfers.violation(is_proxied, world))?;
        Some(format!("client {}: {violation}", self.number))
    }

    fn control_closing_violation(&self, facts: &ConnectionFacts, world: &World) -> Option<String> {
        let (closed, closing) = facts.server.closed?;
        let fin = facts.server.fin_sent.filter(|fin| *fin < closed);
        let heard = facts.server.end_delivered().filter(|heard| *heard < closed);
        if let Some(violation) = fin.and_then(|fin| {
            let linger = self.config.timings.linger;
            let over = heard.map_or(fin.at + linger, |heard| heard.at.max(fin.at));
            let late = closed.at.saturating_sub(over);
            (late > NOTICE).then(|| format!("the server lingered {late:?} too long"))
        }) {
            return Some(violation);
        }
        // A client that sent `close_notify` may leave the TCP connection open: nothing more can arrive over
        // it.
        let is_announced = self.control.has_tls() && self.control.half_closed().is_some();
        let is_heard = heard.is_some() || is_announced;
        let is_right = is_heard && !matches!(closing, Closing::ByReset(_));
        // A refusal does not linger.
        let is_refusal =
            !self.conversation.was_greeted() && fin.is_some_and(|fin| fin.at == closed.at);
        if is_right || is_refusal || self.is_excused(facts, world) {
            return None;
        }
        Some(match (closing, fin) {
            (Closing::ByReset(why), _) => {
                format!("the server closed with unread bytes of the client ({why:?})")
            }
            (_, Some(_)) => "the server did not linger behind its last reply".to_owned(),
            (_, None) => "the server closed the connection without its last reply".to_owned(),
        })
    }
}

/// The completed transfers of a client, for the final checks.
#[derive(Default)]
pub(super) struct FinishedTransfers(Vec<FinishedTransfer>);

impl FinishedTransfers {
    pub(super) fn add(&mut self, transfer: &Transfer, code: u16) {
        let id = transfer.connection.id().filter(|_| transfer.has_begun());
        self.0.extend(id.map(|connection| FinishedTransfer {
            connection,
            kind: transfer.kind(),
            code,
            is_protected: transfer.connection.is_protected(),
        }));
    }

    fn violation(&self, is_proxied: bool, world: &World) -> Option<String> {
        let mut all = self.0.iter();
        all.find_map(|one| one.violation(is_proxied, world))
    }
}

impl FinishedTransfer {
    /// The violation in how its data connection ended: after 226 with a FIN that no reset follows; otherwise
    /// never like a complete file.
    fn violation(&self, is_proxied: bool, world: &World) -> Option<String> {
        let facts = world.facts_of(self.connection);
        let (_, closing) = facts.server.closed?;
        let Self { kind, code, .. } = self;
        if is_cut(&facts) || has_panicked(&facts, world) {
            return None;
        }
        let is_whole = *code == 226;
        match closing {
            Closing::ByReset(why) if is_whole => Some(format!(
                "226 to {kind:?}, and its data connection was reset ({why:?})"
            )),
            Closing::InOrder if self.may_seem_whole(&facts, is_proxied) => Some(format!(
                "{code} to {kind:?}, and its data connection was ended in order"
            )),
            _ if is_whole
                && facts.server.fin_sent.is_none()
                && facts.server.end_delivered().is_none() =>
            {
                Some(format!(
                    "226 to {kind:?}, and its data connection was not ended"
                ))
            }
            _ => None,
        }
    }

    /// Whether a FIN makes an interrupted download look complete, even an empty one. After 425 no transfer
    /// began; behind a proxy the connection is unattributed before its header; under TLS only `close_notify`
    /// counts.
    fn may_seem_whole(&self, facts: &ConnectionFacts, is_proxied: bool) -> bool {
        let is_joined = facts.server.written > 0 || self.code == 426 && !is_proxied;
        let is_cut = self.code != 226 && is_joined;
        is_cut && self.kind == CommandKind::Fetch && !self.is_protected
    }
}
