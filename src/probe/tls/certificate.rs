//! What clients find wrong with a certificate: dates, names, purposes, key.
//!
//! Text and numbers only: whether an authority has signed it is decided by the verifier.

use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;

use crate::net::tls::{host_name, host_names, misuse, validity};
use crate::probe::{faults, finding::Report};
use crate::protocol::date::rfc3339;

const DAY: i64 = 24 * 60 * 60;

/// `rsaEncryption`.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Checks the certificate of the server, which is the first.
pub(in crate::probe) fn check(host: &str, certificates: &[Vec<u8>], now: i64, report: &mut Report) {
    let Some(own) = certificates.first() else {
        return;
    };
    dates(own, now, report);
    names(host, own, report);
    key(own, report);
    if let Some(misuse) = misuse(own) {
        report.add(
            faults::CERTIFICATE_PURPOSE,
            format!("the certificate {misuse}"),
        );
    }
}

fn dates(own: &[u8], now: i64, report: &mut Report) {
    match validity(own) {
        Err(error) => report.add(
            faults::CERTIFICATE_DATES,
            format!("the certificate cannot be read: {error}"),
        ),
        Ok(found) if now > found.not_after => report.add(
            faults::CERTIFICATE_DATES,
            format!("the certificate expired on {}", rfc3339(found.not_after)),
        ),
        Ok(found) if now < found.not_before => report.add(
            faults::CERTIFICATE_DATES,
            format!("the certificate begins on {}", rfc3339(found.not_before)),
        ),
        Ok(found) if found.not_after - now < 14 * DAY => report.add(
            faults::CERTIFICATE_EXPIRES,
            format!("the certificate expires on {}", rfc3339(found.not_after)),
        ),
        Ok(_) => {}
    }
}

fn names(host: &str, own: &[u8], report: &mut Report) {
    let names = host_names(own);
    let host = host_name(host);
    let parent = host.split_once('.').map(|(_, rest)| format!("*.{rest}"));
    if names.contains(&host) || parent.is_some_and(|parent| names.contains(&parent)) {
        return;
    }
    let shown: Vec<_> = names.iter().take(4).map(String::as_str).collect();
    let shown = if shown.is_empty() {
        "none".to_owned()
    } else {
        shown.join(", ")
    };
    report.add(
        faults::CERTIFICATE_NAME,
        format!("the certificate is not for '{host}'; its names: {shown}"),
    );
}

fn key(own: &[u8], report: &mut Report) {
    let Ok(certificate) = Certificate::from_der(own) else {
        return;
    };
    let info = certificate.tbs_certificate().subject_public_key_info();
    let bits = info.subject_public_key.raw_bytes().len() * 8;
    // The structure around the modulus and the exponent takes less than 32 bytes.
    if info.algorithm.oid == RSA && bits < 2048 {
        report.add(
            faults::CERTIFICATE_KEY,
            "the certificate has an RSA key of fewer than 2048 bits",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};

    /// `openssl req -x509 -newkey rsa:1024 -nodes -subj /CN=h -days 36500`: no TLS server of the tests can
    /// use such a key.
    const SMALL_KEY: &[u8] = b"-----BEGIN CERTIFICATE-----
MIIB9jCCAV+gAwIBAgIUUBBeRFgUZ5WXtvWzf35jDq/jZ0gwDQYJKoZIhvcNAQELBQAwDDEKMAgGA1UEAwwBaDAgFw0yNjEyMDEx
MTQxNTFaGA8yMTI2MTEwNzExNDE1MVowDDEKMAgGA1UEAwwBaDCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAkoYnjnJLHIaE
4RKSys2BD/uxt8cWBmy2oPy169eZSNICA5ky10whuYmfnF3BWbfx/KGceQNm4zWGEasjKij3Tun+d9HWWA6dTN1WM/gyE1iIZ8Xa
FaQ3LDscOjkA+fmeeoLyt0Qi4iZHtwFFgPeI29VpFzaPlCOZmgEHnGP4RfMCAwEAAaNTMFEwHQYDVR0OBBYEFGnnvDeA1nU8aGUT
FmH2SFE2BrQoMB8GA1UdIwQYMBaAFGnnvDeA1nU8aGUTFmH2SFE2BrQoMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQAD
gYEAhXxXW62r3rvieGE5uvNOU3MZr9a/DLsy2Stk085nKXuCynDufc4fuU9tFGFDshAzfkNN6SSD+t5K1QHHyBeY1mzi3XmUtJnY
AGIB5ftj+M7ZB2Od21HnYvUuPMFsEaCPQE9UiGRZT8d5oqDxujPji0yCeSY5Z0ijvlJrwC5yU00=
-----END CERTIFICATE-----
";

    fn found(certificate: &[u8]) -> Vec<&'static str> {
        let mut report = Report::default();
        key(certificate, &mut report);
        report.sorted().iter().map(|one| one.id).collect()
    }

    #[test]
    fn small_rsa_key_is_found() {
        let small = CertificateDer::from_pem_slice(SMALL_KEY).unwrap().to_vec();
        assert_eq!(found(&small), ["certificate-key"]);
        let own = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap();
        assert_eq!(found(own.cert.der()), [""; 0]);
    }
}
