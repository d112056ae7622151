//! One TCP connection of the virtual network: two ends, and a pipe of bytes towards each.
//!
//! It behaves as Linux does where a server could notice: an error is reported once and is an
//! end of stream afterwards; what arrived before a reset can still be read; a read stops at the
//! urgent mark. It knows no time and no listener: when a segment lands is for the
//! [`World`](super::World) to say.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::net::{Readiness, Token};

use super::PostId;

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
    Reset,
}

/// How an end stands.
///
/// ```text
///   Dialling ──▶ Up ──reset──▶ Broken ──told──▶ Dead
///       └────refused────────────▲
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Dialling,
    Up,
    /// An error that was not reported yet.
    Broken(io::ErrorKind),
    Dead,
}

/// One direction, as its receiver sees it.
pub(crate) struct Pipe {
    capacity: usize,
    flying: VecDeque<Segment>,
    flying_bytes: usize,
    pub(super) arrived: VecDeque<u8>,
    /// So many bytes before the urgent one have not been read.
    mark: Option<usize>,
    /// When the last segment lands: none overtakes another.
    pub(super) last_landing: Duration,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, as of a kernel's socket"
)]
pub(crate) struct End {
    pub(crate) address: SocketAddr,
    pub(crate) line: Line,
    pub(super) inbound: Pipe,
    /// The other end's FIN has landed.
    pub(super) ended: bool,
    /// This end's FIN is sent.
    pub(super) shut: bool,
    /// A write found no room: there will be an event when there is.
    pub(super) starved: bool,
    pub(super) reset_on_close: bool,
    pub(super) closed: bool,
}

/// A connection.
pub(crate) struct Wire {
    pub(crate) server: End,
    pub(crate) client: End,
    /// Under which the server has it registered, from when it has it.
    pub(super) token: Option<Token>,
    /// The listener where the server accepted it.
    pub(crate) post: Option<PostId>,
    /// Which client it is of.
    pub(crate) owner: usize,
    /// Nothing arrives any more, and nobody is told.
    pub(super) vanished: bool,
    /// A fault of the network has reset it.
    pub(crate) cut: bool,
    /// No fault concerns it.
    pub(crate) sheltered: bool,
    /// When, in the order of all ends, the server's system has heard of the client's; from when it is
    /// watched.
    pub(super) end_heard: Option<u64>,
}

impl Wire {
    pub(super) fn new(server: SocketAddr, client: SocketAddr, owner: usize, room: usize) -> Self {
        Self {
            server: End::new(server, room),
            client: End::new(client, room),
            token: None,
            post: None,
            owner,
            vanished: false,
            cut: false,
            sheltered: false,
            end_heard: None,
        }
    }

    /// Whether the server's system has heard of the client's end.
    pub(super) fn has_ended(&self) -> bool {
        self.server.ended || !matches!(self.server.line, Line::Up | Line::Dialling)
    }

    /// Whether the server has it, and has not closed it.
    pub(crate) const fn is_held(&self) -> bool {
        self.token.is_some() && !self.server.closed
    }

    /// Whether the server's system has heard that the client has ended the connection, or its side.
    pub(crate) const fn has_client_ended(&self) -> bool {
        self.server.ended || !matches!(self.server.line, Line::Up)
    }

    /// Whether the server has ended its side.
    pub(crate) const fn is_shut(&self) -> bool {
        self.server.shut
    }

    pub(crate) const fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Server => &mut self.server,
            Side::Client => &mut self.client,
        }
    }

    /// Bytes that `side` can write now, or why it cannot.
    pub(super) fn room(&mut self, side: Side) -> io::Result<usize> {
        let end = self.end(side);
        match end.line {
            Line::Dialling => return Err(io::ErrorKind::WouldBlock.into()),
            Line::Broken(kind) => {
                end.line = Line::Dead;
                return Err(kind.into());
            }
            Line::Dead => return Err(io::ErrorKind::BrokenPipe.into()),
            Line::Up if end.shut => return Err(io::ErrorKind::BrokenPipe.into()),
            Line::Up => {}
        }
        let room = self.end(side.other()).inbound.room();
        self.end(side).starved = room == 0;
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(room)
    }

    pub(super) fn read(&mut self, side: Side, buffer: &mut [u8]) -> io::Result<usize> {
        let end = self.end(side);
        let count = end.inbound.take(buffer);
        if count > 0 || buffer.is_empty() {
            return Ok(count);
        }
        match end.line {
            Line::Broken(kind) => {
                end.line = Line::Dead;
                Err(kind.into())
            }
            Line::Dead => Ok(0),
            Line::Up if end.ended => Ok(0),
            Line::Up | Line::Dialling => Err(io::ErrorKind::WouldBlock.into()),
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

    pub(super) fn launch(&mut self, from: Side, segment: Segment) {
        let pipe = &mut self.end(from.other()).inbound;
        if let Segment::Bytes(bytes) = &segment {
            pipe.flying_bytes += bytes.len();
        }
        pipe.flying.push_back(segment);
    }

    /// The next segment towards `side` comes down.
    pub(super) fn land(&mut self, side: Side) -> Option<Segment> {
        let pipe = &mut self.end(side).inbound;
        let segment = pipe.flying.pop_front()?;
        if let Segment::Bytes(bytes) = &segment {
            pipe.flying_bytes -= bytes.len();
        }
        Some(segment)
    }

    /// What was on its way to `side` is lost.
    pub(super) fn lose(&mut self, side: Side) {
        let pipe = &mut self.end(side).inbound;
        pipe.flying.clear();
        pipe.flying_bytes = 0;
    }

    /// What epoll would say of `side` now.
    pub(super) fn readiness(&mut self, side: Side) -> Readiness {
        let has_room = self.end(side.other()).inbound.has_much_room();
        let end = self.end(side);
        if end.line == Line::Dialling {
            return Readiness::default();
        }
        let failed = end.line != Line::Up;
        let over = end.ended || failed;
        Readiness {
            readable: over || !end.inbound.arrived.is_empty(),
            writable: failed || has_room,
            drain: over || end.inbound.mark.is_some(),
        }
    }
}

impl End {
    const fn new(address: SocketAddr, capacity: usize) -> Self {
        Self {
            address,
            line: Line::Dialling,
            inbound: Pipe {
                capacity,
                flying: VecDeque::new(),
                flying_bytes: 0,
                arrived: VecDeque::new(),
                mark: None,
                last_landing: Duration::ZERO,
            },
            ended: false,
            shut: false,
            starved: false,
            reset_on_close: false,
            closed: false,
        }
    }

    /// Takes in a segment that has landed.
    pub(super) fn receive(&mut self, segment: Segment) {
        match segment {
            Segment::Bytes(bytes) => self.inbound.arrived.extend(bytes),
            Segment::Mark => self.inbound.mark = Some(self.inbound.arrived.len()),
            Segment::Fin => self.ended = true,
            Segment::Reset => self.line = Line::Broken(io::ErrorKind::ConnectionReset),
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
