//! Client certificates: whether they are requested, and the account that one names. RFC 4217 §10.
//!
//! The trusted authorities are those of the configuration only, never those of the public web. rustls
//! verifies a certificate; its name is read here afterwards. A name with control characters, which
//! could be mistaken for another name, does not count.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{Error, RootCertStore};

use super::failure::configured_certificate;
use super::{CredentialsError, Problem, pem_files, time, x509};
use crate::limits::CERTIFICATE_NAME_BYTES;

/// Whether client certificates are requested.
///
/// An invalid certificate fails the handshake, also where none is required.
#[derive(Clone, Debug, Default)]
pub enum ClientCertificates {
    /// Not requested.
    #[default]
    Off,
    /// Requested; the verifier knows whether one is required.
    Requested(Arc<dyn ClientCertVerifier>),
}

impl ClientCertificates {
    /// Requests certificates issued by the authorities in a PEM file. Waits for the disk.
    pub fn load(ca: &Path, required: bool) -> Result<Self, CredentialsError> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in pem_files::certificates(ca)?.into_iter().enumerate() {
            roots.add(certificate).map_err(|error| {
                Problem::BadCertificate(index + 1, configured_certificate(&error)).of(ca)
            })?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        if !required {
            builder = builder.allow_unauthenticated();
        }
        // Fails only without authorities, and `certificates` returns at least one.
        let verifier = builder.build().map_err(|_| Problem::NoCertificate.of(ca))?;
        Ok(Self::Requested(verifier))
    }

    /// The verifier, for rustls.
    pub fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match self {
            Self::Off => WebPkiClientVerifier::no_client_auth(),
            Self::Requested(verifier) => Arc::clone(verifier),
        }
    }

    /// Verifies the chain that a client has presented, at the current time. Returns whether one was
    /// requested and presented.
    ///
    /// # Errors
    /// If the chain is invalid, or missing although it is required.
    pub(super) fn verify(
        verifier: &dyn ClientCertVerifier,
        chain: Option<&[CertificateDer<'_>]>,
    ) -> Result<bool, Error> {
        if !verifier.offer_client_auth() {
            return Ok(false);
        }
        match chain {
            Some([own, others @ ..]) => {
                let result = verifier.verify_client_cert(own, others, time::now());
                result.map(|_| true)
            }
            _ if verifier.client_auth_mandatory() => Err(Error::NoCertificatesPresented),
            _ => Ok(false),
        }
    }

    /// The account named by a verified chain: the common name in the subject of its first certificate.
    pub fn name_of(chain: &[CertificateDer<'_>]) -> Option<Vec<u8>> {
        let name = x509::common_name(chain.first()?)?;
        let is_valid = !name.is_empty()
            && name.len() <= CERTIFICATE_NAME_BYTES
            && !name.contains(char::is_control);
        is_valid.then(|| name.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, DnValue,
        ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
    };
    use rustls::pki_types::UnixTime;
    use std::fs;
    use std::time::Duration;

    type Authority = CertifiedIssuer<'static, KeyPair>;

    fn authority(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    }

    fn client(name: impl Into<DnValue>, issuer: &Authority) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, issuer).unwrap().der().clone()
    }

    fn load(pem: &str, required: bool) -> Result<ClientCertificates, CredentialsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), pem).unwrap();
        ClientCertificates::load(file.path(), required)
    }

    /// Whether a certificate is accepted at `now`, in seconds since 1970.
    fn accepts(clients: &ClientCertificates, client: &CertificateDer<'_>, now: u64) -> bool {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        let verifier = clients.verifier();
        verifier.verify_client_cert(client, &[], now).is_ok()
    }

    fn name(name: impl Into<DnValue>) -> Option<Vec<u8>> {
        ClientCertificates::name_of(&[client(name, &authority("CA"))])
    }

    const IN_2025: u64 = 1_750_000_000;
    const FIRST_OF_2030: u64 = 1_893_456_000;

    #[test]
    fn mode_sets_requested_and_mandatory() {
        let pem = authority("CA").pem();
        for (clients, offers, mandatory) in [
            (ClientCertificates::default(), false, false),
            (load(&pem, false).unwrap(), true, false),
            (load(&pem, true).unwrap(), true, true),
        ] {
            let verifier = clients.verifier();
            assert_eq!(verifier.offer_client_auth(), offers);
            let is_mandatory = offers && verifier.client_auth_mandatory();
            assert_eq!(is_mandatory, mandatory, "{clients:?}");
        }
    }

    #[test]
    fn only_configured_authorities_are_trusted() {
        let ours = authority("ours");
        let also_ours = authority("also ours");
        let clients = load(&(ours.pem() + &also_ours.pem()), false).unwrap();
        assert!(accepts(&clients, &client("anna", &ours), IN_2025));
        assert!(accepts(&clients, &client("anna", &also_ours), IN_2025));
        let same_name = client("anna", &authority("ours"));
        assert!(!accepts(&clients, &same_name, IN_2025));
    }

    #[test]
    fn expired_certificate_is_rejected() {
        let ours = authority("ours");
        let clients = load(&ours.pem(), true).unwrap();
        let anna = client("anna", &ours);
        assert!(accepts(&clients, &anna, FIRST_OF_2030));
        assert!(!accepts(&clients, &anna, FIRST_OF_2030 + 1));
    }

    #[test]
    fn authority_file_without_valid_certificates_is_an_error() {
        let error = load("", true).unwrap_err();
        assert!(matches!(error.problem, Problem::NoCertificate));
        let pem = authority("CA").pem();
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let error = load(&(pem + broken), true).unwrap_err();
        assert!(
            matches!(&error.problem, Problem::BadCertificate(2, why) if why == "it is malformed"),
            "{error}"
        );
    }

    #[test]
    fn account_is_the_common_name_of_the_first_certificate() {
        assert_eq!(name("anna").as_deref(), Some(&b"anna"[..]));
        assert_eq!(name("Zoë K.").as_deref(), Some("Zoë K.".as_bytes()));
        assert_eq!(ClientCertificates::name_of(&[]), None);
        assert_eq!(ClientCertificates::name_of(&[vec![1, 2].into()]), None);
        let ca = authority("CA");
        let chain = [client("anna", &ca), ca.der().clone()];
        assert_eq!(ClientCertificates::name_of(&chain), Some(b"anna".to_vec()));
    }

    #[test]
    fn empty_common_name_or_with_control_characters_is_rejected() {
        for bad in ["", "root\0", "a\nb", "a\x7fb", "a\u{85}b", "\u{1b}[2J"] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn common_name_length_is_bounded_in_bytes() {
        let longest = CERTIFICATE_NAME_BYTES;
        assert!(name("a".repeat(longest - 1)).is_some());
        assert!(name("a".repeat(longest)).is_some());
        assert_eq!(name("a".repeat(longest + 1)), None);
        // The limit counts bytes, not characters.
        assert_eq!(name("ë".repeat(longest / 2 + 1)), None);
    }
}
