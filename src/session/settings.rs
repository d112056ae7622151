//! The settings that all sessions of a server share: accounts, policies and time-outs.
//!
//! Plain data, built from a configuration file or by an embedding program. A reload replaces it as a whole
//! while sessions are open. The state of a single session is not here.

use std::sync::Arc;
use std::time::Duration;

use super::SecurityPolicy;
use crate::auth::{Accounts, RevokedSessions};
use crate::limits::{Throttling, Timings};
use crate::protocol::charset::Charset;
use crate::protocol::date::Precision;
use crate::protocol::reply::Reply;
use crate::protocol::zone::Zone;
use crate::storage::{CutUploads, Umask};

/// The settings that all sessions of a server share.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether the server serves files.
    pub mode: ServerMode,
    /// The text of the 220, with lines separated by LF; `None`: the text of RFC 959.
    pub greeting: Option<String>,
    /// The accounts.
    pub accounts: Arc<Accounts>,
    /// The umask of sessions that set none themselves.
    pub umask: Umask,
    /// Whether a partial file is kept when an upload is cut.
    pub cut_uploads: CutUploads,
    /// The time zone of the dates in LIST.
    pub zone: Zone,
    /// The precision of times in MDTM and facts.
    pub time_precision: Precision,
    /// The charset of names for clients that have not sent OPTS UTF8 ON.
    pub charset: Option<Charset>,
    /// Whether active data connections use the default data port as their source: the control port minus 1.
    pub active_from_default_port: bool,
    /// Whether COMB is served.
    pub allow_combine: bool,
    /// Whether a reload ends sessions that could not log in again.
    pub revoked_sessions: RevokedSessions,
    /// The policy for TLS; `None`: TLS is not available.
    pub security: Option<SecurityPolicy>,
    /// The time-outs.
    pub timings: Timings,
    /// Rate limits and bans of client addresses.
    pub throttling: Throttling,
    /// How long a command, a turn, an iteration or a job may take that is not logged; `None`: for ever.
    pub slow: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: ServerMode::Serving,
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
            slow: None,
        }
    }
}

impl Settings {
    /// Whether a client can log in by its certificate alone.
    pub(super) fn accepts_certificates(&self) -> bool {
        let policy = self.security.as_ref();
        policy.is_some_and(|policy| policy.certificate_login)
    }

    pub(super) fn allows_clear(&self) -> bool {
        let policy = self.security.as_ref();
        policy.is_some_and(|policy| policy.allow_clear)
    }

    pub(super) fn greeting_reply(&self) -> Reply {
        let own = self.greeting.as_deref();
        own.map_or_else(Reply::service_ready_for_new_user, |text| {
            Reply::new(220, text)
        })
    }
}

/// The mode of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerMode {
    /// It serves NOOP and QUIT only.
    ControlOnly,
    /// It serves files.
    Serving,
}
