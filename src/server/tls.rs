//! Loads the TLS certificates that the configuration names into an [`Acceptor`]: at the start, and
//! again by [`reload`](super::reload).
//!
//! Blocking: it reads files and may generate a key, so it must not be called on the event loop.

use crate::config::{Certificate, TlsConfig, own_names};
use crate::net::tls::{
    Acceptor, CertificateNames, CertificateOrigin, ClientCertificates, Credentials,
    CredentialsError, SelfSigned,
};

/// The warning where accounts have passwords, and no certificate is configured.
pub(super) const PLAINTEXT_PASSWORDS: &str = "Passwords go in the clear: there is no TLS. Set \
    tls.certificate or tls.self-signed (--tls-self-signed), and tls.require to \"login\"; or tls.require \
    (--tls-require) to \"none\" if that is intended";

/// Loads the certificates. The TLS sessions of `present`, which the result replaces, stay resumable.
pub(super) fn load(
    config: &TlsConfig,
    present: Option<&Acceptor>,
    now: i64,
) -> Result<Acceptor, String> {
    let credentials = read(config, present.map(Acceptor::credentials), now)?;
    let clients = match &config.clients {
        None => ClientCertificates::Off,
        Some(authority) => ClientCertificates::load(&authority.file, authority.required)
            .map_err(|error| error.to_string())?,
    };
    log::info!(
        "Certificate: SHA-256 fingerprint {}",
        credentials.fingerprint()
    );
    let verifier = clients.verifier();
    let acceptor = match present {
        Some(present) => present.renewed(&credentials, verifier, config.data_session),
        None => Acceptor::new(&credentials, verifier, config.data_session),
    };
    let acceptor = acceptor.map_err(|error| error.to_string())?;
    if let Some(warning) = acceptor.warning(now) {
        log::warn!("{warning}");
    }
    Ok(acceptor)
}

fn read(
    config: &TlsConfig,
    present: Option<&Credentials>,
    now: i64,
) -> Result<Credentials, String> {
    let failed = |error: CredentialsError| error.to_string();
    match &config.certificate {
        Certificate::Files { certificate, key } => {
            Credentials::load(certificate, key).map_err(failed)
        }
        Certificate::SelfSigned { state, names } => {
            let own = own_names(&config.listen);
            let wanted = match names.as_slice() {
                [] => CertificateNames::HostDefaults(&own),
                names => CertificateNames::Configured(names),
            };
            let made = SelfSigned::load_or_make(state.as_deref(), present, wanted, now);
            let SelfSigned {
                credentials,
                origin,
            } = made.map_err(failed)?;
            match origin {
                CertificateOrigin::Renewed => {
                    log::warn!("The stored self-signed certificate has expired: created a new one");
                }
                CertificateOrigin::Renamed => log::warn!(
                    "The stored self-signed certificate does not match tls.names: created a new one, \
                     which clients have to accept again"
                ),
                CertificateOrigin::Misnamed => log::warn!(
                    "The stored self-signed certificate does not have the names of this host, {}; set \
                     tls.names to create a new one",
                    own.join(", ")
                ),
                CertificateOrigin::Ephemeral
                | CertificateOrigin::Generated
                | CertificateOrigin::Loaded => {}
            }
            Ok(credentials)
        }
    }
}

/// For `--check`: a note if the stored certificate does not match `tls.names`.
pub(super) fn check_names(config: &TlsConfig) -> Option<String> {
    let Certificate::SelfSigned {
        state: Some(state),
        names,
    } = &config.certificate
    else {
        return None;
    };
    let kept = SelfSigned::stored_names(state)?;
    let is_same = CertificateNames::Configured(names).are(&kept);
    (!names.is_empty() && !is_same).then(|| {
        let (state, kept) = (state.display(), kept.join(", "));
        format!(
            "tls.names: the certificate in {state} names {kept}; a start creates a new one, which \
             clients have to accept again"
        )
    })
}
