//! What secures connections, from what the configuration names: read at the start, before
//! anything is served, and again by [`reload`](super::reload). It opens files, and so is never
//! called on the loop.

use std::fmt;

use crate::config::{Certificate, TlsConfig, own_names};
use crate::net::tls::{
    Acceptor, ClientCertificates, Credentials, CredentialsError, Names, Origin, SelfSigned,
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
    let credentials = read(config, before.map(Acceptor::credentials), now)?;
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

fn read(
    config: &TlsConfig,
    present: Option<&Credentials>,
    now: i64,
) -> Result<Credentials, Unusable> {
    let unusable = |error: CredentialsError| Unusable(error.to_string());
    match &config.certificate {
        Certificate::Files { certificate, key } => {
            Credentials::load(certificate, key).map_err(unusable)
        }
        Certificate::SelfSigned { state, names } => {
            let own = own_names(&config.listen);
            let wanted = match names.as_slice() {
                [] => Names::Usual(&own),
                names => Names::Chosen(names),
            };
            let made = SelfSigned::load_or_make(state.as_deref(), present, wanted, now);
            let SelfSigned {
                credentials,
                origin,
            } = made.map_err(unusable)?;
            match origin {
                Origin::Renewed => {
                    log::warn!("The certificate that was kept has expired: made another");
                }
                Origin::Renamed => log::warn!(
                    "The certificate that was kept does not have tls.names: made another, which clients \
                     have to accept anew"
                ),
                Origin::Misnamed => log::warn!(
                    "The certificate that was kept does not have the names of this host, {}; to have \
                     another made, set tls.names",
                    own.join(", ")
                ),
                Origin::Passing | Origin::Made | Origin::Found => {}
            }
            Ok(credentials)
        }
    }
}

/// What `--check` says of a certificate that is kept and names others.
pub(super) fn look_at_names(config: &TlsConfig) -> Option<String> {
    let Certificate::SelfSigned {
        state: Some(state),
        names,
    } = &config.certificate
    else {
        return None;
    };
    let kept = SelfSigned::kept_names(state)?;
    let is_same = Names::Chosen(names).are(&kept);
    (!names.is_empty() && !is_same).then(|| {
        let (state, kept) = (state.display(), kept.join(", "));
        format!(
            "tls.names: the certificate in {state} names {kept}; a start makes another, which clients \
             have to accept anew"
        )
    })
}
