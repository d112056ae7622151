//! One TCP connection of the virtual network: two ends, and a pipe of bytes towards each.
//!
//! It behaves as Linux does where a server could notice: an error is reported once and is an
//! end of stream afterwards; what arrived before a reset can still be read; behind a FIN a reset is
//! met by who writes, not by who reads; a read stops at the urgent mark. It knows no listener: when a
//! segment lands is for the [`World`](super::World) to say.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mioftpd::net::{Readiness, Token};

use super::facts::{Closing, ConnectionFacts, Moment, Reset};
use super::{FIRST_PORT, ListenerId};

/// Where TLS comes first.
const IMPLICIT_PORT: u16 = 990;

/// One of the two who are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The server.
    Server,
    /// A client.
    Client,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }
}

/// What travels.
pub(crate) enum Segment {
    Bytes(Vec<u8>),
    /// The next byte is urgent.
    Mark,
    Fin,
    Reset(Reset),
}

impl Segment {
    const fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Mark | Self::Fin | Self::Reset(_) => 0,
        }
    }
}

/// How an end stands.
///
/// ```text
///   Dialling ──▶ Up ──reset──▶ Broken ──told──▶ Dead
///       └────refused────────────▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Connecting,
    Up,
    /// An error that was not reported yet.
    Broken(io::ErrorKind),
    Dead,
}

/// One direction, as its receiver sees it.
pub(crate) struct Pipe {
    capacity: usize,
    /// What is on its way, and when each lands.
    flying: VecDeque<(Duration, Segment)>,
    flying_bytes: usize,
    pub(super) arrived: VecDeque<u8>,
    /// So many bytes before the urgent one have not been read.
    mark: Option<usize>,
    /// When the last segment lands: none overtakes another.
    last_delivery: Duration,
    /// Nothing lands before: what is sent over another connection comes first.
    pub(super) not_before: Duration,
    /// The longest that a segment normally takes.
    pub(super) delay: Duration,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, as of a kernel's socket"
)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) link: LinkState,
    pub(super) inbound: Pipe,
    /// The other end's FIN has landed.
    pub(super) ended: bool,
    /// This end's FIN is sent.
    pub(super) shut: bool,
    /// A write found no room: there will be an event when there is.
    pub(super) starved: bool,
    pub(super) reset_on_close: bool,
    pub(super) closed: bool,
    /// It has sent a reset, and so there is no such connection for it any more.
    pub(super) has_reset: bool,
}

/// A connection.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Connection {
    pub(crate) server: Endpoint,
    pub(crate) client: Endpoint,
    /// Under which the server has it registered, from when it has it.
    pub(super) token: Option<Token>,
    /// The listener where the server accepted it.
    pub(crate) listener: Option<ListenerId>,
    /// Which client it is of.
    pub(crate) owner: usize,
    /// Whose address counts for it, where that is known.
    pub(super) client_ip: Option<IpAddr>,
    /// Others that were in when it was accepted at a door, until it is told something.
    pub(super) others_in: Option<usize>,
    /// It was greeted in the clear.
    pub(super) is_welcome: bool,
    /// The server has read something of it.
    pub(super) was_read: bool,
    /// Nothing arrives any more, and nobody is told.
    pub(super) vanished: bool,
    /// A fault of the network has reset it.
    pub(crate) cut: bool,
    /// No fault concerns it.
    pub(crate) fault_free: bool,
    /// When, in the order of all ends, the server's system has heard of the client's; from when it is
    /// watched.
    pub(super) end_heard: Option<u64>,
    pub(super) facts: ConnectionFacts,
}

impl Connection {
    pub(super) fn new(server: SocketAddr, client: SocketAddr, owner: usize, room: usize) -> Self {
        Self {
            server: Endpoint::new(server, room),
            client: Endpoint::new(client, room),
            token: None,
            listener: None,
            owner,
            client_ip: Some(client.ip()),
            others_in: None,
            is_welcome: false,
            was_read: false,
            vanished: false,
            cut: false,
            fault_free: false,
            end_heard: None,
            facts: ConnectionFacts::default(),
        }
    }

    /// Takes in a segment that has landed at `side`.
    pub(super) fn receive(&mut self, side: Side, segment: Segment, now: Moment) {
        self.facts.end(side).take_in(&segment, now);
        let end = self.end(side);
        match segment {
            Segment::Bytes(bytes) => end.inbound.arrived.extend(bytes),
            Segment::Mark => end.inbound.mark = Some(end.inbound.arrived.len()),
            Segment::Fin => end.ended = true,
            // It closes what both have ended for good, and nobody needs to hear of it.
            Segment::Reset(_) if end.ended && !end.shut => {
                end.link = LinkState::Broken(io::ErrorKind::BrokenPipe);
            }
            Segment::Reset(_) => end.link = LinkState::Broken(io::ErrorKind::ConnectionReset),
        }
    }

    /// Whether the server's system has heard of the client's end.
    pub(super) fn has_ended(&self) -> bool {
        self.server.ended || !matches!(self.server.link, LinkState::Up | LinkState::Connecting)
    }

    /// Whether the server has it, and has not closed it.
    pub(crate) const fn is_held(&self) -> bool {
        self.token.is_some() && !self.server.closed
    }

    /// Whether it has come to one of the doors, and not to a passive port.
    pub(super) const fn is_control(&self) -> bool {
        self.listener.is_some() && self.server.address.port() < FIRST_PORT
    }

    /// Whether nothing is said in the clear.
    pub(super) const fn is_silent(&self) -> bool {
        self.server.address.port() == IMPLICIT_PORT
    }

    pub(crate) const fn end(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        }
    }

    /// Bytes that `side` can write now, or why it cannot.
    pub(super) fn room(&mut self, side: Side) -> io::Result<usize> {
        let end = self.end(side);
        match end.link {
            LinkState::Connecting => return Err(io::ErrorKind::WouldBlock.into()),
            LinkState::Broken(kind) => {
                end.link = LinkState::Dead;
                return Err(kind.into());
            }
            LinkState::Dead => return Err(io::ErrorKind::BrokenPipe.into()),
            LinkState::Up if end.shut || end.closed => return Err(io::ErrorKind::BrokenPipe.into()),
            LinkState::Up => {}
        }
        let room = self.end(side.other()).inbound.room();
        self.end(side).starved = room == 0;
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(room)
    }

    pub(super) fn read(&mut self, side: Side, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.end(side).inbound.take(buffer);
        if count > 0 || buffer.is_empty() {
            self.facts.end(side).read += count as u64;
            return Ok(count);
        }
        let end = self.end(side);
        match end.link {
            // Also where a reset has come behind it.
            _ if end.ended => Ok(0),
            LinkState::Broken(kind) => {
                end.link = LinkState::Dead;
                Err(kind.into())
            }
            LinkState::Dead => Ok(0),
            LinkState::Up | LinkState::Connecting => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Whether reading made the room for which the other end waits.
    pub(super) fn relieves(&mut self, reader: Side) -> bool {
        let has_room = self.end(reader).inbound.has_much_room();
        let writer = self.end(reader.other());
        let relieved = writer.starved && has_room;
        writer.starved &= !relieved;
        relieved
    }

    /// Something sets out from one end, and takes so long if nothing before it takes longer: when it
    /// lands.
    pub(super) fn launch(
        &mut self,
        from: Side,
        segment: Segment,
        now: Moment,
        after: Duration,
    ) -> Duration {
        let facts = self.facts.end(from);
        match &segment {
            Segment::Bytes(bytes) => {
                facts.written += bytes.len() as u64;
                facts.last_written = Some(now);
            }
            Segment::Fin => facts.fin_sent = Some(now),
            Segment::Mark | Segment::Reset(_) => {}
        }
        let pipe = &mut self.end(from.other()).inbound;
        let landing = (now.at + after)
            .max(pipe.last_delivery)
            .max(pipe.not_before);
        pipe.last_delivery = landing;
        pipe.flying_bytes += segment.bytes();
        pipe.flying.push_back((landing, segment));
        landing
    }

    /// The next segment towards `side` comes down, if it is time.
    pub(super) fn deliver_segment(&mut self, side: Side, now: Duration) -> Option<Segment> {
        let pipe = &mut self.end(side).inbound;
        let (landing, _) = pipe.flying.front()?;
        if *landing > now {
            return None;
        }
        let (_, segment) = pipe.flying.pop_front()?;
        pipe.flying_bytes -= segment.bytes();
        Some(segment)
    }

    /// What was on its way to `side` is lost, all but the first few segments.
    pub(super) fn lose(&mut self, side: Side, all_but: usize) {
        let pipe = &mut self.end(side).inbound;
        pipe.flying.truncate(all_but);
        let left = pipe.flying.iter().map(|(_, segment)| segment.bytes());
        pipe.flying_bytes = left.sum();
        pipe.last_delivery = pipe.flying.back().map_or(Duration::ZERO, |(at, _)| *at);
    }

    /// How many segments are on their way to `side`, but for a reset, which is the last.
    pub(super) fn flying(&mut self, side: Side) -> usize {
        let flying = self.end(side).inbound.flying.iter();
        let is_reset = |segment: &Segment| matches!(segment, Segment::Reset(_));
        flying.take_while(|(_, segment)| !is_reset(segment)).count()
    }

    /// When everything that is on its way to the server has landed.
    pub(super) fn last_landing_at_server(&self) -> Duration {
        let pipe = &self.server.inbound;
        pipe.last_delivery.max(pipe.not_before)
    }

    /// How an end would be closed now.
    pub(super) fn closing(&mut self, side: Side) -> Closing {
        let is_heard = self.end(side.other()).ended;
        let end = self.end(side);
        if end.link != LinkState::Up {
            return Closing::Dead;
        }
        // Both have ended. Once the other's kernel has confirmed that, there is no connection to reset.
        let is_over = end.shut && end.ended;
        let unread = end.inbound.arrived.len();
        match unread {
            _ if is_over && is_heard => Closing::InOrder,
            _ if end.reset_on_close && !is_over => Closing::ByReset(Reset::Chosen),
            1.. => Closing::ByReset(Reset::Unread(unread)),
            0 => Closing::InOrder,
        }
    }

    /// What epoll would say of `side` now.
    pub(super) fn readiness(&mut self, side: Side) -> Readiness {
        let has_room = self.end(side.other()).inbound.has_much_room();
        let end = self.end(side);
        if end.link == LinkState::Connecting {
            return Readiness::default();
        }
        let failed = end.link != LinkState::Up;
        let over = end.ended || failed;
        Readiness {
            readable: over || !end.inbound.arrived.is_empty(),
            writable: failed || has_room,
            drain: over || end.inbound.mark.is_some(),
        }
    }
}

impl Endpoint {
    const fn new(address: SocketAddr, capacity: usize) -> Self {
        Self {
            address,
            link: LinkState::Connecting,
            inbound: Pipe {
                capacity,
                flying: VecDeque::new(),
                flying_bytes: 0,
                arrived: VecDeque::new(),
                mark: None,
                last_delivery: Duration::ZERO,
                not_before: Duration::ZERO,
                delay: Duration::ZERO,
            },
            ended: false,
            shut: false,
            starved: false,
            reset_on_close: false,
            closed: false,
            has_reset: false,
        }
    }
}

impl Pipe {
    fn room(&self) -> usize {
        self.capacity
            .saturating_sub(self.flying_bytes + self.arrived.len())
    }

    /// Linux wakes a writer when a third of its buffer is free, not before.
    fn has_much_room(&self) -> bool {
        self.room() * 3 >= self.capacity
    }

    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let mut count = buffer.len().min(self.arrived.len());
        match &mut self.mark {
            Some(before @ 1..) => {
                count = count.min(*before);
                *before -= count;
            }
            Some(0) if count > 0 => self.mark = None,
            _ => {}
        }
        let (front, back) = self.arrived.as_slices();
        let middle = front.len().min(count);
        buffer[..middle].copy_from_slice(&front[..middle]);
        buffer[middle..count].copy_from_slice(&back[..count - middle]);
        self.arrived.drain(..count);
        count
    }
}
