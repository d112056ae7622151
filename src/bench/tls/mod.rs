//! TLS as a client speaks it: the sessions that a client may resume, and what is trusted (RFC 8446).
//!
//! It owns the configuration of rustls. A [`ClientTls`] is one client's: its data connections resume the
//! session of its control connection, as servers may demand. It must not know about FTP.

mod authorities;
mod secured;

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

pub(crate) use authorities::Authorities;
pub(in crate::bench) use secured::Secured;

use crate::net::tls::WallClock;

/// Sessions that a client keeps for its next connections.
const SESSIONS: usize = 16;

/// What all clients of a run have.
#[derive(Clone, Debug)]
pub(in crate::bench) struct TlsPlan {
    name: ServerName<'static>,
    config: ClientConfig,
    authorities: Arc<Authorities>,
    /// Whether a certificate that is not trusted is accepted.
    is_insecure: bool,
}

/// One client's TLS.
#[derive(Clone, Debug)]
pub(in crate::bench) struct ClientTls {
    plan: Arc<TlsPlan>,
    config: Arc<ClientConfig>,
}

impl TlsPlan {
    /// For a server of this name; `ca` has the authorities in place of those of the system.
    ///
    /// # Errors
    /// In words: the name cannot be in a certificate, or the file has no authorities.
    pub(in crate::bench) fn new(
        host: &str,
        ca: Option<&Path>,
        is_insecure: bool,
    ) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("'{host}' is not a name that a certificate can have"))?;
        let authorities = Arc::new(Authorities::load(ca)?);
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_details(provider, Arc::new(WallClock));
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?;
        let verifier = Arc::clone(&authorities) as Arc<_>;
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        Ok(Self {
            name,
            config: builder.with_no_client_auth(),
            authorities,
            is_insecure,
        })
    }
}

impl ClientTls {
    /// A client without sessions.
    pub(in crate::bench) fn new(plan: &Arc<TlsPlan>) -> Self {
        let mut config = plan.config.clone();
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Self {
            plan: Arc::clone(plan),
            config: Arc::new(config),
        }
    }

    /// A client that resumes no session.
    pub(in crate::bench) fn without_sessions(plan: &Arc<TlsPlan>) -> Self {
        let mut config = plan.config.clone();
        config.resumption = Resumption::disabled();
        Self {
            plan: Arc::clone(plan),
            config: Arc::new(config),
        }
    }

    /// The TLS of a new connection.
    ///
    /// # Errors
    /// In words, if there are no random numbers.
    pub(in crate::bench) fn begin(&self) -> Result<Secured, String> {
        let connection = ClientConnection::new(Arc::clone(&self.config), self.plan.name.clone());
        let connection = connection.map_err(|error| error.to_string())?;
        Ok(Secured::new(connection))
    }

    /// Why the server of a finished handshake must not be spoken to.
    pub(in crate::bench) fn distrust(&self) -> Option<String> {
        if self.plan.is_insecure {
            return None;
        }
        self.plan.authorities.distrust()
    }
}
