//! What secures connections, from what the configuration names: read at the start, before
//! anything is served, and again by [`reload`](super::reload). It opens files, and so is never
//! called on the loop.

use std::fmt;

use crate::config::TlsConfig;
use crate::net::tls::Acceptor;

/// Why there is nothing to secure connections with.
#[derive(Debug)]
pub(super) struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "tls")]
mod files {
    use super::Unusable;
    use crate::config::{Certificate, TlsConfig};
    use crate::net::tls::{Acceptor, ClientCertificates, Credentials, SelfSigned};

    /// Reads the certificates; `before` is what they come after, whose sessions live on.
    pub(in crate::server) fn load(
        config: &TlsConfig,
        before: Option<&Acceptor>,
        now: i64,
    ) -> Result<Acceptor, Unusable> {
        let credentials = read(config, now)?;
        let clients = match &config.clients {
            None => ClientCertificates::Off,
            Some(authority) => ClientCertificates::load(&authority.file, authority.required)
                .map_err(|error| Unusable(error.to_string()))?,
        };
        log::info!(
            "Certificate: SHA-256 fingerprint {}",
            credentials.fingerprint()
        );
        let verifier = clients.verifier();
        let acceptor = match before {
            Some(before) => before.renewed(&credentials, verifier),
            None => Acceptor::new(&credentials, verifier, config.data_session),
        };
        acceptor.map_err(|error| Unusable(error.to_string()))
    }

    fn read(config: &TlsConfig, now: i64) -> Result<Credentials, Unusable> {
        let read = match &config.certificate {
            Certificate::Files { certificate, key } => Credentials::load(certificate, key),
            Certificate::SelfSigned { state, names } => {
                SelfSigned::load_or_make(state.as_deref(), names, now)
            }
        };
        read.map_err(|error| Unusable(error.to_string()))
    }
}

#[cfg(feature = "tls")]
pub(super) use files::load;

/// This build has none.
#[cfg(not(feature = "tls"))]
pub(super) fn load(_: &TlsConfig, _: Option<&Acceptor>, _: i64) -> Result<Acceptor, Unusable> {
    let text = "this build has no TLS; build it with --features tls";
    Err(Unusable(text.to_owned()))
}
