//! Log messages for TLS failures: the cause and the remedy. RFC 8446 §6.2.
//!
//! Failures that are not explained here are logged under the name that rustls or webpki gives them.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

use super::sessions::Offer;

/// The first bytes of a read, which identify a protocol other than TLS.
pub(super) type FirstBytes = [u8; 4];

/// Fewer bytes, or none.
pub(super) const UNKNOWN: FirstBytes = [0; 4];

/// Describes a failure; `start` holds the first bytes of the last read from the socket.
pub(super) fn describe(error: &Error, start: FirstBytes) -> String {
    let known = match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => other_protocol(start),
        Error::PeerIncompatible(cause) => incompatibility(cause),
        Error::InvalidCertificate(error) => return client_certificate(error),
        Error::NoCertificatesPresented => {
            Some("the client presented no certificate, and tls.client-required is set")
        }
        Error::NoApplicationProtocol => {
            Some("the client offers other protocols (ALPN) and not ftp: is it a browser?")
        }
        Error::AlertReceived(alert) => return alert_received(*alert),
        _ => None,
    };
    known.map_or_else(|| error.to_string(), str::to_owned)
}

/// The client closed the connection before the handshake was finished.
pub(super) const fn closed_in_handshake(has_begun: bool) -> &'static str {
    if has_begun {
        "the client closed during the handshake; it may not accept the certificate"
    } else {
        "the client sent nothing and closed; on an address of tls.listen, set a client that waits for \
         a greeting to implicit FTPS"
    }
}

/// A data connection did not resume the session of its control connection.
pub(super) fn not_resumed(offer: Offer, is_refused: bool) -> String {
    let why = match offer {
        Offer::Nothing => "it offered none",
        Offer::Unknown => "the session it offered is expired or from another server",
        Offer::Foreign => "the session it offered belongs to another control connection",
        Offer::Own => "the session it offered does not match the rest of its ClientHello",
    };
    let what = if is_refused {
        "A data connection was refused (tls.data-session = \"require\"): it did not"
    } else {
        "A data connection did not"
    };
    format!("{what} resume the TLS session of its control connection: {why}")
}

/// Identifies what was received instead of a TLS record.
fn other_protocol(start: FirstBytes) -> Option<&'static str> {
    Some(match &start {
        b"GET " | b"HEAD" | b"POST" | b"PUT " | b"OPTI" | b"CONN" => {
            "the client speaks HTTP where TLS is expected"
        }
        // SSL 2: the length and a CLIENT-HELLO.
        [128..=255, _, 1, _] => {
            "the client offers SSL 2, which is too old; it needs TLS 1.2 or 1.3"
        }
        start if start.iter().all(|byte| (b' '..=b'~').contains(byte)) => {
            "the client sends clear text where TLS is expected; on an address of tls.listen set it to \
             implicit FTPS; after PROT P it must secure data connections too"
        }
        _ => return None,
    })
}

const fn incompatibility(cause: &PeerIncompatible) -> Option<&'static str> {
    Some(match cause {
        PeerIncompatible::Tls12NotOffered
        | PeerIncompatible::Tls12NotOfferedOrEnabled
        | PeerIncompatible::SupportedVersionsExtensionRequired
        // rustls checks for this extension first, and every TLS 1.2 client sends it.
        | PeerIncompatible::SignatureAlgorithmsExtensionRequired => {
            "the client's TLS version is too old; it needs TLS 1.2 or 1.3"
        }
        PeerIncompatible::NoCipherSuitesInCommon => {
            "no cipher suite in common: the client is too old, or does not support the certificate's \
             key type; more clients support RSA"
        }
        PeerIncompatible::NoKxGroupsInCommon
        | PeerIncompatible::NamedGroupsExtensionRequired
        | PeerIncompatible::KeyShareExtensionRequired => {
            "no key exchange in common: the client offers no ECDHE with X25519, P-256 or P-384"
        }
        PeerIncompatible::NoSignatureSchemesInCommon => {
            "no signature scheme in common: the client does not support the certificate's key type; \
             more clients support RSA"
        }
        _ => return None,
    })
}

/// Describes why a client's certificate was rejected.
fn client_certificate(error: &CertificateError) -> String {
    format!("the client's certificate {}", certificate_predicate(error))
}

/// Describes what is wrong with a configured certificate.
pub(super) fn configured_certificate(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => format!("it {}", certificate_predicate(error)),
        other => other.to_string(),
    }
}

/// What is wrong with a certificate: a predicate, to follow the subject of a sentence.
fn certificate_predicate(error: &CertificateError) -> String {
    let known = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet; are both clocks right?"
        }
        CertificateError::UnknownIssuer => "is not issued by an authority in tls.client-authority",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "is not for clients: its extended key usage has no clientAuth"
        }
        CertificateError::BadSignature => {
            "is not signed by the authority of that name in tls.client-authority"
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "has an unsupported signature, such as SHA-1; use Ed25519, or RSA or ECDSA with SHA-256 or \
             stronger"
        }
        CertificateError::BadEncoding => "is malformed",
        CertificateError::Other(other) => return webpki_predicate(&other.to_string()),
        other => return unexplained(&format!("{other:?}")),
    };
    known.to_owned()
}

/// As [`certificate_predicate`], for errors that only webpki has a name for.
fn webpki_predicate(name: &str) -> String {
    let known = match name {
        "CaUsedAsEndEntity" => {
            "is a CA certificate (CA:TRUE); issue a certificate for the client with it"
        }
        "EndEntityUsedAsCa" => "is signed by a certificate that is not a CA (CA:FALSE)",
        "UnsupportedCertVersion" => {
            "is not X.509 version 3; openssl x509 -req makes version 3 with -extfile"
        }
        "UnsupportedCriticalExtension" => "has an unsupported critical extension",
        "NameConstraintViolation" => "has a name outside the name constraints of its authority",
        "PathLenConstraintViolated" | "MaximumPathDepthExceeded" => {
            "has a longer chain of authorities than is allowed"
        }
        name => return unexplained(name),
    };
    known.to_owned()
}

/// Keeps the name of an error, without the fields that its `Debug` form may have.
fn unexplained(debug: &str) -> String {
    let end = debug.find(|letter: char| !letter.is_ascii_alphanumeric());
    let name = end.and_then(|end| debug.get(..end)).unwrap_or(debug);
    format!("is not accepted: {name}")
}

/// Describes an alert from the client.
fn alert_received(alert: AlertDescription) -> String {
    use AlertDescription as Alert;
    let what = match alert {
        Alert::UnknownCA => {
            "the client does not trust the issuer of this server's certificate; add the issuer or this \
             certificate to its trusted certificates"
        }
        Alert::CertificateExpired => "the client considers this server's certificate expired",
        Alert::BadCertificate
        | Alert::CertificateUnknown
        | Alert::DecryptError
        | Alert::CertificateRevoked
        | Alert::UnsupportedCertificate => {
            "the client does not accept this server's certificate: its names, dates, purpose or signer"
        }
        Alert::ProtocolVersion => "the client requires another TLS version",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "the client supports none of the parameters that this server accepts"
        }
        Alert::UserCanceled => "the user of the client canceled the handshake",
        _ => "the client aborted TLS",
    };
    format!("{what} (alert {})", alert_name(alert))
}

/// The name in RFC 8446 §6, such as `unknown_ca`.
fn alert_name(alert: AlertDescription) -> String {
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
    fn alert_names_are_those_of_rfc_8446() {
        use AlertDescription as Alert;
        for (alert, expected) in [
            (Alert::UnknownCA, "unknown_ca"),
            (Alert::HandshakeFailure, "handshake_failure"),
            (Alert::BadRecordMac, "bad_record_mac"),
            (Alert::CertificateUnknown, "certificate_unknown"),
        ] {
            assert_eq!(alert_name(alert), expected);
        }
        for (alert, what, name) in [
            (
                Alert::ProtocolVersion,
                "the client requires another TLS version",
                "protocol_version",
            ),
            (
                Alert::UserCanceled,
                "the user of the client canceled the handshake",
                "user_canceled",
            ),
            (Alert::DecodeError, "the client aborted TLS", "decode_error"),
        ] {
            assert_eq!(alert_received(alert), format!("{what} (alert {name})"));
        }
        let weak = alert_received(Alert::InsufficientSecurity);
        assert!(weak.ends_with(" (alert insufficient_security)"), "{weak}");
    }

    #[test]
    fn protocol_other_than_tls_is_identified() {
        let error = Error::InvalidMessage(InvalidMessage::InvalidContentType);
        for (start, expected) in [
            (b"GET ", "HTTP"),
            (b"USER", "implicit FTPS"),
            (b"\x80\x2e\x01\x00", "SSL 2"),
            (b"\x80\x2e\x02\x00", "InvalidContentType"),
            (b"\0\0\0\0", "InvalidContentType"),
        ] {
            let text = describe(&error, *start);
            assert!(text.contains(expected), "{start:?}: {text}");
        }
    }

    #[test]
    fn unexplained_error_keeps_its_name() {
        let error = Error::PeerIncompatible(PeerIncompatible::NullCompressionRequired);
        assert!(describe(&error, UNKNOWN).contains("NullCompressionRequired"));
    }

    /// An error of webpki that rustls has no variant for.
    fn other(name: &str) -> Error {
        let error = Box::<dyn std::error::Error + Send + Sync>::from(name);
        CertificateError::Other(OtherError(Arc::from(error))).into()
    }

    #[test]
    fn old_certificate_version_is_explained() {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/net/tls/fixtures");
        let file = fixtures.join("version1.pem");
        let clients = ClientCertificates::load(&file, true).unwrap().verifier();
        let chain = [CertificateDer::from_pem_file(&file).unwrap()];
        let error = ClientCertificates::verify(clients.as_ref(), Some(&chain)).unwrap_err();
        let text = describe(&error, UNKNOWN);
        let expected = "the client's certificate is not X.509 version 3; ";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn certificate_errors_are_explained_without_debug_output() {
        let (algorithm, key) = (vec![1], vec![2]);
        let unsigned = CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: algorithm,
            public_key_algorithm_id: key,
        };
        for (error, expected) in [
            (other("CaUsedAsEndEntity"), "is a CA certificate (CA:TRUE)"),
            (other("EndEntityUsedAsCa"), "is not a CA (CA:FALSE)"),
            (other("NameConstraintViolation"), "name constraints"),
            (other("PathLenConstraintViolated"), "than is allowed"),
            (
                other("ExtensionValueInvalid"),
                "accepted: ExtensionValueInvalid",
            ),
            (
                other("TrailingData(Certificate)"),
                "is not accepted: TrailingData",
            ),
            (CertificateError::Revoked.into(), "is not accepted: Revoked"),
            (
                CertificateError::NotValidYet.into(),
                "not valid yet; are both clocks right?",
            ),
            (unsigned.into(), "has an unsupported signature"),
        ] {
            for text in [describe(&error, UNKNOWN), configured_certificate(&error)] {
                assert!(text.contains(expected), "{text}");
                let is_debug = ["Other", "Context", "{", "[1"].map(|sign| text.contains(sign));
                assert_eq!(is_debug, [false; 4], "{text}");
            }
        }
    }
}
