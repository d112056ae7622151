//! What is asked of a checker, and what it says: bytes between two processes of one program.
//!
//! A question is four fields, each behind its length. It fits into a pipe, so that to write it can
//! never wait; what would not fit is never asked. A verdict is a letter, and behind it the reason.

use std::net::IpAddr;

use zeroize::Zeroizing;

use crate::auth::{Password, Service};

/// The longest name that is asked for; that of a user of Linux has 32 bytes.
const NAME_BYTES: usize = 256;

/// The longest password; PAM takes none that is longer (`PAM_MAX_RESP_SIZE`).
const PASSWORD_BYTES: usize = 511;

/// The longest question: less than the page that every pipe holds.
pub(super) const QUESTION_BYTES: usize = 2048;

/// The longest reason that is passed on.
pub(super) const VERDICT_BYTES: usize = 256;

/// Is that password theirs, and may they come in now?
#[derive(Debug, PartialEq, Eq)]
pub(in crate::auth) struct Question {
    pub(super) service: String,
    pub(super) name: Vec<u8>,
    pub(super) password: Password,
    pub(super) from: IpAddr,
}

/// What PAM says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Yes,
    No(String),
}

impl Question {
    /// Whether somebody with an address has this name and password; `None` where PAM could not
    /// be asked that: nobody has such a name, or such a password.
    pub(in crate::auth) fn new(
        service: &Service,
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

    /// As it is sent.
    pub(super) fn print(&self) -> Zeroizing<Vec<u8>> {
        let from = self.from.to_string();
        let fields = [
            self.service.as_bytes(),
            &self.name,
            self.password.as_bytes(),
            from.as_bytes(),
        ];
        // At once as long as it gets: no copy of the password stays behind where it had no room.
        let mut bytes = Zeroizing::new(Vec::with_capacity(
            fields.iter().map(|field| 2 + field.len()).sum(),
        ));
        for field in fields {
            let length = u16::try_from(field.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(field);
        }
        bytes
    }

    /// As it is received; `None` where it is no question.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut field = || {
            let (length, behind) = rest.split_first_chunk()?;
            let (field, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
            rest = behind;
            Some(field)
        };
        let (service, name, password, from) = (field()?, field()?, field()?, field()?);
        let service = Service::named(str::from_utf8(service).ok()?).ok()?;
        let from = str::from_utf8(from).ok()?.parse().ok()?;
        Self::new(&service, name, &password.into(), from).filter(|_| rest.is_empty())
    }
}

impl Verdict {
    /// As it is sent.
    pub(super) fn print(&self) -> Vec<u8> {
        let mut bytes = match self {
            Self::Yes => b"+".to_vec(),
            Self::No(reason) => format!("-{reason}").into_bytes(),
        };
        bytes.truncate(VERDICT_BYTES);
        bytes
    }

    /// As it is received; `None` where it is no verdict.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (b'+', []) => Some(Self::Yes),
            (b'-', reason) => Some(Self::No(String::from_utf8_lossy(reason).into_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn question(name: &[u8], password: &[u8]) -> Option<Question> {
        let service = Service::named("mioftpd").unwrap();
        Question::new(&service, name, &password.into(), HERE)
    }

    #[test]
    fn a_question_arrives_as_it_was_sent() {
        let longest = question(&[b'n'; NAME_BYTES], &[b'p'; PASSWORD_BYTES]);
        for question in [
            question(b"ann", b""),
            question(b"\xff ann", b"p: \n"),
            longest,
        ] {
            let question = question.unwrap();
            let bytes = question.print();
            assert!(bytes.len() <= QUESTION_BYTES);
            assert_eq!(Question::parse(&bytes), Some(question));
            for cut in 0..bytes.len() {
                assert_eq!(Question::parse(&bytes[..cut]), None, "{cut}");
            }
            assert_eq!(Question::parse(&[&bytes[..], b"x"].concat()), None);
        }
    }

    #[test]
    fn what_nobody_can_be_called_is_not_asked() {
        assert_eq!(question(b"", b"x"), None);
        assert_eq!(question(b"an\0n", b"x"), None);
        assert_eq!(question(b"ann", b"x\0"), None);
        assert_eq!(question(&[b'n'; NAME_BYTES + 1], b"x"), None);
        assert_eq!(question(b"ann", &[b'p'; PASSWORD_BYTES + 1]), None);
    }

    #[test]
    fn only_a_verdict_is_one() {
        for verdict in [
            Verdict::Yes,
            Verdict::No("no".to_owned()),
            Verdict::No(String::new()),
        ] {
            assert_eq!(Verdict::parse(&verdict.print()), Some(verdict));
        }
        for bytes in [&b""[..], b"+ ", b"yes", b"++", b"\0"] {
            assert_eq!(Verdict::parse(bytes), None);
        }
        let long = Verdict::No("x".repeat(VERDICT_BYTES * 2));
        assert_eq!(long.print().len(), VERDICT_BYTES);
    }
}
