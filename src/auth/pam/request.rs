//! The request to a checker process and its answer, as bytes in a pipe.
//!
//! A request is four fields (service, name, password, client address), each with a 16-bit big-endian length
//! in front. It fits into the buffer of a pipe, so that writing it never blocks. An answer is `+`, or `-`
//! and the reason.

use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::auth::{PamService, Password};

/// The longest name, in bytes; Linux allows 32 for a user.
const NAME_BYTES: usize = 256;

/// The longest password, in bytes, that PAM takes (`PAM_MAX_RESP_SIZE`).
const PASSWORD_BYTES: usize = 511;

/// The longest request, in bytes: less than a page, which every pipe can hold.
pub(super) const REQUEST_BYTES: usize = 2048;

/// The longest answer, in bytes; a longer reason is truncated.
pub(super) const ANSWER_BYTES: usize = 256;

/// A request to verify a password and the account conditions of PAM.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::auth) struct PamRequest {
    pub(super) service: String,
    pub(super) name: Vec<u8>,
    pub(super) password: Password,
    pub(super) from: IpAddr,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PamAnswer {
    Accepted,
    /// With the reason, for the log.
    Refused(String),
}

impl PamRequest {
    /// `None` for a name or password that PAM cannot take (too long, or with a NUL): no user has one.
    pub(in crate::auth) fn new(
        service: &PamService,
        name: &[u8],
        password: &Password,
        from: IpAddr,
    ) -> Option<Self> {
        let is_text = |bytes: &[u8]| !bytes.contains(&0);
        let is_name = (1..=NAME_BYTES).contains(&name.len()) && is_text(name);
        let secret = password.as_bytes();
        let is_password = secret.len() <= PASSWORD_BYTES && is_text(secret);
        (is_name && is_password).then(|| Self {
            service: service.name().to_owned(),
            name: name.to_vec(),
            password: password.clone(),
            from,
        })
    }

    /// The bytes for the checker.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let from = self.from.to_string();
        let fields = [
            self.service.as_bytes(),
            &self.name,
            self.password.as_bytes(),
            from.as_bytes(),
        ];
        // Full capacity at once: a reallocation would leave a copy of the password in freed memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            fields.iter().map(|field| 2 + field.len()).sum(),
        ));
        for field in fields {
            // `new` bounds the name and the password, `PamService` itself: the fallback is not used.
            let length = u16::try_from(field.len());
            debug_assert!(length.is_ok(), "a field is too long");
            let length = length.unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }

    /// Parses the bytes that the checker has received; `None` if they are malformed.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut field = || {
            let (length, tail) = rest.split_first_chunk()?;
            let (field, tail) = tail.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = tail;
            Some(field)
        };
        let (service, name, password, from) = (field()?, field()?, field()?, field()?);
        let service = PamService::named(str::from_utf8(service).ok()?).ok()?;
        let from = str::from_utf8(from).ok()?.parse().ok()?;
        Self::new(&service, name, &password.into(), from).filter(|_| rest.is_empty())
    }
}

impl PamAnswer {
    /// The bytes for the server.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = match self {
            Self::Accepted => b"+".to_vec(),
            Self::Refused(reason) => format!("-{reason}").into_bytes(),
        };
        bytes.truncate(ANSWER_BYTES);
        bytes
    }

    /// Parses the bytes that the server has received; `None` if they are malformed.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (b'+', []) => Some(Self::Accepted),
            (b'-', reason) => Some(Self::Refused(String::from_utf8_lossy(reason).into_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn request(name: &[u8], password: &[u8]) -> Option<PamRequest> {
        let service = PamService::named("mioftpd").unwrap();
        PamRequest::new(&service, name, &password.into(), HERE)
    }

    #[test]
    fn request_survives_encode_and_decode() {
        let longest = request(&[b'n'; NAME_BYTES], &[b'p'; PASSWORD_BYTES]);
        for request in [
            request(b"ann", b""),
            request(b"\xff ann", b"p: \n"),
            longest,
        ] {
            let request = request.unwrap();
            let bytes = request.encode();
            assert!(bytes.len() <= REQUEST_BYTES);
            assert_eq!(PamRequest::decode(&bytes), Some(request));
            for cut in 0..bytes.len() {
                assert_eq!(PamRequest::decode(&bytes[..cut]), None, "{cut}");
            }
            assert_eq!(PamRequest::decode(&[&bytes[..], b"x"].concat()), None);
        }
    }

    #[test]
    fn request_rejects_names_and_passwords_pam_cannot_take() {
        assert_eq!(request(b"", b"x"), None);
        assert_eq!(request(b"an\0n", b"x"), None);
        assert_eq!(request(b"ann", b"x\0"), None);
        assert_eq!(request(&[b'n'; NAME_BYTES + 1], b"x"), None);
        assert_eq!(request(b"ann", &[b'p'; PASSWORD_BYTES + 1]), None);
    }

    #[test]
    fn answer_survives_encode_and_decode() {
        for answer in [
            PamAnswer::Accepted,
            PamAnswer::Refused("no".to_owned()),
            PamAnswer::Refused(String::new()),
        ] {
            assert_eq!(PamAnswer::decode(&answer.encode()), Some(answer));
        }
        for bytes in [&b""[..], b"+ ", b"yes", b"++", b"\0"] {
            assert_eq!(PamAnswer::decode(bytes), None);
        }
        let long = PamAnswer::Refused("x".repeat(ANSWER_BYTES * 2));
        assert_eq!(long.encode().len(), ANSWER_BYTES);
    }
}
