//! A configuration before it is known whether its keys go together: what a file says, and what was
//! typed over it.
//!
//! It becomes a [`Config`] where the [table of combinations](super::combinations) has no mistake.

use std::net::SocketAddr;
use std::path::PathBuf;

use log::LevelFilter;

use super::{Certificate, ClientAuthority, Config, Origins, TlsConfig, combinations};
use crate::net::DataSession;
use crate::session::{SecurityPolicy, TlsRequired};

/// What a file says, with the defaults for the rest, and what options lay over it.
#[derive(Clone, Debug, Default)]
pub struct ConfigDraft {
    /// All but TLS.
    pub config: Config,
    /// TLS, key by key.
    pub tls: TlsDraft,
    /// How much is logged, if that is said.
    pub log: Option<LevelFilter>,
}

impl ConfigDraft {
    /// Sees whether it goes together.
    ///
    /// # Errors
    /// The first mistake: where it is, and what would be right.
    pub fn finish(self) -> Result<Config, String> {
        let mistakes = combinations::mistakes(&self.config, &self.tls);
        match mistakes.into_iter().next() {
            Some(first) => Err(first),
            None => self.assemble(),
        }
    }

    /// As [`finish`](Self::finish), with those mistakes that leave a whole configuration.
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

/// The parts of a [`TlsConfig`].
#[derive(Clone, Debug, Default)]
pub struct TlsDraft {
    /// PEM, with its chain.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// Whether a certificate is made instead.
    pub self_signed: bool,
    /// Where that is kept.
    pub state: Option<PathBuf>,
    /// What it names; `None`: what the host is called.
    pub names: Option<Vec<String>>,
    /// Where TLS begins at once.
    pub listen: Vec<SocketAddr>,
    /// What TLS is for.
    pub policy: SecurityPolicy,
    /// Whether data connections resume the session of their control connection.
    pub data_session: DataSession,
    /// Who signs the certificates of clients.
    pub client_authority: Option<PathBuf>,
    /// Whether clients must show one.
    pub client_required: bool,
}

impl TlsDraft {
    /// Whether there is to be TLS. Who says that it is required for nothing, and nothing else of it,
    /// means to do without.
    pub(super) fn is_wanted(&self, origins: &Origins) -> bool {
        let is_declined = self.policy.require == TlsRequired::Nothing;
        origins.has_table("tls") && !(is_declined && origins.has_only("tls", "tls.require"))
    }

    /// The keys of what is in force.
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
