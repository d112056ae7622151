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

/// How webpki calls a CA's certificate that is shown as a client's.
const OF_AUTHORITY: &str = "CaUsedAsEndEntity";

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
    let what = match error {
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
        CertificateError::BadEncoding => "is broken",
        CertificateError::Other(other) if other.to_string() == OF_AUTHORITY => {
            "is an authority's (CA:TRUE); sign one for the client with it"
        }
        other => return format!("the client's certificate is not taken: {other}"),
    };
    format!("the client's certificate {what}")
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
        let said = refused(AlertDescription::DecodeError);
        assert_eq!(said, "the client gives up (alert decode_error)");
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
}
