//! What all sessions of a server have in common: who may log in, what is refused, how long anything may
//! take.
//!
//! Plain data, made of a configuration by whoever has one, and exchanged as a whole while sessions go
//! on. What one session has agreed on with its client is not here.

use std::sync::Arc;

use super::SecurityPolicy;
use crate::auth::{Accounts, RevokedSessions};
use crate::limits::{Throttling, Timings};
use crate::protocol::charset::Charset;
use crate::protocol::date::Precision;
use crate::protocol::reply::Reply;
use crate::protocol::zone::Zone;
use crate::storage::{CutUploads, Umask};

/// What all sessions of a server have in common.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether there is a directory to serve.
    pub mode: Mode,
    /// What clients are told when they have connected, lines joined by LF; `None`: the usual words.
    pub greeting: Option<String>,
    /// Who may log in.
    pub accounts: Arc<Accounts>,
    /// The permission bits that new files do not get, where a session has set no other.
    pub umask: Umask,
    /// What becomes of an upload whose connection is cut.
    pub cut_uploads: CutUploads,
    /// The time zone of the dates in LIST.
    pub zone: Zone,
    /// How exactly the times of files are told.
    pub time_precision: Precision,
    /// What clients get names in that have not said that they read UTF-8.
    pub charset: Option<Charset>,
    /// Whether data connections to clients come from the port before that of the control connection.
    pub active_from_default_port: bool,
    /// Whether COMB is served.
    pub allow_combine: bool,
    /// What becomes of sessions that would not be let in any more.
    pub revoked_sessions: RevokedSessions,
    /// What TLS is for; `None`: there is none.
    pub security: Option<SecurityPolicy>,
    /// How long anything may take.
    pub timings: Timings,
    /// What an address may do before it is slowed down or shut out.
    pub throttling: Throttling,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Serving,
            greeting: None,
            accounts: Arc::default(),
            zone: Zone::UTC,
            time_precision: Precision::default(),
            charset: None,
            active_from_default_port: false,
            allow_combine: false,
            revoked_sessions: RevokedSessions::default(),
            security: None,
            umask: Umask::USUAL,
            cut_uploads: CutUploads::default(),
            timings: Timings::default(),
            throttling: Throttling::default(),
        }
    }
}

impl Settings {
    /// Whether a client's certificate can be enough for a login.
    pub(super) fn accepts_certificates(&self) -> bool {
        let policy = self.security.as_ref();
        policy.is_some_and(|policy| policy.certificate_login)
    }

    /// Whether a client may go back to clear text after its login.
    pub(super) fn allows_clear(&self) -> bool {
        let policy = self.security.as_ref();
        policy.is_some_and(|policy| policy.allow_clear)
    }

    /// The first words of a conversation.
    pub(super) fn welcome(&self) -> Reply {
        let own = self.greeting.as_deref();
        own.map_or_else(Reply::service_ready_for_new_user, |text| {
            Reply::new(220, text)
        })
    }
}

/// What the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It answers NOOP and QUIT, and nothing else is implemented.
    ControlOnly,
    /// It serves a directory.
    Serving,
}
