//! What secures connections, from what the configuration names: read at the start, before
//! anything is served, and again by [`reload`](super::reload). It opens files, and so is never
//! called on the loop.

use std::fmt;

use crate::config::{Certificate, TlsConfig};
use crate::net::tls::{
    Acceptor, ClientCertificates, Credentials, CredentialsError, Origin, SelfSigned,
};

/// Why there is nothing to secure connections with.
#[derive(Debug)]
pub(super) struct Unusable(String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the certificates; `before` is what they come after, whose sessions live on.
pub(super) fn load(
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
        Some(before) => before.renewed(&credentials, verifier, config.data_session),
        None => Acceptor::new(&credentials, verifier, config.data_session),
    };
    let acceptor = acceptor.map_err(|error| Unusable(error.to_string()))?;
    if let Some(warning) = acceptor.warning(now) {
        log::warn!("{warning}");
    }
    Ok(acceptor)
}

fn read(config: &TlsConfig, now: i64) -> Result<Credentials, Unusable> {
    let unusable = |error: CredentialsError| Unusable(error.to_string());
    match &config.certificate {
        Certificate::Files { certificate, key } => {
            let credentials = Credentials::load(certificate, key).map_err(unusable)?;
            if credentials.key_is_exposed() {
                let key = key.display();
                log::warn!("Everybody on this host can read the private key {key}");
            }
            Ok(credentials)
        }
        Certificate::SelfSigned { state, names } => {
            let made = SelfSigned::load_or_make(state.as_deref(), names, now);
            let SelfSigned {
                credentials,
                origin,
            } = made.map_err(unusable)?;
            if origin == Origin::Renewed {
                log::warn!("The certificate that was kept has expired: made another");
            }
            Ok(credentials)
        }
    }
}
