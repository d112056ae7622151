//! A response whose body another thread makes: a trace, which can have more bytes than the loop should make
//! or keep.
//!
//! The thread writes the trace twice: first to count its bytes, then into a bounded queue, where it waits for
//! the client (backpressure). It ends early once the connection is gone. Each piece wakes the event loop.
//! It must not know connections, nor who starts the thread.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use super::response::{Framing, JSON, Response, StatusCode};
use crate::limits::status::PIECES_QUEUED;
use crate::metrics::Trace;
use crate::net::Waker;

/// What the thread sends: the length first, and then so many bytes.
#[derive(Debug)]
pub enum Piece {
    /// The bytes of the body.
    Length(usize),
    /// Some of them.
    Bytes(Vec<u8>),
}

/// The pieces, for the connection. Without a thread it is disconnected.
pub type Pieces = Receiver<Piece>;

/// The response, as its connection takes it.
#[derive(Debug)]
pub(super) struct Arrival {
    pieces: Pieces,
    /// Whether there may be a piece that has not been looked for.
    pub(super) is_woken: bool,
    /// The bytes of the body that have not been taken; `None` until the first piece, which says it.
    left: Option<usize>,
}

impl Arrival {
    pub(super) const fn new(pieces: Pieces) -> Self {
        Self {
            pieces,
            is_woken: true,
            left: None,
        }
    }

    /// Appends a piece, if there is one. Returns whether the response ends with it; an error if it cannot
    /// end as its header says.
    pub(super) fn take(&mut self, out: &mut Vec<u8>, unix_time: i64) -> Result<bool, ()> {
        let left = match self.pieces.try_recv() {
            Ok(Piece::Length(length)) => {
                let response = Response::ok(JSON, Vec::new());
                response.write_head(out, unix_time, Some(length), false);
                length
            }
            Ok(Piece::Bytes(bytes)) => {
                out.extend_from_slice(&bytes);
                let left = self.left.unwrap_or_default();
                left.saturating_sub(bytes.len())
            }
            Err(TryRecvError::Empty) => {
                self.is_woken = false;
                return Ok(false);
            }
            Err(TryRecvError::Disconnected) if self.left.is_some() => return Err(()),
            Err(TryRecvError::Disconnected) => {
                let text = "503 Service Unavailable: the log says why";
                let response = Response::plain(StatusCode::Unavailable, text);
                response.write(out, unix_time, Framing::Whole, false);
                return Ok(true);
            }
        };
        self.left = Some(left);
        Ok(left == 0)
    }
}

/// The work of the thread.
pub struct TraceJob {
    trace: Trace,
    output: Output,
}

/// The fields are dropped in this order: the loop wakes up when it can see that nothing more comes.
struct Output {
    pieces: SyncSender<Piece>,
    wake: WakeAtEnd,
}

struct WakeAtEnd(Waker);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl TraceJob {
    /// The work that has this trace written, and what comes of it.
    pub fn new(trace: Trace, waker: Waker) -> (Self, Pieces) {
        let (pieces, taken) = sync_channel(PIECES_QUEUED);
        let wake = WakeAtEnd(waker);
        let output = Output { pieces, wake };
        (Self { trace, output }, taken)
    }

    /// Blocks until the client has taken all but the last pieces.
    pub fn run(self) {
        let Self { trace, output } = self;
        let mut length = Counter(0);
        // Fails once the connection is gone; nothing is left to do then.
        let _ = trace
            .write(&mut length)
            .and_then(|()| output.send(Piece::Length(length.0)))
            .and_then(|()| trace.write(output));
    }
}

impl Output {
    fn send(&self, piece: Piece) -> io::Result<()> {
        let sent = self.pieces.send(piece);
        sent.map_err(|_| io::ErrorKind::BrokenPipe)?;
        (self.wake.0)();
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(Piece::Bytes(bytes.to_vec()))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts what is written.
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
