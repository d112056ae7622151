//! The options about TLS: what was typed, and what it means together.

use std::net::SocketAddr;
use std::path::PathBuf;

use mioftpd::config::{Certificate, ClientAuthority, TlsConfig, own_names};
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
    /// The first option that was typed, for what is said where none may be.
    first: Option<String>,
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
        self.first.get_or_insert_with(|| name.to_owned());
        Ok(true)
    }

    /// Lays it over what the file says, and sees whether it fits together.
    pub(super) fn over(
        self,
        base: Option<TlsConfig>,
        serves: bool,
    ) -> Result<Option<TlsConfig>, Usage> {
        let Some(first) = self.first.clone() else {
            return Ok(base);
        };
        let wrong = |text: String| Err(Usage(text));
        if !cfg!(feature = "tls") {
            return wrong(format!(
                "--{first}: this build has no TLS; build it with --features tls"
            ));
        }
        if !serves {
            return wrong(format!("--{first} goes with a DIR to serve"));
        }
        let (certificate, listen, mut policy, mut data_session, clients) = match base {
            Some(base) => (
                Some(base.certificate),
                base.listen,
                base.policy,
                base.data_session,
                base.clients,
            ),
            None => Default::default(),
        };
        let mut clients = match self.client_authority.clone() {
            None => clients,
            Some(file) => Some(ClientAuthority {
                file,
                required: clients.is_some_and(|clients| clients.required),
            }),
        };
        if clients.is_none() && (self.client_required || self.client_login) {
            let text = "--tls-client-required and --tls-client-login go with --tls-client-ca FILE";
            return wrong(text.to_owned());
        }
        if let Some(clients) = &mut clients {
            clients.required |= self.client_required;
        }
        lay(&mut policy.require, self.require);
        policy.allow_clear |= self.allow_clear;
        policy.certificate_login |= self.client_login;
        lay(&mut data_session, self.data_session);
        let listen = if self.listen.is_empty() {
            listen
        } else {
            self.listen.clone()
        };
        Ok(Some(TlsConfig {
            certificate: self.certificate(certificate, &listen, &first)?,
            listen,
            policy,
            data_session,
            clients,
        }))
    }

    fn certificate(
        self,
        base: Option<Certificate>,
        listen: &[SocketAddr],
        first: &str,
    ) -> Result<Certificate, Usage> {
        match (self.certificate, self.key, self.self_signed) {
            (Some(certificate), Some(key), false) if self.state.is_none() => {
                Ok(Certificate::Files { certificate, key })
            }
            (None, None, true) => Ok(Certificate::SelfSigned {
                names: own_names(listen),
                state: self.state,
            }),
            (Some(_), None, false) => Err(Usage("--tls-cert goes with --tls-key FILE".to_owned())),
            (None, Some(_), false) => Err(Usage("--tls-key goes with --tls-cert FILE".to_owned())),
            (None, None, false) => match (base, self.state) {
                (Some(Certificate::SelfSigned { names, .. }), Some(state)) => {
                    let state = Some(state);
                    Ok(Certificate::SelfSigned { state, names })
                }
                (Some(base), None) => Ok(base),
                (Some(_), Some(_)) => Err(needs_self_signed()),
                (None, _) => Err(Usage(format!(
                    "--{first} needs --tls-cert FILE and --tls-key FILE, or --tls-self-signed"
                ))),
            },
            (_, _, false) => Err(needs_self_signed()),
            (_, _, true) => Err(Usage(
                "either --tls-self-signed, or --tls-cert and --tls-key".to_owned(),
            )),
        }
    }
}

fn needs_self_signed() -> Usage {
    Usage("--state-dir goes with --tls-self-signed".to_owned())
}
