//! The options about TLS: what was typed, and what it means together.

use std::net::SocketAddr;
use std::path::PathBuf;

use mioftpd::config::TlsDraft;
use mioftpd::net::DataSession;
use mioftpd::session::TlsRequired;

use super::layers::lay;
use super::{Usage, value};

/// What was typed, before it is known whether it fits together.
#[allow(clippy::struct_excessive_bools, reason = "a switch is one")]
#[derive(Clone, Default)]
pub(super) struct Typed {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    self_signed: bool,
    state: Option<PathBuf>,
    listen: Vec<SocketAddr>,
    require: Option<TlsRequired>,
    data_session: Option<DataSession>,
    client_authority: Option<PathBuf>,
    client_required: bool,
    client_login: bool,
    allow_clear: bool,
}

impl Typed {
    /// Whether the option is one of these; if it has a value, it is taken.
    pub(super) fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool, Usage> {
        match name {
            "tls-cert" => self.certificate = Some(parser.value()?.into()),
            "tls-key" => self.key = Some(parser.value()?.into()),
            "tls-self-signed" => self.self_signed = true,
            "state-dir" => self.state = Some(parser.value()?.into()),
            "tls-listen" => {
                let what = "ADDR:PORT, as in 0.0.0.0:990 or [::]:990";
                self.listen.push(value(parser, name, what)?);
            }
            "tls-require" => {
                self.require = Some(value(parser, name, "none, login, control or data")?);
            }
            "tls-data-session" => {
                self.data_session = Some(value(parser, name, "off, observe or require")?);
            }
            "tls-client-ca" => self.client_authority = Some(parser.value()?.into()),
            "tls-client-required" => self.client_required = true,
            "tls-client-login" => self.client_login = true,
            "tls-allow-ccc" => self.allow_clear = true,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Lays it over what the file says. A certificate that was typed takes the place of all that the
    /// file says of one.
    pub(super) fn over(self, base: &mut TlsDraft) {
        if self.certificate.is_some() || self.key.is_some() {
            (base.certificate, base.key) = (self.certificate, self.key);
            (base.self_signed, base.state, base.names) = (false, None, None);
        } else if self.self_signed {
            (base.certificate, base.key, base.names) = (None, None, None);
        }
        base.self_signed |= self.self_signed;
        lay(&mut base.state, self.state.map(Some));
        if !self.listen.is_empty() {
            base.listen = self.listen;
        }
        lay(&mut base.policy.require, self.require);
        base.policy.allow_clear |= self.allow_clear;
        base.policy.certificate_login |= self.client_login;
        lay(&mut base.data_session, self.data_session);
        lay(&mut base.client_authority, self.client_authority.map(Some));
        base.client_required |= self.client_required;
    }
}
