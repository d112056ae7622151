//! The settings of FTPS, and the keys that they are made of.
//!
//! Which keys go together is said in the [table of combinations](super::combinations). Nothing here opens a
//! file.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::Origins;
use crate::net::DataSession;
use crate::net::tls::certificate_files;
use crate::session::{SecurityPolicy, TlsRequired};

/// The settings of FTPS.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// The certificate of the server.
    pub certificate: Certificate,
    /// Addresses with implicit TLS; on all others a client sends AUTH.
    pub listen: Vec<SocketAddr>,
    /// What requires TLS.
    pub policy: SecurityPolicy,
    /// Whether data connections must resume the TLS session of their control connection.
    pub data_session: DataSession,
    /// Client certificates. `None`: none are requested.
    pub clients: Option<ClientAuthority>,
}

impl TlsConfig {
    /// The files of the certificate and its key; `None`: both are in memory only.
    pub(crate) fn own_files(&self) -> Option<(PathBuf, PathBuf)> {
        match &self.certificate {
            Certificate::Files { certificate, key } => Some((certificate.clone(), key.clone())),
            Certificate::SelfSigned { state, .. } => Some(certificate_files(state.as_deref()?)),
        }
    }

    /// The files that a start creates if they are missing.
    pub(super) fn created(&self) -> Vec<PathBuf> {
        let Certificate::SelfSigned {
            state: Some(state), ..
        } = &self.certificate
        else {
            return Vec::new();
        };
        let (certificate, key) = certificate_files(state);
        vec![state.clone(), certificate, key]
    }
}

/// The source of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Two PEM files.
    Files {
        /// The certificate, followed by its chain.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// A self-signed certificate, generated at the start.
    SelfSigned {
        /// The directory that keeps it across restarts. `None`: a new one at each start.
        state: Option<PathBuf>,
        /// The subject alternative names: host names and addresses. A kept certificate with other names
        /// is replaced. Empty: [`own_names`] at the time of generation.
        names: Vec<String>,
    },
}

/// The authority that signs client certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthority {
    /// A PEM file with one or more CA certificates.
    pub file: PathBuf,
    /// Whether a client certificate is required or optional.
    pub required: bool,
}

/// The default names of a self-signed certificate: the host name, `localhost`, the loopback addresses
/// and the listen addresses.
pub fn own_names(listen: &[SocketAddr]) -> Vec<String> {
    let system = rustix::system::uname();
    // A host name that is not UTF-8 cannot be in a certificate.
    let host = system.nodename().to_str().unwrap_or_default();
    let fixed = [host, "localhost", "127.0.0.1", "::1"];
    let fixed = fixed.into_iter().filter(|name| !name.is_empty());
    let mut names: Vec<String> = fixed.map(str::to_owned).collect();
    for address in listen.iter().filter(|one| !one.ip().is_unspecified()) {
        let name = address.ip().to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
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

    pub(super) fn finish(self) -> TlsConfig {
        let files = self.certificate.zip(self.key);
        debug_assert!(
            files.is_some() || self.self_signed,
            "there is no certificate"
        );
        let certificate = match files {
            Some((certificate, key)) => Certificate::Files { certificate, key },
            None => Certificate::SelfSigned {
                // Empty: the default names.
                names: self.names.unwrap_or_default(),
                state: self.state,
            },
        };
        let required = self.client_required;
        let authority = self.client_authority;
        TlsConfig {
            certificate,
            listen: self.listen,
            policy: self.policy,
            data_session: self.data_session,
            clients: authority.map(|file| ClientAuthority { file, required }),
        }
    }
}
