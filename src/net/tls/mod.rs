//! TLS by rustls: how connections are secured, and with what (RFC 4217, RFC 8446, RFC 5246).
//!
//! An [`Acceptor`] makes the [`Security`] that a [`Channel`](super::Channel) takes; [`sessions`]
//! ties data connections to their control connection. It knows sockets and certificates, no
//! command and no reply. Versions are 1.2 and 1.3; there is no renegotiation.

mod client_certificates;
mod security;
mod sessions;
mod wire;

use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection};

pub use security::Security;
pub use sessions::Tag;

use super::DataSession;
use crate::limits::{TLS_TICKETS_CONTROL, TLS_TICKETS_DATA};
use sessions::{Binding, Scope, Sessions};

/// What a client that offers protocols must offer (RFC 7301; against cross-protocol attacks).
const PROTOCOL: &[u8] = b"ftp";

/// Secures connections, with one certificate.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    sessions: Arc<Sessions>,
    data_session: DataSession,
}

impl Acceptor {
    /// One that proves itself with `key`, and lets `clients` decide on clients' certificates.
    ///
    /// # Errors
    /// Where there are no random numbers.
    pub fn new(
        key: Arc<CertifiedKey>,
        clients: Arc<dyn ClientCertVerifier>,
        data_session: DataSession,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(default_provider());
        let sessions = Arc::new(Sessions::new(&provider)?);
        Ok(Self {
            config: config(provider, key, clients)?,
            sessions,
            data_session,
        })
    }

    /// One with another certificate, for new connections; clients can go on to resume the
    /// sessions that this one has made.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn renewed(
        &self,
        key: Arc<CertifiedKey>,
        clients: Arc<dyn ClientCertVerifier>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::clone(self.config.crypto_provider());
        Ok(Self {
            config: config(provider, key, clients)?,
            sessions: Arc::clone(&self.sessions),
            data_session: self.data_session,
        })
    }

    /// For a control connection, and the tag that its data connections will need.
    pub fn control(&self) -> io::Result<(Security, Tag)> {
        let tag = Tag::random(self.config.crypto_provider().secure_random)?;
        let security = self.security(tag, Scope::Any, DataSession::Off, TLS_TICKETS_CONTROL)?;
        Ok((security, tag))
    }

    /// For a data connection of the control connection with this tag.
    pub fn data(&self, tag: Tag) -> io::Result<Security> {
        let scope = match self.data_session {
            DataSession::Off => Scope::Any,
            DataSession::Observe | DataSession::Require => Scope::Own,
        };
        self.security(tag, scope, self.data_session, TLS_TICKETS_DATA)
    }

    fn security(
        &self,
        tag: Tag,
        scope: Scope,
        data_session: DataSession,
        tickets: usize,
    ) -> io::Result<Security> {
        let binding = Arc::new(Binding::new(Arc::clone(&self.sessions), tag, scope));
        let mut config = ServerConfig::clone(&self.config);
        config.ticketer = binding.clone();
        config.session_storage = binding.clone();
        config.send_tls13_tickets = tickets;
        let tls = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        Ok(Security::new(tls, binding, data_session))
    }
}

fn config(
    provider: Arc<CryptoProvider>,
    key: Arc<CertifiedKey>,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}
