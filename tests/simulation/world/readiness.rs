//! What a poll reports of the server's end of a connection, as epoll does.

use mioftpd::internals::net::{Readiness, Registration};

use super::{Connection, LinkState};

impl Connection {
    /// Whether a poll may report it.
    pub(super) fn is_registered(&self) -> bool {
        self.is_held() && self.registration != Registration::None
    }

    /// The readiness of the server's end, as epoll reports it.
    pub(super) fn readiness(&self) -> Readiness {
        let has_room = self.client.inbound.has_much_room();
        let end = &self.server;
        if end.link == LinkState::Connecting {
            return Readiness::default();
        }
        let (reads, writes) = match self.registration {
            Registration::None => return Readiness::default(),
            Registration::Readable => (true, false),
            Registration::Writable => (false, true),
            Registration::Both => (true, true),
        };
        let failed = end.link != LinkState::Up;
        let over = end.ended || failed;
        Readiness {
            readable: failed || reads && (over || !end.inbound.arrived.is_empty()),
            writable: failed || writes && has_room,
            drain: failed || reads && (over || end.inbound.mark.is_some()),
        }
    }
}
