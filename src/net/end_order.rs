//! The order in which the kernel received the ends (FIN or reset) of two connections.
//!
//! It owns a separate epoll instance whose sockets are registered for `EPOLLRDHUP` only: there data
//! does not queue a socket, and the kernel's ready list is FIFO. The main instance cannot tell the
//! order, because a socket that is already queued for data keeps its position when its end arrives.
//! The caller interprets the order.

use std::io;
use std::os::fd::OwnedFd;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::{EndWatch, Ends, Stream, Token};

/// Events fetched by one `epoll_wait`.
const ENDS_PER_CALL: usize = 16;

/// The watched pairs of streams.
pub(super) struct EndOrder {
    epoll: OwnedFd,
    /// In the order of their ids.
    watches: Vec<Watched>,
    next: u64,
}

struct Watched {
    /// Never used again: an event of a forgotten pair may still be in the ready list.
    id: u64,
    tokens: [Token; 2],
    ends: Ends,
}

impl EndOrder {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            watches: Vec::new(),
            next: 0,
        })
    }

    /// Watches two streams. The first may still be registered for an earlier, forgotten pair. A stream
    /// that has already ended counts as ending now, the first before the second.
    pub(super) fn watch(&mut self, pair: [(&dyn Stream, Token); 2]) -> io::Result<EndWatch> {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        for (index, (stream, _)) in (0..).zip(pair) {
            let socket = stream.descriptor().ok_or(io::ErrorKind::Unsupported)?;
            let data = epoll::EventData::new_u64((id << 1) | index);
            let flags = epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
            // A control connection is mostly registered for an earlier pair, a data connection never.
            let modified = match index {
                0 => epoll::modify(&self.epoll, socket, data, flags),
                _ => Err(Errno::NOENT),
            };
            match modified {
                Err(Errno::NOENT) => epoll::add(&self.epoll, socket, data, flags)?,
                modified => modified?,
            }
        }
        let tokens = pair.map(|(_, token)| token);
        let ends = Ends::Neither;
        self.watches.push(Watched { id, tokens, ends });
        Ok(EndWatch(id))
    }

    pub(super) fn ends(&mut self, watch: &EndWatch) -> Ends {
        while self.poll_ends() == ENDS_PER_CALL {}
        let watched = self.watched(watch.0);
        watched.map_or(Ends::Neither, |watched| watched.ends)
    }

    pub(super) fn forget(&mut self, watch: &EndWatch) {
        self.watches.retain(|watched| watched.id != watch.0);
    }

    fn watched(&mut self, id: u64) -> Option<&mut Watched> {
        let at = self.watches.binary_search_by_key(&id, |watched| watched.id);
        self.watches.get_mut(at.ok()?)
    }

    /// Records a batch of ends and returns how many events it had.
    fn poll_ends(&mut self) -> usize {
        let mut ends = Vec::with_capacity(ENDS_PER_CALL);
        let at_once = Some(&Timespec::default());
        let room = rustix::buffer::spare_capacity(&mut ends);
        // EINTR or another failure: the order stays unknown, which callers must handle anyway.
        let count = epoll::wait(&self.epoll, room, at_once).unwrap_or(0);
        for end in ends {
            let data = end.data.u64();
            if let Some(watched) = self.watched(data >> 1) {
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
    use crate::net::testing::socket_pair;
    use std::io::Write as _;
    use std::net::Shutdown;

    const ONE: Token = Token(1);
    const OTHER: Token = Token(2);

    /// The kernel may report an end shortly after the call that causes it.
    fn both(order: &mut EndOrder, watch: &EndWatch) -> Token {
        loop {
            if let Ends::Both(token) = order.ends(watch) {
                return token;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn ends_are_ordered_and_data_is_ignored() {
        let mut order = EndOrder::new().unwrap();
        for (first, expected) in [(0, ONE), (1, OTHER)] {
            let ((a, one), (b, other)) = (socket_pair(), socket_pair());
            let watch = order.watch([(&one, ONE), (&other, OTHER)]).unwrap();
            let mut clients = [a, b];
            for client in &mut clients {
                client.write_all(b"bytes").unwrap();
            }
            assert_eq!(order.ends(&watch), Ends::Neither);
            clients[first].shutdown(Shutdown::Write).unwrap();
            clients[1 - first].shutdown(Shutdown::Write).unwrap();
            assert_eq!(both(&mut order, &watch), expected);
            drop(clients);
            assert_eq!(order.ends(&watch), Ends::Both(expected));
            order.forget(&watch);
            assert_eq!(order.ends(&watch), Ends::Neither);
        }
    }

    #[test]
    fn earlier_ends_count_in_order_of_the_pair() {
        let mut order = EndOrder::new().unwrap();
        let ((a, one), (b, other)) = (socket_pair(), socket_pair());
        let (_c, earlier) = socket_pair();
        let before = order.watch([(&one, ONE), (&earlier, OTHER)]).unwrap();
        order.forget(&before);
        drop((b, a));
        let again = order.watch([(&one, ONE), (&other, OTHER)]).unwrap();
        assert_eq!(both(&mut order, &again), ONE);
    }
}
