//! Reads dates, names and purposes from X.509 certificates. RFC 5280 §4.1.2.
//!
//! Trust is not decided here: rustls has verified the certificate, or the operator has configured
//! it. Dates are seconds since 1970; earlier ones are an error.

use std::collections::BTreeSet;
use std::net::IpAddr;

use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::asn1::PrintableStringRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Tag, Tagged as _};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, SubjectAltName};
use x509_cert::time::Time;

/// `id-at-commonName`.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// `id-kp-serverAuth` and `anyExtendedKeyUsage`.
const SERVERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");

/// Version 1, which `openssl x509 -req` makes without extensions; TLS 1.3 does not accept it.
const OLD_VERSION: &str = "it is not X.509 version 3; openssl req -x509 makes version 3";

/// The first and the last second of a certificate's validity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

/// The dates of a server certificate, or the error in it.
pub(crate) fn validity(der: &[u8]) -> Result<Validity, String> {
    let certificate = Certificate::from_der(der).map_err(|error| error.to_string())?;
    let content = certificate.tbs_certificate();
    if content.version() != Version::V3 {
        return Err(OLD_VERSION.to_owned());
    }
    let validity = content.validity();
    Ok(Validity {
        not_before: seconds(validity.not_before),
        not_after: seconds(validity.not_after),
    })
}

fn seconds(time: Time) -> i64 {
    // Cannot fail: the last year of X.509 is 9999.
    i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX)
}

/// The common name of the subject; `None` if there are several, which is ambiguous.
pub(super) fn common_name(der: &[u8]) -> Option<String> {
    let certificate = Certificate::from_der(der).ok()?;
    let attributes = certificate.tbs_certificate().subject().iter();
    let mut names = attributes.filter(|attribute| attribute.oid == COMMON_NAME);
    let (Some(name), None) = (names.next(), names.next()) else {
        return None;
    };
    match name.value.tag() {
        Tag::Utf8String => String::from_utf8(name.value.value().to_vec()).ok(),
        Tag::PrintableString => {
            let name: PrintableStringRef<'_> = name.value.decode_as().ok()?;
            Some(name.as_str().to_owned())
        }
        _ => None,
    }
}

/// Why clients may reject a server certificate: a predicate, such as "is not for servers".
pub(crate) fn misuse(der: &[u8]) -> Option<&'static str> {
    let certificate = Certificate::from_der(der).ok()?;
    let content = certificate.tbs_certificate();
    let constraints = content.get_extension::<BasicConstraints>();
    if constraints.is_ok_and(|found| found.is_some_and(|(_, basic)| basic.ca)) {
        return Some(
            "is a CA certificate (CA:TRUE), which some clients reject for a server; make one with \
             basicConstraints=CA:FALSE",
        );
    }
    let Ok(Some((_, ExtendedKeyUsage(purposes)))) = content.get_extension() else {
        return None;
    };
    let is_for_servers = purposes
        .iter()
        .any(|one| [SERVERS, ANY_PURPOSE].contains(one));
    (!is_for_servers).then_some("is not for servers: its extended key usage has no serverAuth")
}

/// The lower-case host names and the addresses in a certificate (RFC 5280 §4.2.1.6).
pub(crate) fn host_names(der: &[u8]) -> BTreeSet<String> {
    let Ok(certificate) = Certificate::from_der(der) else {
        return BTreeSet::new();
    };
    let extension = certificate.tbs_certificate().get_extension();
    let Ok(Some((_, SubjectAltName(names)))) = extension else {
        return BTreeSet::new();
    };
    let name = |name: &GeneralName| match name {
        GeneralName::DnsName(name) => Some(host_name(name.as_str())),
        GeneralName::IpAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(bytes.as_bytes()).map(IpAddr::from);
            let v6 = <[u8; 16]>::try_from(bytes.as_bytes()).map(IpAddr::from);
            v4.or(v6).ok().map(|address| address.to_string())
        }
        _ => None,
    };
    names.iter().filter_map(name).collect()
}

/// Normalizes a name or an address to the form of [`host_names`].
pub(crate) fn host_name(text: &str) -> String {
    let address = text.parse::<IpAddr>();
    address.map_or_else(|_| text.to_ascii_lowercase(), |address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa,
        KeyPair, date_time_ymd,
    };
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::default();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn named(name: DnValue) -> Option<String> {
        common_name(&certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, name);
        }))
    }

    #[test]
    fn dates_are_read_from_both_encodings() {
        let der = certificate(|params| {
            params.not_before = date_time_ymd(2049, 12, 31);
            params.not_after = date_time_ymd(9999, 12, 31);
        });
        let expected = Validity {
            not_before: 2_524_521_600,
            not_after: 253_402_214_400,
        };
        assert_eq!(validity(&der), Ok(expected));
    }

    #[test]
    fn truncated_or_version_1_certificate_is_an_error() {
        let der = certificate(|_| {});
        assert!(validity(&der).is_ok());
        assert!(validity(&der[..der.len() - 1]).is_err());
        assert!(validity(b"").is_err());
        let old = CertificateDer::from_pem_slice(include_bytes!("fixtures/version1.pem"));
        assert_eq!(validity(&old.unwrap()), Err(OLD_VERSION.to_owned()));
    }

    #[test]
    fn misuse_of_ca_and_client_certificates_is_reported() {
        use ExtendedKeyUsagePurpose::{Any, ClientAuth, ServerAuth};
        let with = |is_ca, purposes: &[ExtendedKeyUsagePurpose]| {
            let der = certificate(|params| {
                params.is_ca = is_ca;
                params.extended_key_usages = purposes.to_vec();
            });
            misuse(&der).map(|text| text.split(' ').nth(1).unwrap())
        };
        let authority = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        assert_eq!(with(authority, &[ServerAuth]), Some("a"));
        assert_eq!(with(IsCa::ExplicitNoCa, &[ClientAuth]), Some("not"));
        assert_eq!(with(IsCa::ExplicitNoCa, &[ClientAuth, ServerAuth]), None);
        assert_eq!(with(IsCa::NoCa, &[Any]), None);
        assert_eq!(with(IsCa::NoCa, &[]), None);
    }

    #[test]
    fn common_name_is_read_from_two_encodings_only() {
        let printable = DnValue::PrintableString("anna".try_into().unwrap());
        let ia5 = DnValue::Ia5String("anna".try_into().unwrap());
        let bmp = DnValue::BmpString("anna".try_into().unwrap());
        for (name, expected) in [
            ("Zoë".into(), Some("Zoë")),
            (printable, Some("anna")),
            (ia5, None),
            (bmp, None),
        ] {
            assert_eq!(named(name).as_deref(), expected);
        }
    }

    #[test]
    fn missing_or_duplicate_common_name_is_ignored() {
        let none = certificate(|params| params.distinguished_name = DistinguishedName::new());
        assert_eq!(common_name(&none), None);
        let two = certificate(|params| {
            let second = DnType::CustomDnType(vec![2, 5, 4, 3]);
            params.distinguished_name.push(DnType::CommonName, "anna");
            params.distinguished_name.push(second, "root");
        });
        assert_eq!(common_name(&two), None);
    }
}
