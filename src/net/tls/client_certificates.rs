//! Certificates of clients: whether they are asked for, and which account one names. RFC 4217 §10.
//!
//! The authorities are the server's own choice, never those of the public web. rustls verifies;
//! what is asked here afterwards is only for the name. A name that could be mistaken for another,
//! in a log or by an account's store, is none.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{Error, RootCertStore};

use super::failure::given;
use super::{CredentialsError, Problem, pem_files, x509};
use crate::limits::CERTIFICATE_NAME_BYTES;

/// Whether clients are asked for a certificate.
///
/// One that is shown must be good, whether it is required or not: a bad one ends the handshake.
#[derive(Clone, Debug, Default)]
pub enum ClientCertificates {
    /// They are not asked.
    #[default]
    Off,
    /// They are asked, and may have none.
    Optional(Arc<dyn ClientCertVerifier>),
    /// They must have one.
    Required(Arc<dyn ClientCertVerifier>),
}

impl ClientCertificates {
    /// Asks for certificates below the authorities in a PEM file. It reads a file, so it may wait.
    pub fn load(ca: &Path, required: bool) -> Result<Self, CredentialsError> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in pem_files::certificates(ca)?.into_iter().enumerate() {
            let bad = |error: Error| Problem::BadCertificate(index + 1, given(&error)).of(ca);
            roots.add(certificate).map_err(bad)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        if !required {
            builder = builder.allow_unauthenticated();
        }
        // It fails without authorities, and there is one.
        let verifier = builder.build().map_err(|_| Problem::NoCertificate.of(ca))?;
        Ok(if required {
            Self::Required(verifier)
        } else {
            Self::Optional(verifier)
        })
    }

    /// What rustls takes.
    pub fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        match self {
            Self::Off => WebPkiClientVerifier::no_client_auth(),
            Self::Optional(verifier) | Self::Required(verifier) => Arc::clone(verifier),
        }
    }

    /// Verifies the chain that a client has shown, if it has; whether there is one and is wanted.
    ///
    /// # Errors
    /// Where it is not to be let in by it, or without one.
    pub(super) fn verify(
        clients: &dyn ClientCertVerifier,
        chain: Option<&[CertificateDer<'_>]>,
    ) -> Result<bool, Error> {
        if !clients.offer_client_auth() {
            return Ok(false);
        }
        match chain {
            Some([own, others @ ..]) => {
                let verified = clients.verify_client_cert(own, others, UnixTime::now());
                verified.map(|_| true)
            }
            _ if clients.client_auth_mandatory() => Err(Error::NoCertificatesPresented),
            _ => Ok(false),
        }
    }

    /// The account that a verified chain, the client's own certificate first, names by the common
    /// name of its subject.
    pub fn name_of(chain: &[CertificateDer<'_>]) -> Option<Vec<u8>> {
        let name = x509::common_name(chain.first()?)?;
        let is_sound = !name.is_empty()
            && name.len() <= CERTIFICATE_NAME_BYTES
            && !name.contains(char::is_control);
        is_sound.then(|| name.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DnType, DnValue,
        ExtendedKeyUsagePurpose, IsCa, KeyPair, date_time_ymd,
    };
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

    /// Whether a certificate is taken, at a second of 2025 by default.
    fn takes(asked: &ClientCertificates, client: &CertificateDer<'_>, now: u64) -> bool {
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        asked
            .verifier()
            .verify_client_cert(client, &[], now)
            .is_ok()
    }

    fn name(name: impl Into<DnValue>) -> Option<Vec<u8>> {
        ClientCertificates::name_of(&[client(name, &authority("CA"))])
    }

    const IN_2025: u64 = 1_750_000_000;
    const FIRST_OF_2030: u64 = 1_893_456_000;

    #[test]
    fn asked_and_required() {
        let pem = authority("CA").pem();
        for (asked, offers, mandatory) in [
            (ClientCertificates::default(), false, false),
            (load(&pem, false).unwrap(), true, false),
            (load(&pem, true).unwrap(), true, true),
        ] {
            let verifier = asked.verifier();
            assert_eq!(verifier.offer_client_auth(), offers);
            assert_eq!(
                offers && verifier.client_auth_mandatory(),
                mandatory,
                "{asked:?}"
            );
        }
    }

    #[test]
    fn only_the_given_authorities_count() {
        let ours = authority("ours");
        let also_ours = authority("also ours");
        let asked = load(&(ours.pem() + &also_ours.pem()), false).unwrap();
        assert!(takes(&asked, &client("anna", &ours), IN_2025));
        assert!(takes(&asked, &client("anna", &also_ours), IN_2025));
        // Of the same name, with another key.
        assert!(!takes(&asked, &client("anna", &authority("ours")), IN_2025));
    }

    #[test]
    fn an_expired_certificate_is_not_taken() {
        let ours = authority("ours");
        let asked = load(&ours.pem(), true).unwrap();
        let anna = client("anna", &ours);
        assert!(takes(&asked, &anna, FIRST_OF_2030));
        assert!(!takes(&asked, &anna, FIRST_OF_2030 + 1));
    }

    #[test]
    fn a_file_without_authorities() {
        let error = load("", true).unwrap_err();
        assert!(matches!(error.problem, Problem::NoCertificate));
        let pem = authority("CA").pem();
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let error = load(&(pem + broken), true).unwrap_err();
        assert!(
            matches!(&error.problem, Problem::BadCertificate(2, why) if why == "it is broken"),
            "{error}"
        );
    }

    #[test]
    fn names_of_accounts() {
        assert_eq!(name("anna").as_deref(), Some(&b"anna"[..]));
        assert_eq!(name("Zoë K.").as_deref(), Some("Zoë K.".as_bytes()));
        assert_eq!(ClientCertificates::name_of(&[]), None);
        assert_eq!(ClientCertificates::name_of(&[vec![1, 2].into()]), None);
    }

    #[test]
    fn names_that_could_be_mistaken() {
        for bad in [
            "",
            "root\0.example",
            "a\nb",
            "a\x7fb",
            "a\u{85}b",
            "\u{1b}[2J",
        ] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_longest_name() {
        let longest = CERTIFICATE_NAME_BYTES;
        assert!(name("a".repeat(longest - 1)).is_some());
        assert!(name("a".repeat(longest)).is_some());
        assert_eq!(name("a".repeat(longest + 1)), None);
        // Bytes count, not letters.
        assert_eq!(name("ë".repeat(longest / 2 + 1)), None);
    }

    #[test]
    fn the_clients_own_certificate_names_it() {
        let ca = authority("CA");
        let chain = [client("anna", &ca), ca.der().clone()];
        assert_eq!(ClientCertificates::name_of(&chain), Some(b"anna".to_vec()));
    }
}
