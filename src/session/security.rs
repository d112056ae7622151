//! AUTH, PBSZ, PROT, CCC: what is protected by TLS, and what must be. RFC 4217, RFC 2228.
//!
//! It owns what client and server have agreed on; it knows no key and no record. What comes
//! behind AUTH in the clear is the reactor's to see: then there is no switch, but the end.

use std::str::FromStr;

use log::Level;

use super::{Action, Context, Progress, Repeated, Session, Settings};
use crate::auth::{Cidr, is_anonymous};
use crate::protocol::reply::Reply;
use crate::protocol::visible::QuotedName;

/// What TLS is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityPolicy {
    /// Without TLS, what is refused.
    pub require: TlsRequired,
    /// Whether CCC is allowed: an encrypted login, and then everything else in the clear.
    pub allow_clear: bool,
    /// Whether a verified certificate that names an account is enough to log in to it.
    pub certificate_login: bool,
    /// Networks of clients whose uploads may end without `close_notify`: whoever can cut their data
    /// connections can shorten what they send, and it counts as whole.
    pub unclean_uploads: Vec<Cidr>,
}

/// What TLS is needed for; each needs it for more than the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsRequired {
    /// Nothing.
    #[default]
    Nothing,
    /// To log in with a password that matters: not as anonymous.
    Login,
    /// To log in at all.
    Control,
    /// And for data connections.
    Data,
}

impl FromStr for TlsRequired {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self::Nothing),
            "login" => Ok(Self::Login),
            "control" => Ok(Self::Control),
            "data" => Ok(Self::Data),
            _ => Err(()),
        }
    }
}

/// Which switch the session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    /// AUTH; data connections are private from the beginning where the mechanism says so.
    Secure(DataLevel),
    /// CCC.
    Clear,
}

/// What has been agreed on.
#[derive(Debug, Default)]
pub(super) struct Protection {
    control: Control,
    /// PBSZ has been said, without which there is no PROT.
    has_buffer_size: bool,
    data: DataLevel,
    /// What that was after the greeting.
    data_at_first: DataLevel,
}

/// The control connection.
///
/// ```text
///   Clear ──AUTH, implicit TLS──▶ Secured ──CCC──▶ Cleared
/// ```
#[derive(Debug, Default)]
enum Control {
    #[default]
    Clear,
    /// With the account that the client's certificate names.
    Secured(Option<Vec<u8>>),
    /// It was, until the login was over.
    Cleared,
}

/// PROT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DataLevel {
    #[default]
    Clear,
    Private,
}

impl Protection {
    pub(super) const fn is_control_secured(&self) -> bool {
        matches!(self.control, Control::Secured(_))
    }

    /// What REIN takes back; TLS itself stays.
    pub(super) const fn forget_data(&mut self) {
        self.has_buffer_size = false;
        self.data = self.data_at_first;
    }

    /// Whether the client's certificate is enough for this account.
    pub(super) fn vouches_for(&self, name: &[u8], settings: &Settings) -> bool {
        let named = match &self.control {
            Control::Secured(named) => named.as_deref(),
            Control::Clear | Control::Cleared => None,
        };
        settings.accepts_certificates() && named == Some(name)
    }

    /// Whether a session that is logged in by this name is in the clear, and may not be. One that has
    /// gone back to it after its login (CCC) may be where that is allowed.
    pub(super) fn lacks_tls(&self, name: &[u8], settings: &Settings) -> bool {
        let is_required = requires(settings, needed_by(name));
        match self.control {
            Control::Secured(_) => false,
            Control::Cleared => is_required && !settings.allows_clear(),
            Control::Clear => is_required,
        }
    }

    /// For STAT.
    pub(super) const fn describe(&self) -> &'static str {
        match (&self.control, self.data) {
            (Control::Secured(_), DataLevel::Private) => "Control and data connections use TLS",
            (Control::Secured(_), DataLevel::Clear) => {
                "The control connection uses TLS, data connections do not"
            }
            (_, DataLevel::Private) => "Data connections use TLS, the control connection does not",
            (_, DataLevel::Clear) => "Nothing is encrypted",
        }
    }
}

impl Session {
    /// Whether data connections are to be secured.
    pub const fn protects_data(&self) -> bool {
        matches!(self.protection.data, DataLevel::Private)
    }

    pub(super) fn authenticate(&mut self, mechanism: &[u8], cx: &mut Context<'_>) {
        let level = match mechanism.to_ascii_uppercase().as_slice() {
            b"TLS" | b"TLS-C" => DataLevel::Clear,
            // As their drafts had it: data is private without a word.
            b"SSL" | b"TLS-P" => DataLevel::Private,
            _ => return cx.reply(&Reply::fixed(504, "Unknown AUTH type; use AUTH TLS.")),
        };
        if !matches!(self.protection.control, Control::Clear) {
            return cx.reply(&Reply::fixed(503, "There was an AUTH already."));
        }
        self.progress = Progress::Switching(Switch::Secure(level));
        cx.action(Action::Secure);
    }

    pub(super) fn protection_buffer(&mut self, size: &[u8], cx: &mut Context<'_>) {
        if !self.protection.is_control_secured() {
            return cx.reply(&Reply::fixed(503, "Send AUTH first."));
        }
        let digits = std::str::from_utf8(size).unwrap_or_default();
        if digits.parse::<u32>().is_err() {
            return cx.reply(&Reply::fixed(
                501,
                "PBSZ takes a decimal number; 0 will do.",
            ));
        }
        self.protection.has_buffer_size = true;
        cx.reply(&Reply::fixed(200, "PBSZ=0"));
    }

    pub(super) fn protect(&mut self, level: &[u8], cx: &mut Context<'_>) {
        if !self.protection.is_control_secured() {
            return cx.reply(&Reply::fixed(503, "Send AUTH first."));
        }
        if !self.protection.has_buffer_size {
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
        self.progress = Progress::Switching(Switch::Clear);
        cx.action(Action::Clear);
    }

    /// The reply can be said, or is the last.
    pub(super) fn switching(&mut self, is_last: bool, cx: &mut Context<'_>) {
        match &self.progress {
            Progress::Switching(_) if !is_last => {
                self.close(
                    &Reply::fixed(503, "Nothing may follow AUTH or CCC at once."),
                    cx,
                );
            }
            Progress::Switching(Switch::Secure(_)) => {
                cx.reply(&Reply::fixed(234, "Proceed with the TLS handshake."));
            }
            Progress::Switching(Switch::Clear) => {
                cx.reply(&Reply::fixed(200, "Proceed with the end of TLS."));
            }
            _ => {}
        }
    }

    /// Whether AUTH or CCC was said, and what it has begun is not over.
    pub const fn is_switching(&self) -> bool {
        matches!(self.progress, Progress::Switching(_))
    }

    /// TLS has begun. Whoever logged in before did so in the clear, and has to do it again (RFC
    /// 4217 §4). Where there was no AUTH, this is implicit TLS, whose data is private.
    pub(super) fn secured(&mut self, name: Option<Vec<u8>>, cx: &mut Context<'_>) {
        self.protection.data = match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Switching(Switch::Secure(level)) => {
                self.flush_account(cx);
                level
            }
            Progress::Idle => {
                self.protection.data_at_first = DataLevel::Private;
                DataLevel::Private
            }
            other => return self.progress = other,
        };
        self.protection.control = Control::Secured(name);
    }

    pub(super) fn cleared(&mut self) {
        self.protection.control = Control::Cleared;
        if matches!(self.progress, Progress::Switching(Switch::Clear)) {
            self.progress = Progress::Idle;
        }
    }

    /// Whether the name may be followed by a password as things are, or the 530 is said, and why in
    /// the log: not as a failed login, for which addresses are banned.
    pub(super) fn may_log_in(&mut self, name: &[u8], cx: &mut Context<'_>) -> bool {
        let is_required = requires(cx.settings, needed_by(name));
        let may = self.protection.is_control_secured() || !is_required;
        if !may {
            let text = format_args!(
                "{}: Refused to log in without TLS, which tls.require has: {}",
                self.peer,
                QuotedName(name)
            );
            self.log.once(Repeated::LoginInClear, Level::Warn, text);
            cx.reply(&Reply::fixed(530, "Log in over TLS: send AUTH TLS first."));
        }
        may
    }

    /// Whether data connections are in the clear, and may not be.
    pub(super) fn sends_in_the_clear(&self, settings: &Settings) -> bool {
        !self.protects_data() && requires(settings, TlsRequired::Data)
    }

    /// Whether a data connection may be as it would be, or the 522 is said: RFC 4217 §9 has 521 for
    /// it, and other servers have 522, upon which lftp sends PROT P and goes on.
    pub(super) fn may_open_data(&self, cx: &mut Context<'_>) -> bool {
        let may = !self.sends_in_the_clear(cx.settings);
        if !may {
            cx.reply(&Reply::fixed(
                522,
                "Data connections must use TLS: send PROT P first.",
            ));
        }
        may
    }
}

/// What has to be required so that a login by this name needs TLS.
fn needed_by(name: &[u8]) -> TlsRequired {
    if is_anonymous(name) {
        TlsRequired::Control
    } else {
        TlsRequired::Login
    }
}

fn requires(settings: &Settings, what: TlsRequired) -> bool {
    let policy = settings.security.as_ref();
    policy.is_some_and(|policy| policy.require >= what)
}
