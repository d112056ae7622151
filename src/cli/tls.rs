//! The options for TLS.
//!
//! They override the keys of the `[tls]` table. Their combination is validated with all other keys.

use std::net::SocketAddr;
use std::path::PathBuf;

use mioftpd::{DataSession, TlsDraft, TlsRequired};

use super::layers::override_with;
use super::{UsageError, value};

/// The values of the options, before validation.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Default)]
pub(super) struct TlsOptions {
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

impl TlsOptions {
    /// Stores an option, and consumes its value; false: it is not one of these.
    pub(super) fn take(
        &mut self,
        name: &str,
        parser: &mut lexopt::Parser,
    ) -> Result<bool, UsageError> {
        match name {
            "tls-cert" => self.certificate = Some(parser.value()?.into()),
            "tls-key" => self.key = Some(parser.value()?.into()),
            "tls-self-signed" => self.self_signed = true,
            "state-dir" => self.state = Some(parser.value()?.into()),
            "tls-listen" => {
                let takes = "ADDR:PORT such as 0.0.0.0:990 or [::]:990";
                self.listen.push(value(parser, name, takes)?);
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

    /// Overrides the keys in `base`. An option for a certificate overrides all keys for one.
    pub(super) fn apply_to(self, base: &mut TlsDraft) {
        if self.certificate.is_some() || self.key.is_some() {
            (base.certificate, base.key) = (self.certificate, self.key);
            (base.self_signed, base.state, base.names) = (false, None, None);
        } else if self.self_signed {
            (base.certificate, base.key, base.names) = (None, None, None);
        }
        base.self_signed |= self.self_signed;
        override_with(&mut base.state, self.state.map(Some));
        if !self.listen.is_empty() {
            base.listen = self.listen;
        }
        override_with(&mut base.policy.require, self.require);
        base.policy.allow_clear |= self.allow_clear;
        base.policy.certificate_login |= self.client_login;
        override_with(&mut base.data_session, self.data_session);
        override_with(&mut base.client_authority, self.client_authority.map(Some));
        base.client_required |= self.client_required;
    }
}
