//! How the server has ended a guest's connections, held to what was delivered.
//!
//! A client looks when it meets the end of its control connection: whatever was owed must have been said,
//! and a reset must not have destroyed it. When all is over every control connection and the data
//! connections of transfers are looked at once more, also those of clients that could see nothing.

use std::time::Duration;

use super::conversation::CommandKind;
use super::excuses::{has_panicked, is_cut};
use super::ftp_client::FtpClient;
use super::transfer::Transfer;
use crate::fault_plan::FaultPlan;
use crate::world::{Closing, ConnectionFacts, ConnectionId, World};

/// In which way a client meets the end of its control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObservedEnd {
    /// An end, under TLS one that was announced.
    End,
    /// An end of the connection, where TLS should have announced it.
    Unannounced,
    /// A reset.
    Reset,
}

/// What the server may take, beyond the time of its linger, until it notices that this is over.
const NOTICE: Duration = Duration::from_millis(500);

/// A transfer that has begun, has had its final reply and had this data connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct FinishedTransfer {
    connection: ConnectionId,
    kind: CommandKind,
    code: u16,
    is_protected: bool,
}

impl FtpClient {
    /// The server has ended the connection: whether it might.
    pub(super) fn check_end(&self, id: ConnectionId, observed: ObservedEnd, world: &mut World) {
        self.check_promptness_of_end(world);
        let pending = self.conversation.pending.front();
        let is_answered = pending.is_none() && !self.conversation.is_broken_off();
        let is_all_said = self.conversation.over || self.half_closed.is_some() && is_answered;
        let is_right = match observed {
            ObservedEnd::End => is_all_said,
            ObservedEnd::Unannounced => false,
            // It can destroy nothing that was read before.
            ObservedEnd::Reset => self.conversation.over,
        };
        let facts = world.facts_of(id);
        if is_right || self.is_excused(&facts, world) {
            return;
        }
        let violation = match observed {
            ObservedEnd::End => format!("the server left without a word, owing {pending:?}"),
            ObservedEnd::Unannounced => "an end that was not announced".to_owned(),
            ObservedEnd::Reset => {
                let why = facts.client.reset_delivered.map(|(_, why)| why);
                format!("the server reset the connection ({why:?}), owing {pending:?}")
            }
        };
        self.report(&violation, world);
    }

    /// Where nothing else is to be waited for, an end is answered by an end at once.
    fn check_promptness_of_end(&self, world: &mut World) {
        let took = self.half_closed.map(|at| world.now.saturating_sub(at));
        // A refusal may be waiting, of which it will not hear when the time for a login is over first.
        let mut pending = self.conversation.pending.iter();
        let was_refused = self.was_refused || pending.any(|one| one.kind == CommandKind::Pass);
        let is_busy = self.transfer.is_some() || was_refused || self.profile.pipelines;
        let is_at_ease = self.config.fault_plan.is_prompt() && !is_busy;
        if is_at_ease && took.is_some_and(|took| took > FaultPlan::PROMPT_LIMIT) {
            self.report(&format!("its end was noticed after {took:?}"), world);
        }
    }

    /// When all is over: what is wrong with how the server has ended its connections.
    pub(crate) fn closing_violation(&self, world: &World) -> Option<String> {
        let control = self.last_control.map(|id| world.facts_of(id));
        let control = control.and_then(|facts| self.control_closing_violation(&facts, world));
        let mut data = self.finished_transfers.iter();
        let violation = control
            .or_else(|| data.find_map(|one| one.violation(self.config.is_proxied, world)))?;
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
        // Who announces the end of TLS may leave the connection open: nothing more can come over it.
        let is_announced = self.control_tls.tls_config.is_some() && self.half_closed.is_some();
        let is_heard = heard.is_some() || is_announced;
        let is_right = is_heard && !matches!(closing, Closing::ByReset(_));
        // A refusal waits for nobody.
        let is_refusal = !self.conversation.greeted && fin.is_some_and(|fin| fin.at == closed.at);
        if is_right || is_refusal || self.is_excused(facts, world) {
            return None;
        }
        Some(match (closing, fin) {
            (Closing::ByReset(why), _) => {
                format!("the server closed over what the client had said ({why:?})")
            }
            (_, Some(_)) => "the server did not linger behind its last word".to_owned(),
            (_, None) => "the server closed the connection without its last word".to_owned(),
        })
    }
}

impl FinishedTransfer {
    pub(super) fn of(transfer: &Transfer, code: u16) -> Option<Self> {
        let connection = transfer.connection.filter(|_| transfer.begun)?;
        Some(Self {
            connection,
            kind: transfer.kind,
            code,
            is_protected: transfer.is_protected(),
        })
    }

    /// What is wrong with how the server has ended its data connection: the end of what was whole is a
    /// FIN and stays one, and of what was not it is none.
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

    /// Whether an end in order makes a download that was cut look like a file, be it an empty one. Where
    /// there was no data connection in time (425) it has not begun, and one that a proxy has made is
    /// nobody's before its header; under TLS it is the announcement that counts.
    fn may_seem_whole(&self, facts: &ConnectionFacts, is_proxied: bool) -> bool {
        let is_joined = facts.server.written > 0 || self.code == 426 && !is_proxied;
        let is_cut = self.code != 226 && is_joined;
        is_cut && self.kind == CommandKind::Fetch && !self.is_protected
    }
}
