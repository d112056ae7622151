//! Connections at a passive listener whose client is not known yet: the PROXY header is incomplete, or the
//! `ClientHello` that tells the sessions of one address apart.
//!
//! It owns these connections, bounded in number and time, and reads what has come. It does not know who
//! waits for them.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::IpAddr;

use super::admission::Protocol;
use super::proxy_header::ProxyHeader;
use crate::clock::Instant;
use crate::limits::{HELLO_BYTES, UNIDENTIFIED};
use crate::net::tls::{Acceptor, SessionTag};
use crate::net::{Registration, Stream};
use crate::protocol::proxy_header::ProxiedPeer;

/// What the policy says of those who connect.
pub(super) struct Callers<'a> {
    pub(super) is_proxy: &'a dyn Fn(IpAddr) -> bool,
    pub(super) acceptor: Option<&'a Acceptor>,
    /// When the header or `ClientHello` of a connection that comes now must be complete.
    pub(super) until: Instant,
}

/// A connection, and what must come before its client is known.
///
/// ```text
///   Header ──complete──▶ (the address is known) ──several sessions of it wait──▶ Hello ──complete──▶ (known)
/// ```
pub(super) struct Unidentified {
    stream: Box<dyn Stream>,
    awaited: Awaited,
    until: Instant,
}

enum Awaited {
    /// From this proxy.
    Header(IpAddr, ProxyHeader),
    /// From this client address.
    Hello(IpAddr),
}

/// What has come over a connection.
pub(super) enum Identity {
    Address(IpAddr),
    /// It offers to resume sessions of these control connections; perhaps of none.
    Sessions(IpAddr, Vec<SessionTag>),
    /// What came from this address is no header, or it ended before.
    Nobody(Option<IpAddr>),
}

impl Unidentified {
    pub(super) fn from_proxy(stream: Box<dyn Stream>, proxy: IpAddr, until: Instant) -> Self {
        // PROT decides whether TLS follows, not the listener.
        let header = ProxyHeader::new(Protocol::Ftp);
        Self {
            stream,
            awaited: Awaited::Header(proxy, header),
            until,
        }
    }

    pub(super) const fn from_client(
        stream: Box<dyn Stream>,
        address: IpAddr,
        until: Instant,
    ) -> Self {
        Self {
            stream,
            awaited: Awaited::Hello(address),
            until,
        }
    }

    fn may_be_from(&self, address: Option<IpAddr>) -> bool {
        match self.awaited {
            Awaited::Header(..) => true,
            Awaited::Hello(from) => address.is_none_or(|address| address == from),
        }
    }

    /// Reads what has come.
    ///
    /// # Errors
    /// `WouldBlock` if it is incomplete.
    fn identify(&mut self, callers: &Callers<'_>) -> io::Result<Identity> {
        match &mut self.awaited {
            Awaited::Header(proxy, header) => match header.read(self.stream.as_mut()) {
                Ok(ProxiedPeer::Local) => Ok(Identity::Address(*proxy)),
                Ok(ProxiedPeer::Client { source, .. }) => Ok(Identity::Address(source.ip())),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => Err(error),
                    ErrorKind::InvalidData => Ok(Identity::Nobody(Some(*proxy))),
                    _ => Ok(Identity::Nobody(None)),
                },
            },
            Awaited::Hello(address) => {
                let mut buffer = [0; HELLO_BYTES];
                let count = match self.stream.peek(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(error),
                    // It has ended.
                    Ok(0) | Err(_) => return Ok(Identity::Sessions(*address, Vec::new())),
                    Ok(count) => count,
                };
                let received = buffer.get(..count).unwrap_or_default();
                let tags = callers.acceptor.and_then(|one| one.identify(received));
                if tags.is_none() && count < HELLO_BYTES {
                    return Err(ErrorKind::WouldBlock.into());
                }
                Ok(Identity::Sessions(*address, tags.unwrap_or_default()))
            }
        }
    }
}

/// The connections of one listener, in the order in which they are looked at.
#[derive(Default)]
pub(super) struct UnidentifiedQueue {
    waiting: VecDeque<Unidentified>,
    /// How many of the first may have received something.
    unread: usize,
}

impl UnidentifiedQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// An event at one of them.
    pub(super) fn set_ready(&mut self) {
        self.unread = self.waiting.len();
    }

    /// Whether one of them may be from this address.
    pub(super) fn may_have(&self, address: Option<IpAddr>) -> bool {
        self.waiting.iter().any(|one| one.may_be_from(address))
    }

    /// When all of them are late that [may be from this address](Self::may_have).
    pub(super) fn until(&self, address: Option<IpAddr>) -> Option<Instant> {
        let waiting = self.waiting.iter().filter(|one| one.may_be_from(address));
        waiting.map(|one| one.until).max()
    }

    /// Closes those that are late. Returns when the next one is.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Instant> {
        while self.close_first(|one| one.until <= now) {}
        self.waiting.iter().map(|one| one.until).min()
    }

    /// Identifies a connection, or keeps it until more has come.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub(super) fn add(
        &mut self,
        mut one: Unidentified,
        callers: &Callers<'_>,
    ) -> io::Result<Option<(Box<dyn Stream>, Identity)>> {
        if let Ok(identity) = one.identify(callers) {
            return Ok(Some((one.stream, identity)));
        }
        if let Err(error) = one.stream.register(Registration::Readable) {
            reset(one.stream);
            return Err(error);
        }
        self.waiting.push_back(one);
        if self.waiting.len() > UNIDENTIFIED {
            self.close_first(|_| true);
        }
        Ok(None)
    }

    /// Closes the first ones of an address beyond `most`.
    pub(super) fn limit(&mut self, address: IpAddr, most: usize) {
        let is_of =
            |one: &Unidentified| matches!(one.awaited, Awaited::Hello(from) if from == address);
        let count = self.waiting.iter().filter(|one| is_of(one)).count();
        for _ in most..count {
            self.close_first(is_of);
        }
    }

    /// Closes the first such one, and returns whether there was one. What they wait for comes with a
    /// connection, so that the oldest is the least likely to get its own.
    fn close_first(&mut self, is_such: impl Fn(&Unidentified) -> bool) -> bool {
        let Some(at) = self.waiting.iter().position(is_such) else {
            return false;
        };
        self.unread -= usize::from(at < self.unread);
        self.waiting
            .remove(at)
            .map(|one| reset(one.stream))
            .is_some()
    }

    /// Takes the next one that is identified by what has come.
    pub(super) fn next(&mut self, callers: &Callers<'_>) -> Option<(Box<dyn Stream>, Identity)> {
        while let Some(unread) = self.unread.checked_sub(1) {
            self.unread = unread;
            let mut one = self.waiting.pop_front()?;
            if let Ok(identity) = one.identify(callers) {
                let _ = one.stream.register(Registration::None);
                return Some((one.stream, identity));
            }
            self.waiting.push_back(one);
        }
        None
    }
}

impl Drop for UnidentifiedQueue {
    fn drop(&mut self) {
        self.waiting.drain(..).for_each(|one| reset(one.stream));
    }
}

/// Closes a connection that gets no transfer. Its host may take an end in order for an empty file: the port
/// can have been another session's a moment ago.
pub(super) fn reset(mut stream: Box<dyn Stream>) {
    stream.reset_on_close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::FakeStream;
    use std::time::Duration;

    fn callers() -> Callers<'static> {
        Callers {
            is_proxy: &|_| false,
            acceptor: None,
            until: Instant::now(),
        }
    }

    fn from_client(number: u8, stream: FakeStream, until: Instant) -> Unidentified {
        Unidentified::from_client(Box::new(stream), [10, 0, 0, number].into(), until)
    }

    #[test]
    fn number_and_time_are_bounded() {
        let (mut queue, now) = (UnidentifiedQueue::default(), Instant::now());
        for number in (0..).take(UNIDENTIFIED + 1) {
            let until = now + Duration::from_secs(number.into());
            let one = from_client(number, FakeStream::default(), until);
            assert!(matches!(queue.add(one, &callers()), Ok(None)));
        }
        assert_eq!(queue.waiting.len(), UNIDENTIFIED);
        assert!(!queue.may_have(Some([10, 0, 0, 0].into())), "the oldest");
        assert!(queue.may_have(Some([10, 0, 0, 1].into())) && queue.may_have(None));
        assert_eq!(queue.expire(now), Some(now + Duration::from_secs(1)));
        assert!(queue.next(&callers()).is_none(), "nothing has come");
        let until = queue.until(None).unwrap();
        assert_eq!(queue.expire(until), None);
        assert!(queue.is_empty());
    }

    #[test]
    fn oldest_of_an_address_beyond_its_number_are_closed() {
        let (mut queue, now) = (UnidentifiedQueue::default(), Instant::now());
        for (second, number) in [1, 2, 1, 1, 2].into_iter().enumerate() {
            let until = now + Duration::from_secs(second as u64);
            let one = from_client(number, FakeStream::default(), until);
            assert!(matches!(queue.add(one, &callers()), Ok(None)));
        }
        queue.set_ready();
        queue.limit([10, 0, 0, 1].into(), 1);
        let left = queue.waiting.iter().map(|one| (one.until - now).as_secs());
        assert_eq!(left.collect::<Vec<_>>(), [1, 3, 4]);
        assert_eq!(queue.unread, 3);
        assert!(queue.next(&callers()).is_none());
    }

    #[test]
    fn header_of_a_proxy_names_the_client() {
        let mut queue = UnidentifiedQueue::default();
        let (proxy, client): (IpAddr, IpAddr) = ([10, 9, 0, 1].into(), [10, 0, 0, 7].into());
        let mut identity = |bytes: &[u8]| {
            let stream = Box::new(FakeStream::of(bytes));
            let one = Unidentified::from_proxy(stream, proxy, Instant::now());
            queue
                .add(one, &callers())
                .unwrap()
                .map(|(_, identity)| identity)
        };
        let header = b"PROXY TCP4 10.0.0.7 10.0.0.1 1024 50000\r\n";
        let complete = identity(header);
        assert!(matches!(complete, Some(Identity::Address(address)) if address == client));
        assert!(identity(&header[..9]).is_none());
        let other = identity(b"GET / HTTP/1.0\r\n\r\n");
        assert!(matches!(other, Some(Identity::Nobody(Some(address))) if address == proxy));
    }
}
