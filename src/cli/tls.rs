//! The options about TLS: what was typed, and what it means together.

use std::net::SocketAddr;
use std::path::PathBuf;

use mioftpd::config::{Certificate, ClientAuthority, TlsConfig};
use mioftpd::net::DataSession;
use mioftpd::session::{SecurityPolicy, TlsRequired};

use super::{Usage, value};

/// What was typed, before it is known whether it fits together.
#[allow(clippy::struct_excessive_bools, reason = "a switch is one")]
#[derive(Default)]
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

    /// Sees whether it fits together; `None` where nothing was typed.
    pub(super) fn config(self, serves: bool) -> Result<Option<TlsConfig>, Usage> {
        let Some(first) = self.first.clone() else {
            return Ok(None);
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
        if self.client_authority.is_none() && (self.client_required || self.client_login) {
            let text = "--tls-client-required and --tls-client-login go with --tls-client-ca FILE";
            return wrong(text.to_owned());
        }
        let policy = SecurityPolicy {
            require: self.require.unwrap_or_default(),
            allow_clear: self.allow_clear,
            certificate_login: self.client_login,
        };
        let required = self.client_required;
        Ok(Some(TlsConfig {
            policy,
            data_session: self.data_session.unwrap_or_default(),
            clients: self
                .client_authority
                .clone()
                .map(|file| ClientAuthority { file, required }),
            listen: self.listen.clone(),
            certificate: self.certificate(&first)?,
        }))
    }

    fn certificate(self, first: &str) -> Result<Certificate, Usage> {
        match (self.certificate, self.key, self.self_signed) {
            (Some(certificate), Some(key), false) if self.state.is_none() => {
                Ok(Certificate::Files { certificate, key })
            }
            (None, None, true) => Ok(Certificate::SelfSigned {
                names: own_names(&self.listen),
                state: self.state,
            }),
            (Some(_), None, false) => Err(Usage("--tls-cert goes with --tls-key FILE".to_owned())),
            (None, Some(_), false) => Err(Usage("--tls-key goes with --tls-cert FILE".to_owned())),
            (None, None, false) => Err(Usage(format!(
                "--{first} needs --tls-cert FILE and --tls-key FILE, or --tls-self-signed"
            ))),
            (_, _, false) => Err(Usage("--state-dir goes with --tls-self-signed".to_owned())),
            (_, _, true) => Err(Usage(
                "either --tls-self-signed, or --tls-cert and --tls-key".to_owned(),
            )),
        }
    }
}

/// What clients may call this host: its name, and what it is when they are on it.
fn own_names(listen: &[SocketAddr]) -> Vec<String> {
    let system = rustix::system::uname();
    let host = system.nodename().to_str().unwrap_or_default();
    let mut names: Vec<String> = [host, "localhost", "127.0.0.1", "::1"]
        .iter()
        .filter(|name| !name.is_empty())
        .map(ToString::to_string)
        .collect();
    for address in listen.iter().filter(|one| !one.ip().is_unspecified()) {
        let name = address.ip().to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
