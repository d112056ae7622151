//! The first message of a client, as far as it tells which session it offers to resume. RFC 8446 §4.1.2 and
//! §4.2.11, RFC 5077 §3.2, RFC 5246 §7.4.1.2.
//!
//! rustls reads the message again, and checks it. This reader only has to find the offers of a well-formed
//! one, and does not know what an offer means.

const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;

/// Client version and random number.
const FIXED_BYTES: usize = 2 + 32;

/// What a client offers to resume.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Offers<'a> {
    /// The identifier of a session that the server has stored; may be empty.
    pub(super) session_id: &'a [u8],
    /// Tickets, of TLS 1.2 and 1.3. Empty ones ask for a ticket.
    pub(super) tickets: Vec<&'a [u8]>,
}

/// Why there are no offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoOffers {
    /// The message is incomplete.
    Incomplete,
    /// Not a `ClientHello`.
    Unreadable,
}

/// The handshake message at the beginning of `received`, which may go on in further records.
pub(super) fn message(received: &[u8]) -> Result<Vec<u8>, NoOffers> {
    let mut message = Vec::new();
    let mut records = Reader(received);
    loop {
        if records
            .0
            .first()
            .is_some_and(|kind| *kind != HANDSHAKE_RECORD)
        {
            return Err(NoOffers::Unreadable);
        }
        records.take(3).ok_or(NoOffers::Incomplete)?;
        let record = records.vector(2).ok_or(NoOffers::Incomplete)?;
        message.extend_from_slice(record);
        if record.is_empty() || message.first() != Some(&CLIENT_HELLO) {
            return Err(NoOffers::Unreadable);
        }
        if body_of(&message).is_some() {
            return Ok(message);
        }
    }
}

/// What is behind the type and the length of a message; `None` if it is incomplete.
fn body_of(message: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader(message);
    let _kind = reader.take(1)?;
    reader.vector(3).map(Reader)
}

impl<'a> Offers<'a> {
    /// The offers of a `ClientHello`, with at most `most` tickets; `None` if it is malformed.
    pub(super) fn read(message: &'a [u8], most: usize) -> Option<Self> {
        let mut hello = body_of(message)?;
        hello.take(FIXED_BYTES)?;
        let session_id = hello.vector(1)?;
        let _cipher_suites = hello.vector(2)?;
        let _compression = hello.vector(1)?;
        let mut offers = Self {
            session_id,
            tickets: Vec::new(),
        };
        // TLS 1.2 clients may send none.
        let mut extensions = Reader(hello.vector(2).unwrap_or_default());
        while !extensions.0.is_empty() {
            let kind = extensions.number(2)?;
            let content = extensions.vector(2)?;
            match u16::try_from(kind) {
                Ok(SESSION_TICKET) => offers.add(content, most),
                Ok(PRE_SHARED_KEY) => {
                    let mut identities = Reader(Reader(content).vector(2)?);
                    while !identities.0.is_empty() {
                        offers.add(identities.vector(2)?, most);
                        let _age = identities.take(4)?;
                    }
                }
                _ => {}
            }
        }
        Some(offers)
    }

    fn add(&mut self, ticket: &'a [u8], most: usize) {
        if self.tickets.len() < most {
            self.tickets.push(ticket);
        }
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of that many bytes.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let bytes = self.take(bytes)?.iter();
        Some(bytes.fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// A vector, behind its length of that many bytes.
    fn vector(&mut self, length_bytes: usize) -> Option<&'a [u8]> {
        let length = self.number(length_bytes)?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A record with a `ClientHello` of these session identifier and extensions.
    fn hello(session_id: &[u8], extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let extensions = extensions.iter().map(|(kind, content)| {
            let kind = kind.to_be_bytes().to_vec();
            [kind, vector(2, content)].concat()
        });
        let body = [
            vec![3, 3],
            vec![7; 32],
            vector(1, session_id),
            vector(2, &[0x13, 1]),
            vector(1, &[0]),
            vector(2, &extensions.collect::<Vec<_>>().concat()),
        ];
        let message = [vec![CLIENT_HELLO], vector(3, &body.concat())].concat();
        [vec![HANDSHAKE_RECORD, 3, 1], vector(2, &message)].concat()
    }

    fn vector(length_bytes: usize, content: &[u8]) -> Vec<u8> {
        let length = content.len().to_be_bytes();
        [&length[length.len() - length_bytes..], content].concat()
    }

    fn identities(tickets: &[&[u8]]) -> Vec<u8> {
        let identities = tickets.iter().map(|ticket| {
            let age = vec![0, 0, 0, 9];
            [vector(2, ticket), age].concat()
        });
        let binders = vector(2, &vector(1, &[5; 32]));
        [vector(2, &identities.collect::<Vec<_>>().concat()), binders].concat()
    }

    /// What is read in `received`, by its session identifier and tickets.
    fn read(received: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), NoOffers> {
        let message = message(received)?;
        let offers = Offers::read(&message, 3).ok_or(NoOffers::Unreadable)?;
        let tickets = offers.tickets.iter().map(|ticket| ticket.to_vec());
        Ok((offers.session_id.to_vec(), tickets.collect()))
    }

    /// The same in records of that many bytes.
    fn split(record: &[u8], bytes: usize) -> Vec<u8> {
        let records = record[5..].chunks(bytes);
        let records = records.map(|part| [&record[..3], &vector(2, part)].concat());
        records.collect::<Vec<_>>().concat()
    }

    #[test]
    fn offers_of_all_versions_are_found() {
        let record = hello(
            b"id",
            &[
                (0, b"name".to_vec()),
                (SESSION_TICKET, b"old".to_vec()),
                (PRE_SHARED_KEY, identities(&[b"one", b"two", b"three"])),
            ],
        );
        let tickets = [&b"old"[..], b"one", b"two"].map(<[u8]>::to_vec).to_vec();
        let offers = Ok((b"id".to_vec(), tickets));
        assert_eq!(read(&record), offers);
        for bytes in [1, 3, 4, 5, 70] {
            assert_eq!(read(&split(&record, bytes)), offers, "records of {bytes}");
        }
        // What follows the message does not matter, as early data would.
        assert_eq!(read(&[record.as_slice(), b"more"].concat()), offers);
        assert_eq!(read(&hello(b"", &[])), Ok(Default::default()));
    }

    #[test]
    fn what_is_no_hello_is_unreadable() {
        let mut other = hello(b"", &[]);
        other[5] = CLIENT_HELLO + 1;
        let empty = [HANDSHAKE_RECORD, 3, 1, 0, 0];
        for bytes in [&b"GET / HTTP/1.0\r\n"[..], b"\x15", &other, &empty] {
            assert_eq!(read(bytes), Err(NoOffers::Unreadable), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn each_part_is_incomplete_and_each_change_is_read(
            id in proptest::collection::vec(any::<u8>(), 0..32),
            ticket in proptest::collection::vec(any::<u8>(), 0..99),
            change in any::<(proptest::sample::Index, u8)>(),
        ) {
            let mut record = hello(&id, &[(PRE_SHARED_KEY, identities(&[&ticket]))]);
            for length in 0..record.len() {
                prop_assert_eq!(read(&record[..length]), Err(NoOffers::Incomplete));
            }
            prop_assert_eq!(read(&record).unwrap().1, [&ticket[..]]);
            let at = change.0.index(record.len());
            record[at] = change.1;
            // Whatever it says, it says something.
            let _ = read(&record);
        }
    }
}
