//! Why TLS has failed, in words for the log: what the client lacks, refuses, or speaks instead, and
//! what would help. RFC 8446 §6.2.
//!
//! rustls names causes as its own types do; what is not worth words here keeps its name.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::sessions::Offer;

/// The first bytes of a read, which tell what is spoken instead of TLS.
pub(super) type Start = [u8; 4];

/// They are not known, or there are fewer.
pub(super) const UNKNOWN: Start = [0; 4];

/// What has failed; `start` is what the last read from the socket began with.
pub(super) fn words(error: &Error, start: Start) -> String {
    let known = match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => instead_of_tls(start),
        Error::PeerIncompatible(lack) => lacking(lack),
        Error::InvalidCertificate(error) => return certificate(error),
        Error::NoCertificatesPresented => {
            Some("the client shows no certificate, and tls.client-required wants one")
        }
        Error::NoApplicationProtocol => {
            Some("the client offers other protocols (ALPN) and not ftp: is it a browser?")
        }
        Error::AlertReceived(alert) => return refused(*alert),
        _ => None,
    };
    known.map_or_else(|| error.to_string(), str::to_owned)
}

/// The client has closed in the handshake, of which something has come or nothing.
pub(super) const fn closed(has_begun: bool) -> &'static str {
    if has_begun {
        "the client closed in the handshake, as one may that does not accept the certificate"
    } else {
        "the client said nothing and closed; at an address of tls.listen a client that waits for a \
         greeting has to be set to implicit FTPS"
    }
}

/// What is wrong with a data connection that offered this of its control connection's session.
pub(super) fn not_resumed(offer: Offer, is_refused: bool) -> String {
    let why = match offer {
        Offer::Nothing => "it has offered none",
        Offer::Unknown => "what it has offered is too old, or not this server's",
        Offer::Foreign => "what it has offered is another control connection's",
        Offer::Own => "what it has offered does not fit the rest of its hello",
    };
    let what = if is_refused {
        "A data connection was refused (tls.data-session = \"require\"): it did not"
    } else {
        "A data connection did not"
    };
    format!("{what} resume the TLS session of its control connection: {why}")
}

/// What comes is no TLS record.
fn instead_of_tls(start: Start) -> Option<&'static str> {
    Some(match &start {
        b"GET " | b"HEAD" | b"POST" | b"PUT " | b"OPTI" | b"CONN" => {
            "the client speaks HTTP where TLS is expected"
        }
        // Its length, and a hello.
        [128..=255, _, 1, _] => "the client begins with SSL 2, which is too old; TLS 1.2 is needed",
        start if start.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
            "the client sends clear text where TLS is expected: at an address of tls.listen it has to \
             be set to implicit FTPS, and after PROT P data is secured too"
        }
        _ => return None,
    })
}

const fn lacking(lack: &PeerIncompatible) -> Option<&'static str> {
    Some(match lack {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired
        // No client of TLS 1.2 leaves it out, and rustls asks for it first.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            "the client's version of TLS is too old; 1.2 or 1.3 is needed"
        }
        PeerIncompatible::NoCipherSuitesInCommon => {
            "no cipher suite in common: the client is too old, or does not know the kind of the \
             certificate's key; more clients know RSA"
        }
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::KeyShareExtensionRequired => {
            "no key exchange in common: the client offers no ECDHE with X25519, P-256 or P-384"
        }
        PeerIncompatible::NoSignatureSchemesInCommon => {
            "no signature scheme in common: the client does not know the kind of the certificate's \
             key; more clients know RSA"
        }
        _ => return None,
    })
}

/// What is wrong with a certificate of a client.
fn certificate(error: &CertificateError) -> String {
    format!("the client's certificate {}", flaw(error))
}

/// What is wrong with a certificate that the operator has given.
pub(super) fn given(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => format!("it {}", flaw(error)),
        other => other.to_string(),
    }
}

/// What is wrong with a certificate, of which a sentence tells.
fn flaw(error: &CertificateError) -> String {
    let known = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; are both clocks right?"
        }
        CertificateError::UnknownIssuer => "is of no authority in tls.client-authority",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for clients: its extended key usage has no clientAuth"
        }
        CertificateError::BadSignature => {
            "is signed by another than the one of that name in tls.client-authority"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed in a way that is not taken, as with SHA-1: Ed25519, or RSA or ECDSA with SHA-256 \
             or more, is needed"
        }
        CertificateError::BadEncoding => "is broken",
        CertificateError::Other(other) => return of_webpki(&other.to_string()),
        other => return unknown(&format!("{other:?}")),
    };
    known.to_owned()
}

/// What rustls has no name for, by the name that webpki has.
fn of_webpki(name: &str) -> String {
    let known = match name {
        "CaUsedAsEndEntity" => "is an authority's (CA:TRUE); sign one for the client with it",
        "EndEntityUsedAsCa" => "is signed by one that is no authority's (CA:FALSE)",
        "UnsupportedCertVersion" => {
            "is not of X.509 version 3; openssl x509 -req makes one that is with -extfile"
        }
        "UnsupportedCriticalExtension" => "has a critical extension that is not known here",
        "NameConstraintViolation" => "has a name that its authority may not sign for",
        "PathLenConstraintViolated" | "MaximumPathDepthExceeded" => {
            "has more authorities above it than may be"
        }
        name => return unknown(name),
    };
    known.to_owned()
}

/// What has no words keeps its name, and nothing of what Rust writes around one.
fn unknown(shown: &str) -> String {
    let end = shown.find(|letter: char| !letter.is_ascii_alphanumeric());
    let name = end.and_then(|end| shown.get(..end)).unwrap_or(shown);
    format!("is not taken: {name}")
}

/// What the client says of us.
fn refused(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    let what = match alert {
        Alert::UnknownCA => {
            "the client does not know who signed this server's certificate; it has to trust that \
             authority, or this certificate"
        }
        Alert::CertificateExpired => "the client finds this server's certificate expired",
        Alert::BadCertificate
        | Alert::CertificateUnknown
        | Alert::DecryptError
        | Alert::CertificateRevoked
        | Alert::UnsupportedCertificate => {
            "the client does not accept this server's certificate: its names, dates, purpose or signer"
        }
        Alert::ProtocolVersion => "the client wants another version of TLS",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "the client finds nothing in common that is secure enough"
        }
        Alert::UserCanceled => "the client's user has canceled it",
        _ => "the client gives up",
    };
    format!("{what} (alert {})", name(alert))
}

/// As RFC 8446 §6 has it: `unknown_ca`.
fn name(alert: AlertDescription) -> String {
    let mut name = String::new();
    let mut was_small = false;
    for letter in format!("{alert:?}").chars() {
        if letter.is_ascii_uppercase() && was_small {
            name.push('_');
        }
        was_small = !letter.is_ascii_uppercase();
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::ClientCertificates;
    use rustls::OtherError;
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    use std::path::Path;
    use std::sync::Arc;

    #[test]
    fn alerts_have_the_names_of_the_standard() {
        for (alert, expected) in [
            (AlertDescription::UnknownCA, "unknown_ca"),
            (AlertDescription::HandshakeFailure, "handshake_failure"),
            (AlertDescription::BadRecordMac, "bad_record_mac"),
            (AlertDescription::CertificateUnknown, "certificate_unknown"),
        ] {
            assert_eq!(name(alert), expected);
        }
        for (alert, said) in [
            (
                AlertDescription::ProtocolVersion,
                "the client wants another version of TLS (alert protocol_version)",
            ),
            (
                AlertDescription::InsufficientSecurity,
                "the client finds nothing in common that is secure enough (alert insufficient_security)",
            ),
            (
                AlertDescription::UserCanceled,
                "the client's user has canceled it (alert user_canceled)",
            ),
            (
                AlertDescription::DecodeError,
                "the client gives up (alert decode_error)",
            ),
        ] {
            assert_eq!(refused(alert), said);
        }
    }

    #[test]
    fn what_is_spoken_instead_is_told() {
        let error = Error::InvalidMessage(InvalidMessage::InvalidContentType);
        for (start, said) in [
            (b"GET ", "HTTP"),
            (b"USER", "implicit FTPS"),
            (b"\x80\x2e\x01\x00", "SSL 2"),
            (b"\x80\x2e\x02\x00", "InvalidContentType"),
            (b"\0\0\0\0", "InvalidContentType"),
        ] {
            let words = words(&error, *start);
            assert!(words.contains(said), "{start:?}: {words}");
        }
    }

    #[test]
    fn what_has_no_words_keeps_its_name() {
        let error = Error::PeerIncompatible(PeerIncompatible::NullCompressionRequired);
        assert!(words(&error, UNKNOWN).contains("NullCompressionRequired"));
    }

    /// As webpki has it: an error that rustls has no name for.
    fn other(name: &str) -> Error {
        let error = Box::<dyn std::error::Error + Send + Sync>::from(name);
        CertificateError::Other(OtherError(Arc::from(error))).into()
    }

    #[test]
    fn an_old_version_of_a_certificate_is_told() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/net/tls/fixtures");
        let file = fixtures.join("version1.pem");
        let clients = ClientCertificates::load(&file, true).unwrap().verifier();
        let chain = [CertificateDer::from_pem_file(&file).unwrap()];
        let error = ClientCertificates::verify(clients.as_ref(), Some(&chain)).unwrap_err();
        let words = words(&error, UNKNOWN);
        let said = "the client's certificate is not of X.509 version 3; ";
        assert!(words.starts_with(said), "{words}");
    }

    #[test]
    fn no_certificate_is_refused_in_the_words_of_rust() {
        let (algorithm, key) = (vec![1], vec![2]);
        let unsigned = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: algorithm,
            public_key_algorithm_id: key,
        };
        for (error, said) in [
            (other("CaUsedAsEndEntity"), "is an authority's (CA:TRUE)"),
            (other("EndEntityUsedAsCa"), "is no authority's (CA:FALSE)"),
            (other("NameConstraintViolation"), "may not sign for"),
            (other("PathLenConstraintViolated"), "than may be"),
            (
                other("ExtensionValueInvalid"),
                "taken: ExtensionValueInvalid",
            ),
            (
                other("TrailingData(Certificate)"),
                "is not taken: TrailingData",
            ),
            (CertificateError::Revoked.into(), "is not taken: Revoked"),
            (
                CertificateError::NotValidYet.into(),
                "not valid yet; are both clocks right?",
            ),
            (unsigned.into(), "is signed in a way that is not taken"),
        ] {
            for words in [words(&error, UNKNOWN), given(&error)] {
                assert!(words.contains(said), "{words}");
                let is_of_rust = ["Other", "Context", "{", "[1"].map(|sign| words.contains(sign));
                assert_eq!(is_of_rust, [false; 4], "{words}");
            }
        }
    }
}
