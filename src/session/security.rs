//! AUTH, PBSZ, PROT and CCC: which connections use TLS, and which must. RFC 4217, RFC 2228.
//!
//! It owns the protection that client and server have negotiated; it must not know keys or TLS records.
//! The reactor detects clear-text bytes behind AUTH (command injection), upon which the session closes
//! instead of starting TLS.

use log::Level;

use super::{Action, Context, Progress, Repeated, Session, Settings};
use crate::auth::{Cidr, is_anonymous};
use crate::protocol::reply::Reply;
use crate::protocol::visible::QuotedName;

/// The policy for TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityPolicy {
    /// What is refused without TLS.
    pub require: TlsRequired,
    /// Whether CCC is allowed: an encrypted login, then clear text on the control connection.
    pub allow_clear: bool,
    /// Whether a verified certificate that names an account is enough to log in to it.
    pub certificate_login: bool,
    /// Networks of clients whose uploads may end without `close_notify`. An attacker on the network path
    /// can truncate such an upload, and it counts as complete.
    pub unclean_uploads: Vec<Cidr>,
}

/// What TLS is required for. Each variant includes the ones before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsRequired {
    /// Nothing.
    #[default]
    Nothing,
    /// Logins, except anonymous ones.
    Login,
    /// All logins.
    Control,
    /// All logins and data connections.
    Data,
}

/// The switch that is in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TlsSwitch {
    /// AUTH, with the initial level of data connections, which the mechanism determines.
    Secure(DataLevel),
    /// CCC.
    Clear,
}

#[derive(Debug, Default)]
pub(super) struct Protection {
    control: ControlProtection,
    /// PROT requires a PBSZ before it.
    pbsz_received: bool,
    data: DataLevel,
    /// The level that REIN restores.
    initial_data: DataLevel,
}

/// The protection of the control connection.
///
/// ```text
///   Clear ──AUTH, implicit TLS──▶ Secured ──CCC──▶ Cleared
/// ```
#[derive(Debug, Default)]
enum ControlProtection {
    #[default]
    Clear,
    /// TLS, with the account name in the client's verified certificate.
    Secured(Option<Vec<u8>>),
    /// Clear text after CCC.
    Cleared,
}

/// The level of data connections, as PROT sets it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DataLevel {
    #[default]
    Clear,
    Private,
}

impl Protection {
    pub(super) const fn is_control_secured(&self) -> bool {
        matches!(self.control, ControlProtection::Secured(_))
    }

    /// Resets PBSZ and PROT for REIN; TLS stays active.
    pub(super) const fn reset_data(&mut self) {
        self.pbsz_received = false;
        self.data = self.initial_data;
    }

    /// Whether the client's certificate suffices to log in to this account.
    pub(super) fn certifies(&self, name: &[u8], settings: &Settings) -> bool {
        let named = match &self.control {
            ControlProtection::Secured(named) => named.as_deref(),
            ControlProtection::Clear | ControlProtection::Cleared => None,
        };
        settings.accepts_certificates() && named == Some(name)
    }

    /// Whether a logged-in session violates the policy by its lack of TLS. After CCC it does not, where CCC
    /// is allowed.
    pub(super) fn lacks_tls(&self, name: &[u8], settings: &Settings) -> bool {
        let is_required = requires(settings, level_for_login(name));
        match self.control {
            ControlProtection::Secured(_) => false,
            ControlProtection::Cleared => is_required && !settings.allows_clear(),
            ControlProtection::Clear => is_required,
        }
    }

    /// For STAT.
    pub(super) const fn describe(&self) -> &'static str {
        match (&self.control, self.data) {
            (ControlProtection::Secured(_), DataLevel::Private) => {
                "Control and data connections use TLS"
            }
            (ControlProtection::Secured(_), DataLevel::Clear) => {
                "The control connection uses TLS, data connections do not"
            }
            (_, DataLevel::Private) => "Data connections use TLS, the control connection does not",
            (_, DataLevel::Clear) => "Nothing is encrypted",
        }
    }
}

impl Session {
    /// The connections that use TLS, in a word.
    pub const fn secured_word(&self) -> &'static str {
        match (self.protection.is_control_secured(), self.protection.data) {
            (true, DataLevel::Private) => "both",
            (true, DataLevel::Clear) => "control",
            (false, DataLevel::Private) => "data",
            (false, DataLevel::Clear) => "none",
        }
    }

    /// Whether data connections use TLS.
    pub const fn protects_data(&self) -> bool {
        matches!(self.protection.data, DataLevel::Private)
    }

    pub(super) fn authenticate(&mut self, mechanism: &[u8], cx: &mut Context<'_>) {
        let level = match mechanism.to_ascii_uppercase().as_slice() {
            b"TLS" | b"TLS-C" => DataLevel::Clear,
            // Drafts of RFC 4217: these mechanisms imply PROT P.
            b"SSL" | b"TLS-P" => DataLevel::Private,
            _ => return cx.reply(&Reply::fixed(504, "Unknown AUTH type; use AUTH TLS.")),
        };
        if !matches!(self.protection.control, ControlProtection::Clear) {
            return cx.reply(&Reply::fixed(503, "There was an AUTH already."));
        }
        self.progress = Progress::Switching(TlsSwitch::Secure(level));
        cx.action(Action::StartTls);
    }

    pub(super) fn protection_buffer(&mut self, size: &[u8], cx: &mut Context<'_>) {
        if !self.protection.is_control_secured() {
            return cx.reply(&Reply::fixed(503, "Send AUTH first."));
        }
        let is_number = std::str::from_utf8(size).is_ok_and(|digits| digits.parse::<u32>().is_ok());
        if !is_number {
            return cx.reply(&Reply::fixed(
                501,
                "PBSZ takes a decimal number; 0 will do.",
            ));
        }
        self.protection.pbsz_received = true;
        cx.reply(&Reply::fixed(200, "PBSZ=0"));
    }

    pub(super) fn protect(&mut self, level: &[u8], cx: &mut Context<'_>) {
        if !self.protection.is_control_secured() {
            return cx.reply(&Reply::fixed(503, "Send AUTH first."));
        }
        if !self.protection.pbsz_received {
            return cx.reply(&Reply::fixed(503, "Send PBSZ 0 first."));
        }
        let level = match level {
            b"C" | b"c" => DataLevel::Clear,
            b"P" | b"p" => DataLevel::Private,
            b"S" | b"s" | b"E" | b"e" => {
                return cx.reply(&Reply::fixed(536, "TLS has PROT C and PROT P."));
            }
            _ => return cx.reply(&Reply::fixed(504, "PROT C or PROT P.")),
        };
        if level == DataLevel::Clear && requires(cx.settings, TlsRequired::Data) {
            return cx.reply(&Reply::fixed(534, "Data connections must use TLS."));
        }
        self.protection.data = level;
        cx.reply(&match level {
            DataLevel::Clear => Reply::fixed(200, "Data connections are in the clear."),
            DataLevel::Private => Reply::fixed(200, "Data connections use TLS."),
        });
    }

    pub(super) fn clear_command_channel(&mut self, cx: &mut Context<'_>) {
        if !cx.settings.allows_clear() || !self.protection.is_control_secured() {
            return cx.reply(&Reply::fixed(533, "The control connection stays as it is."));
        }
        self.progress = Progress::Switching(TlsSwitch::Clear);
        cx.action(Action::EndTls);
    }

    /// Sends the reply to AUTH or CCC, or closes if the client has sent bytes behind it.
    pub(super) fn switching(&mut self, is_last: bool, cx: &mut Context<'_>) {
        match &self.progress {
            Progress::Switching(_) if !is_last => {
                self.close(
                    &Reply::fixed(503, "Nothing may follow AUTH or CCC at once."),
                    cx,
                );
            }
            Progress::Switching(TlsSwitch::Secure(_)) => {
                cx.reply(&Reply::fixed(234, "Proceed with the TLS handshake."));
            }
            Progress::Switching(TlsSwitch::Clear) => {
                cx.reply(&Reply::fixed(200, "Proceed with the end of TLS."));
            }
            _ => {}
        }
    }

    /// Whether AUTH or CCC is in progress.
    pub const fn is_switching(&self) -> bool {
        matches!(self.progress, Progress::Switching(_))
    }

    /// TLS has started. A login in clear text is flushed (RFC 4217 §4). Without an AUTH this is implicit TLS,
    /// where data connections are private from the start.
    pub(super) fn secured(&mut self, name: Option<Vec<u8>>, cx: &mut Context<'_>) {
        self.protection.data = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Switching(TlsSwitch::Secure(level)) => {
                self.flush_account(cx);
                level
            }
            Progress::Idle => {
                self.protection.initial_data = DataLevel::Private;
                DataLevel::Private
            }
            other => return self.progress = other,
        };
        self.protection.control = ControlProtection::Secured(name);
    }

    pub(super) fn cleared(&mut self) {
        self.protection.control = ControlProtection::Cleared;
        if matches!(self.progress, Progress::Switching(TlsSwitch::Clear)) {
            self.progress = Progress::Idle;
        }
    }

    /// Whether the policy permits a login by this name on this connection. If not, replies 530 and logs the
    /// reason, but not as a failed login, since those count towards a ban of the address.
    pub(super) fn tls_permits_login(&mut self, name: &[u8], cx: &mut Context<'_>) -> bool {
        let is_required = requires(cx.settings, level_for_login(name));
        let may = self.protection.is_control_secured() || !is_required;
        if !may {
            let name = QuotedName(name);
            let text = format_args!("Login without TLS refused (tls.require): {name}");
            self.log_once(Repeated::LoginInClear, Level::Warn, text);
            cx.reply(&Reply::fixed(530, "Log in over TLS: send AUTH TLS first."));
        }
        may
    }

    /// Whether data connections are in the clear although the policy requires TLS.
    pub(super) fn violates_data_policy(&self, settings: &Settings) -> bool {
        !self.protects_data() && requires(settings, TlsRequired::Data)
    }

    /// Whether the policy permits a data connection at the present level; replies 522 if not. RFC 4217 §9
    /// has 521, but upon the 522 of other servers lftp sends PROT P and retries.
    pub(super) fn tls_permits_data(&self, cx: &mut Context<'_>) -> bool {
        let may = !self.violates_data_policy(cx.settings);
        if !may {
            cx.reply(&Reply::fixed(
                522,
                "Data connections must use TLS: send PROT P first.",
            ));
        }
        may
    }
}

/// The lowest level of the policy at which a login by this name needs TLS.
fn level_for_login(name: &[u8]) -> TlsRequired {
    if is_anonymous(name) {
        TlsRequired::Control
    } else {
        TlsRequired::Login
    }
}

fn requires(settings: &Settings, level: TlsRequired) -> bool {
    let policy = settings.security.as_ref();
    policy.is_some_and(|policy| policy.require >= level)
}
