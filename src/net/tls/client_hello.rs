//! The first record of a client, as far as it tells which session it offers to resume. RFC 8446 §4.1.2 and
//! §4.2.11, RFC 5077 §3.2, RFC 5246 §7.4.1.2.
//!
//! rustls reads the record again, and checks it. This reader only has to find the offers of a well-formed
//! one; it copies nothing, and does not know what an offer means.

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
    /// The record is incomplete.
    Incomplete,
    /// Not a `ClientHello` in one record.
    Unreadable,
}

impl<'a> Offers<'a> {
    /// The offers of the `ClientHello` at the beginning of `received`, with at most `most` tickets.
    pub(super) fn read(received: &'a [u8], most: usize) -> Result<Self, NoOffers> {
        if received
            .first()
            .is_some_and(|kind| *kind != HANDSHAKE_RECORD)
        {
            return Err(NoOffers::Unreadable);
        }
        let mut reader = Reader(received);
        let header = reader.take(3).ok_or(NoOffers::Incomplete)?;
        debug_assert_eq!(header.first(), Some(&HANDSHAKE_RECORD));
        let record = reader.vector(2).ok_or(NoOffers::Incomplete)?;
        Self::of_handshake(record, most).ok_or(NoOffers::Unreadable)
    }

    fn of_handshake(record: &'a [u8], most: usize) -> Option<Self> {
        let mut reader = Reader(record);
        if reader.take(1)? != [CLIENT_HELLO] {
            return None;
        }
        let mut hello = Reader(reader.vector(3)?);
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
