//! One TCP connection of the virtual network: two ends, each with an inbound pipe.
//!
//! It behaves like Linux as far as a server can observe: an error is reported once, then reads return 0;
//! bytes that arrived before a reset remain readable; a reset behind a FIN fails writes, not reads; a read
//! stops at the urgent mark. The [`World`](super::World) decides when segments arrive.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mioftpd::internals::net::{Registration, Token};

use super::facts::{Closing, ConnectionFacts, Moment, Reset};
use super::{FIRST_PORT, ListenerId};

/// The implicit-TLS port.
const IMPLICIT_PORT: u16 = 990;

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
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

/// A segment in flight.
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

/// The state of an end.
///
/// ```text
///   Connecting ──▶ Up ──reset──▶ Broken ──reported──▶ Dead
///       └─────refused────────────▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Connecting,
    Up,
    /// With an error that is still to be reported.
    Broken(io::ErrorKind),
    Dead,
}

/// One direction, as its receiver sees it.
pub(crate) struct Pipe {
    capacity: usize,
    /// Segments in flight, with their arrival times.
    flying: VecDeque<(Duration, Segment)>,
    flying_bytes: usize,
    pub(super) arrived: VecDeque<u8>,
    /// Unread bytes before the urgent one.
    pub(super) mark: Option<usize>,
    /// Arrival of the last segment: segments stay in order.
    last_delivery: Duration,
    /// Nothing arrives earlier: another connection's segments come first.
    pub(super) not_before: Duration,
    /// The longest normal delay of a segment.
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
    /// The other end's FIN was delivered.
    pub(super) ended: bool,
    /// This end's FIN is sent.
    pub(super) shut: bool,
    /// A write found no room; an event follows when there is some.
    pub(super) starved: bool,
    pub(super) reset_on_close: bool,
    pub(super) closed: bool,
    /// It has sent a reset and forgotten the connection.
    pub(super) has_reset: bool,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Connection {
    pub(crate) server: Endpoint,
    pub(crate) client: Endpoint,
    /// The server's token, once it has the connection.
    pub(super) token: Option<Token>,
    /// What a poll reports of it.
    pub(crate) registration: Registration,
    /// The listener that accepted it.
    pub(crate) listener: Option<ListenerId>,
    /// The owning client.
    pub(crate) owner: usize,
    /// A data connection: when the client asked for the port.
    pub(crate) asked: Option<Duration>,
    /// The client whose session has it as its data connection.
    pub(crate) given_to: Option<usize>,
    /// The client address it is accounted to, if known.
    pub(super) client_ip: Option<IpAddr>,
    /// Other control connections at its accept; taken at the first reply.
    pub(super) others_at_accept: Option<usize>,
    /// It received 220 in the clear.
    pub(super) is_welcome: bool,
    /// The server has read from it.
    pub(super) was_read: bool,
    /// Nothing is delivered any more, in either direction.
    pub(super) vanished: bool,
    /// A network fault has reset it.
    pub(crate) cut: bool,
    /// Exempt from faults.
    pub(crate) fault_free: bool,
    /// The order in which the server's kernel learned of the client's end; set while watched.
    pub(super) end_order: Option<u64>,
    pub(super) facts: ConnectionFacts,
}

impl Connection {
    pub(super) fn new(server: SocketAddr, client: SocketAddr, owner: usize, room: usize) -> Self {
        Self {
            server: Endpoint::new(server, room),
            client: Endpoint::new(client, room),
            token: None,
            registration: Registration::None,
            listener: None,
            owner,
            asked: None,
            given_to: None,
            client_ip: Some(client.ip()),
            others_at_accept: None,
            is_welcome: false,
            was_read: false,
            vanished: false,
            cut: false,
            fault_free: false,
            end_order: None,
            facts: ConnectionFacts::default(),
        }
    }

    /// Delivers a segment to `side`.
    pub(super) fn receive(&mut self, side: Side, segment: Segment, now: Moment) {
        self.facts.end(side).record_segment(&segment, now);
        let end = self.end(side);
        match segment {
            Segment::Bytes(bytes) => end.inbound.arrived.extend(bytes),
            Segment::Mark => end.inbound.mark = Some(end.inbound.arrived.len()),
            Segment::Fin => end.ended = true,
            // Both sides have ended: the reset changes nothing.
            Segment::Reset(_) if end.ended && !end.shut => {
                end.link = LinkState::Broken(io::ErrorKind::BrokenPipe);
            }
            Segment::Reset(_) => end.link = LinkState::Broken(io::ErrorKind::ConnectionReset),
        }
    }

    /// Whether the server's kernel knows of the client's end.
    pub(super) fn has_ended(&self) -> bool {
        self.server.ended || !matches!(self.server.link, LinkState::Up | LinkState::Connecting)
    }

    /// Whether the server holds it.
    pub(crate) const fn is_held(&self) -> bool {
        self.token.is_some() && !self.server.closed
    }

    /// Whether it is a control connection.
    pub(super) const fn is_control(&self) -> bool {
        self.listener.is_some() && self.server.address.port() < FIRST_PORT
    }

    /// Whether it uses implicit TLS.
    pub(super) const fn is_silent(&self) -> bool {
        self.server.address.port() == IMPLICIT_PORT
    }

    pub(crate) const fn end(&mut self, side: Side) -> &mut Endpoint {
        match side {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        }
    }

    /// Bytes that `side` can write now, or the error.
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
            // Also if a reset follows.
            _ if end.ended => Ok(0),
            LinkState::Broken(kind) => {
                end.link = LinkState::Dead;
                Err(kind.into())
            }
            LinkState::Dead => Ok(0),
            LinkState::Up | LinkState::Connecting => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Whether the read made room for a blocked writer.
    pub(super) fn relieves(&mut self, reader: Side) -> bool {
        let has_room = self.end(reader).inbound.has_much_room();
        let writer = self.end(reader.other());
        let relieved = writer.starved && has_room;
        writer.starved &= !relieved;
        relieved
    }

    /// Sends a segment with this delay, behind all earlier ones. Returns its arrival time.
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

    /// Takes the next segment towards `side`, if it is due.
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

    /// Drops segments in flight to `side`, except the first `all_but`.
    pub(super) fn lose(&mut self, side: Side, all_but: usize) {
        let pipe = &mut self.end(side).inbound;
        pipe.flying.truncate(all_but);
        let left = pipe.flying.iter().map(|(_, segment)| segment.bytes());
        pipe.flying_bytes = left.sum();
        pipe.last_delivery = pipe.flying.back().map_or(Duration::ZERO, |(at, _)| *at);
    }

    /// Segments in flight to `side` before a reset.
    pub(super) fn flying(&mut self, side: Side) -> usize {
        let flying = self.end(side).inbound.flying.iter();
        let is_reset = |segment: &Segment| matches!(segment, Segment::Reset(_));
        flying.take_while(|(_, segment)| !is_reset(segment)).count()
    }

    /// When all segments in flight to the server have arrived.
    pub(super) fn last_landing_at_server(&self) -> Duration {
        let pipe = &self.server.inbound;
        pipe.last_delivery.max(pipe.not_before)
    }

    /// How a close of this end would appear now.
    pub(super) fn closing(&mut self, side: Side) -> Closing {
        let is_heard = self.end(side.other()).ended;
        let end = self.end(side);
        if end.link != LinkState::Up {
            return Closing::Dead;
        }
        // Both have ended; once the other kernel has acknowledged that, there is nothing to reset.
        let is_over = end.shut && end.ended;
        let unread = end.inbound.arrived.len();
        match unread {
            _ if is_over && is_heard => Closing::InOrder,
            _ if end.reset_on_close && !is_over => Closing::ByReset(Reset::Chosen),
            1.. => Closing::ByReset(Reset::Unread(unread)),
            0 => Closing::InOrder,
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

    /// Linux reports writable when a third of the buffer is free.
    pub(super) fn has_much_room(&self) -> bool {
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
