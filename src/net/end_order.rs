//! Which of two connections the peer has ended first, in the order in which the kernel heard of it.
//!
//! It owns an epoll instance of its own whose sockets are registered for `EPOLLRDHUP` alone: bytes
//! do not queue a socket there, only its end does (FIN or reset), and the kernel's ready list is first in,
//! first out. The events of the main instance cannot tell: a socket that is queued for bytes keeps
//! its place when its end arrives. What the order means is for the caller to say.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::{EndWatch, Ends, Stream, Token};

/// How many ends one call takes from the kernel.
const ENDS_PER_CALL: usize = 16;

/// The ends of all pairs of streams that are watched.
pub(super) struct EndOrder {
    epoll: OwnedFd,
    watches: BTreeMap<u64, Watched>,
    next: u64,
}

struct Watched {
    tokens: [Token; 2],
    ends: Ends,
}

impl EndOrder {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            watches: BTreeMap::new(),
            next: 0,
        })
    }

    /// Watches two streams, the first of which may be watched already, for an earlier pair that is
    /// over. One that has ended counts from now on, the first before the second.
    pub(super) fn watch(&mut self, pair: [(&dyn Stream, Token); 2]) -> io::Result<EndWatch> {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        for (index, (stream, _)) in (0..).zip(pair) {
            let socket = stream.descriptor().ok_or(io::ErrorKind::Unsupported)?;
            let data = epoll::EventData::new_u64((id << 1) | index);
            let flags = epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
            match epoll::add(&self.epoll, socket, data, flags) {
                Err(Errno::EXIST) => epoll::modify(&self.epoll, socket, data, flags)?,
                added => added?,
            }
        }
        let tokens = pair.map(|(_, token)| token);
        let ends = Ends::Neither;
        self.watches.insert(id, Watched { tokens, ends });
        Ok(EndWatch(id))
    }

    pub(super) fn of(&mut self, watch: &EndWatch) -> Ends {
        while self.take_ends() == ENDS_PER_CALL {}
        let watched = self.watches.get(&watch.0);
        watched.map_or(Ends::Neither, |watched| watched.ends)
    }

    pub(super) fn forget(&mut self, watch: &EndWatch) {
        self.watches.remove(&watch.0);
    }

    fn take_ends(&mut self) -> usize {
        let mut ends = Vec::with_capacity(ENDS_PER_CALL);
        let at_once = Some(&Timespec::default());
        let room = rustix::buffer::spare_capacity(&mut ends);
        // A call that fails leaves the order unknown, which the caller has to expect anyway.
        let count = epoll::wait(&self.epoll, room, at_once).unwrap_or(0);
        for end in ends {
            let data = end.data.u64();
            if let Some(watched) = self.watches.get_mut(&(data >> 1)) {
                let [one, other] = watched.tokens;
                let token = if data & 1 == 0 { one } else { other };
                watched.ends = watched.ends.and(token);
            }
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::stream::SystemStream;
    use std::io::Write as _;
    use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

    const ONE: Token = Token(1);
    const OTHER: Token = Token(2);

    fn pair() -> (TcpStream, SystemStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        let stream = SystemStream::new(mio::net::TcpStream::from_std(socket));
        (client, stream)
    }

    /// The server may hear of an end a moment after the call that makes it.
    fn both(order: &mut EndOrder, watch: &EndWatch) -> Token {
        loop {
            if let Ends::Both(token) = order.of(watch) {
                return token;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn bytes_do_not_count_and_the_order_of_the_ends_does() {
        let mut order = EndOrder::new().unwrap();
        for (first, expected) in [(0, ONE), (1, OTHER)] {
            let ((a, one), (b, other)) = (pair(), pair());
            let watch = order.watch([(&one, ONE), (&other, OTHER)]).unwrap();
            let mut clients = [a, b];
            for client in &mut clients {
                client.write_all(b"bytes").unwrap();
            }
            assert_eq!(order.of(&watch), Ends::Neither);
            clients[first].shutdown(Shutdown::Write).unwrap();
            clients[1 - first].shutdown(Shutdown::Write).unwrap();
            assert_eq!(both(&mut order, &watch), expected);
            drop(clients);
            assert_eq!(order.of(&watch), Ends::Both(expected));
            order.forget(&watch);
            assert_eq!(order.of(&watch), Ends::Neither);
        }
    }

    #[test]
    fn what_had_ended_before_counts_from_then_on_and_the_one_before_the_other() {
        let mut order = EndOrder::new().unwrap();
        let ((a, one), (b, other)) = (pair(), pair());
        let (_c, earlier) = pair();
        let before = order.watch([(&one, ONE), (&earlier, OTHER)]).unwrap();
        order.forget(&before);
        drop((b, a));
        let again = order.watch([(&one, ONE), (&other, OTHER)]).unwrap();
        assert_eq!(both(&mut order, &again), ONE);
    }
}
