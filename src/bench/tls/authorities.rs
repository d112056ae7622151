//! The authorities that a client trusts, and its verifier of certificates.
//!
//! The verifier accepts every certificate and keeps why a client should not: the caller decides. The
//! signatures of a handshake are verified.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::bench::values::read_bounded;
use crate::cause::cause;

/// Where distributions keep the authorities, in one file.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The verifier.
#[derive(Debug)]
pub(crate) struct Authorities {
    /// `None` without an authority on this host.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
    distrust: Mutex<Option<String>>,
}

impl Authorities {
    /// Those of the file, or of the system.
    pub(crate) fn load(ca: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        // A system without them trusts nobody, which the verifier says.
        let system = || SYSTEM.iter().map(Path::new).find(|file| file.exists());
        if let Some(file) = ca {
            add(&mut roots, file)?;
        } else if let Some(file) = system() {
            let _ = add(&mut roots, file);
        }
        let provider = default_provider();
        let algorithms = provider.signature_verification_algorithms;
        let builder =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider));
        Ok(Self {
            verifier: builder.build().ok(),
            algorithms,
            distrust: Mutex::new(None),
        })
    }

    pub(crate) fn distrust(&self) -> Option<String> {
        let distrust = self.distrust.lock();
        distrust.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn add(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let shown = file.display();
    let text = read_bounded(file).map_err(|error| format!("{shown}: {}", cause(&error)))?;
    let certificates = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
    match roots.add_parsable_certificates(certificates).0 {
        0 => Err(format!(
            "{shown}: there is no certificate in it; write one as PEM"
        )),
        _ => Ok(()),
    }
}

/// Why a client does not trust the certificate, in words.
fn in_words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "no known authority has signed it".to_owned()
        }
        error if error.to_string().contains("CaUsedAsEndEntity") => {
            "it is the certificate of an authority, not of a server".to_owned()
        }
        error => error.to_string(),
    }
}

impl ServerCertVerifier for Authorities {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let distrust = match &self.verifier {
            None => Some("this host has no list of authorities; name one with --ca".to_owned()),
            Some(verifier) => {
                let result = verifier.verify_server_cert(certificate, chain, name, ocsp, now);
                result.err().map(|error| in_words(&error))
            }
        };
        *self.distrust.lock().unwrap_or_else(PoisonError::into_inner) = distrust;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
