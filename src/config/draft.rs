//! A configuration before validation: the values of the file, overridden by the options.
//!
//! It becomes a [`Config`] if the [table of combinations](super::combinations) finds no mistake.

use std::net::SocketAddr;
use std::path::PathBuf;

use log::LevelFilter;

use super::{Certificate, ClientAuthority, Config, Origins, TlsConfig, combinations};
use crate::net::DataSession;
use crate::session::{SecurityPolicy, TlsRequired};

/// The values of a file over the defaults; options override them.
#[derive(Clone, Debug, Default)]
pub struct ConfigDraft {
    /// Everything except TLS; `config.tls` is not used.
    pub config: Config,
    /// The keys of TLS.
    pub tls: TlsDraft,
    /// The log level, if it is set.
    pub log: Option<LevelFilter>,
}

impl ConfigDraft {
    /// Validates the combination of all keys.
    ///
    /// # Errors
    /// The first mistake, with its position and the remedy.
    pub fn finish(self) -> Result<Config, String> {
        let mistakes = combinations::mistakes(&self.config, &self.tls);
        match mistakes.into_iter().next() {
            Some(first) => Err(first),
            None => self.assemble(),
        }
    }

    /// As [`finish`](Self::finish), but only checks that the certificate is complete.
    pub(super) fn assemble(self) -> Result<Config, String> {
        let mut config = self.config;
        config.tls = if self.tls.is_wanted(&config.origins) {
            Some(self.tls.finish()?)
        } else {
            None
        };
        Ok(config)
    }
}

/// The keys of a [`TlsConfig`].
#[derive(Clone, Debug, Default)]
pub struct TlsDraft {
    /// PEM file with the certificate and its chain.
    pub certificate: Option<PathBuf>,
    /// PEM file with the private key.
    pub key: Option<PathBuf>,
    /// Whether to generate a certificate instead.
    pub self_signed: bool,
    /// The directory that keeps the generated certificate.
    pub state: Option<PathBuf>,
    /// Its subject alternative names. `None`: the default names.
    pub names: Option<Vec<String>>,
    /// Addresses with implicit TLS.
    pub listen: Vec<SocketAddr>,
    /// What requires TLS.
    pub policy: SecurityPolicy,
    /// Whether data connections must resume the TLS session of their control connection.
    pub data_session: DataSession,
    /// PEM file with the CA of client certificates.
    pub client_authority: Option<PathBuf>,
    /// Whether a client certificate is required.
    pub client_required: bool,
}

impl TlsDraft {
    /// Whether TLS is configured: any key of it is set. `require = "none"` as the only key declines TLS,
    /// which suppresses the warning about clear-text passwords.
    pub(super) fn is_wanted(&self, origins: &Origins) -> bool {
        let is_declined = self.policy.require == TlsRequired::Nothing;
        origins.has_table("tls") && !(is_declined && origins.has_only("tls", "tls.require"))
    }

    /// The keys that would produce this configuration.
    pub(super) fn of(tls: Option<TlsConfig>) -> Self {
        let Some(tls) = tls else {
            return Self::default();
        };
        let mut draft = Self {
            listen: tls.listen,
            policy: tls.policy,
            data_session: tls.data_session,
            ..Self::default()
        };
        match tls.certificate {
            Certificate::Files { certificate, key } => {
                (draft.certificate, draft.key) = (Some(certificate), Some(key));
            }
            Certificate::SelfSigned { state, names } => {
                draft.self_signed = true;
                draft.state = state;
                draft.names = Some(names).filter(|names| !names.is_empty());
            }
        }
        if let Some(clients) = tls.clients {
            draft.client_authority = Some(clients.file);
            draft.client_required = clients.required;
        }
        draft
    }

    fn finish(self) -> Result<TlsConfig, String> {
        let certificate = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Certificate::Files { certificate, key },
            (None, None) if self.self_signed => Certificate::SelfSigned {
                // Empty: the default names.
                names: self.names.unwrap_or_default(),
                state: self.state,
            },
            _ => return Err("tls needs a certificate and its key".to_owned()),
        };
        let required = self.client_required;
        Ok(TlsConfig {
            certificate,
            listen: self.listen,
            policy: self.policy,
            data_session: self.data_session,
            clients: self
                .client_authority
                .map(|file| ClientAuthority { file, required }),
        })
    }
}
