//! A control or data connection, in the clear or over TLS.
//!
//! It owns the socket and, once secured, the TLS state. Both forms keep the contract of [`Stream`]:
//! bytes that [`write`](Stream::write) reports as written are in the kernel, and a short
//! [`read`](Stream::read) means that the socket is drained, unless
//! [`has_unread`](Channel::has_unread) reports data that TLS holds.

use std::fmt;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::tls::{Computation, Security};
use super::{Registration, Stream, Token};
use crate::event_loop::Interest;
use crate::storage::File;

/// Whether a data connection must resume the TLS session of its control connection, which proves that
/// the same client opened both (against port stealing, RFC 2577 §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataSession {
    /// Not checked.
    Off,
    /// Logged when it does not.
    #[default]
    Observe,
    /// Refused when it does not.
    Require,
}

/// The result of verifying a client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertStatus {
    /// No certificate was presented and none is required, or the handshake is not finished.
    Unknown,
    /// The certificate is valid and issued by a trusted authority.
    Verified,
    /// The certificate is invalid, or missing although it is required.
    Refused,
}

/// What the handshake needs next, once the socket has taken and given what it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeStep {
    /// Nothing: it is finished.
    Finished,
    /// [`Security::compute`].
    Compute(Computation),
}

/// A connection, in the clear or over TLS.
pub struct Channel {
    socket: Box<dyn Stream>,
    layer: Layer,
}

/// ```text
///   Clear ──secure──▶ Secured (handshaking) ──handshake──▶ Secured ──unsecure──▶ Clear
///                        │▲
///                    lend▼│give_back
///                       Lent
/// ```
enum Layer {
    /// In the clear. After TLS with the first byte of clear text, which `unsecure` had to read.
    Clear(Option<u8>),
    Secured(Box<Security>),
    /// A worker computes a step of the handshake. Nothing is read or written meanwhile.
    Lent,
}

impl Channel {
    /// A connection in the clear.
    pub const fn clear(socket: Box<dyn Stream>) -> Self {
        Self {
            socket,
            layer: Layer::Clear(None),
        }
    }

    /// Starts TLS; the handshake comes next.
    pub fn secure(&mut self, security: Security) {
        debug_assert!(matches!(self.layer, Layer::Clear(None)), "TLS within TLS");
        self.layer = Layer::Secured(Box::new(security));
    }

    /// Whether the TLS handshake is not finished.
    pub fn is_handshaking(&self) -> bool {
        matches!(self.layer, Layer::Lent) || self.is_secured_and(Security::is_handshaking)
    }

    /// Takes the TLS state out, for a worker to [compute](Security::compute) what
    /// [`exchange`](Self::exchange) has asked for.
    pub fn lend(&mut self) -> Option<Box<Security>> {
        match mem::replace(&mut self.layer, Layer::Lent) {
            Layer::Secured(security) => Some(security),
            other => {
                debug_assert!(false, "there is no TLS state to lend");
                self.layer = other;
                None
            }
        }
    }

    /// A worker has returned the TLS state that was [lent](Self::lend).
    pub fn give_back(&mut self, security: Box<Security>) {
        debug_assert!(matches!(self.layer, Layer::Lent), "nothing was lent");
        self.layer = Layer::Secured(security);
    }

    /// Continues the handshake as far as it can without waiting. It computes, and so is for workers.
    ///
    /// # Errors
    /// `WouldBlock`: wait for writability if there are [unsent](Self::has_unsent) bytes, else for
    /// readability. `Interrupted`: the budget of reads is used up; call again. Anything else is
    /// final: [`take_diagnostic`](Self::take_diagnostic) gives the cause, and if TLS [has
    /// failed](Self::has_failed), [`shutdown`](Stream::shutdown) sends the alert.
    pub fn handshake(&mut self) -> io::Result<()> {
        match &mut self.layer {
            Layer::Secured(security) => security.handshake(self.socket.as_mut()),
            Layer::Clear(_) => Ok(()),
            Layer::Lent => used_while_lent(),
        }
    }

    /// Moves what the handshake has to send and to receive, and computes nothing: for the event loop.
    ///
    /// # Errors
    /// As [`handshake`](Self::handshake).
    pub fn exchange(&mut self) -> io::Result<HandshakeStep> {
        match &mut self.layer {
            Layer::Secured(security) => security.exchange(self.socket.as_mut()),
            Layer::Clear(_) => Ok(HandshakeStep::Finished),
            Layer::Lent => used_while_lent(),
        }
    }

    /// Continues to end TLS; the connection then carries clear text (CCC, RFC 4217 §7).
    ///
    /// # Errors
    /// As [`handshake`](Self::handshake).
    pub fn unsecure(&mut self) -> io::Result<()> {
        match &mut self.layer {
            Layer::Secured(security) => {
                let first_byte = security.unsecure(self.socket.as_mut())?;
                self.layer = Layer::Clear(first_byte);
                Ok(())
            }
            Layer::Clear(_) => Ok(()),
            Layer::Lent => used_while_lent(),
        }
    }

    /// Whether a read would return data or the end of the stream although the socket may not become
    /// readable.
    pub fn has_unread(&self) -> bool {
        self.is_secured_and(Security::has_unread)
    }

    /// Whether the peer violated TLS. An alert is the last thing that is sent to it.
    pub fn has_failed(&self) -> bool {
        self.is_secured_and(Security::has_failed)
    }

    /// Accepts an end of the socket without `close_notify` as the end of the stream, if it comes
    /// between two records.
    pub fn allow_unclean_end(&mut self) {
        if let Layer::Secured(security) = &mut self.layer {
            security.allow_unclean_end();
        }
    }

    /// Whether the stream has ended without `close_notify`, as [allowed](Self::allow_unclean_end).
    pub fn has_accepted_unclean_end(&self) -> bool {
        self.is_secured_and(Security::has_accepted_unclean_end)
    }

    /// Whether a partial record was received, which no read returns yet.
    pub fn is_within_record(&self) -> bool {
        self.is_secured_and(Security::is_within_record)
    }

    /// Whether a read failed because of an end without `close_notify` between two records that is not
    /// [allowed](Self::allow_unclean_end).
    pub fn has_rejected_unclean_end(&self) -> bool {
        self.is_secured_and(Security::has_rejected_unclean_end)
    }

    /// What a handshake needs next: its own output leaves before anything is read.
    pub fn handshake_interest(&self) -> Interest {
        if self.has_unsent() {
            Interest::Writable
        } else {
            Interest::Readable
        }
    }

    /// Whether TLS has bytes to write to the socket.
    pub fn has_unsent(&self) -> bool {
        self.is_secured_and(Security::has_unsent)
    }

    /// Writes [unsent](Self::has_unsent) TLS bytes, with one call.
    ///
    /// # Errors
    /// `WouldBlock` when the socket takes none.
    pub fn flush_some(&mut self) -> io::Result<()> {
        match &mut self.layer {
            Layer::Secured(security) => security.flush_some(self.socket.as_mut()),
            Layer::Clear(_) => Ok(()),
            Layer::Lent => used_while_lent(),
        }
    }

    fn is_secured_and(&self, test: fn(&Security) -> bool) -> bool {
        self.security().is_some_and(test)
    }

    fn read_clear(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (Layer::Clear(byte @ Some(_)), [first, rest @ ..]) = (&mut self.layer, &mut *buffer)
        else {
            return self.socket.read(buffer);
        };
        if let Some(byte) = byte.take() {
            *first = byte;
        }
        match self.socket.read(rest) {
            Ok(count) => Ok(1 + count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(1),
            Err(error) => Err(error),
        }
    }

    /// Takes the message about the handshake for the log: why it failed, or a warning.
    pub fn take_diagnostic(&mut self) -> Option<String> {
        match &mut self.layer {
            Layer::Secured(security) => security.take_diagnostic(),
            Layer::Clear(_) | Layer::Lent => None,
        }
    }

    /// The TLS state; `None` in the clear, and while a worker has it.
    pub fn security(&self) -> Option<&Security> {
        match &self.layer {
            Layer::Secured(security) => Some(security),
            Layer::Clear(_) | Layer::Lent => None,
        }
    }
}

/// The answer to a call that must not be made while a worker has the TLS state: nothing may go over the
/// socket.
fn used_while_lent<T>() -> io::Result<T> {
    debug_assert!(false, "a worker has the TLS state");
    Err(io::ErrorKind::WouldBlock.into())
}

impl Stream for Channel {
    fn register(&mut self, registration: Registration) -> io::Result<()> {
        self.socket.register(registration)
    }

    fn registration(&self) -> Registration {
        self.socket.registration()
    }

    fn rename(&mut self, token: Token) {
        self.socket.rename(token);
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Secured(security) => security.read(self.socket.as_mut(), buffer),
            Layer::Clear(_) => self.read_clear(buffer),
            Layer::Lent => used_while_lent(),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Secured(security) => security.write(self.socket.as_mut(), bytes),
            Layer::Clear(_) => self.socket.write(bytes),
            Layer::Lent => used_while_lent(),
        }
    }

    fn send_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize> {
        match &mut self.layer {
            Layer::Secured(security) => {
                security.send_file(self.socket.as_mut(), file, offset, count)
            }
            Layer::Clear(_) => self.socket.send_file(file, offset, count),
            Layer::Lent => used_while_lent(),
        }
    }

    fn connected(&mut self) -> io::Result<()> {
        self.socket.connected()
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_address()
    }

    /// Over TLS, first sends `close_notify` or the alert of a failure, which may block.
    fn shutdown(&mut self) -> io::Result<()> {
        match &mut self.layer {
            Layer::Secured(security) => security.shutdown(self.socket.as_mut())?,
            Layer::Clear(_) => {}
            Layer::Lent => return used_while_lent(),
        }
        self.socket.shutdown()
    }

    fn reset_on_close(&mut self) {
        self.socket.reset_on_close();
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.socket.descriptor()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("is_secured", &!matches!(self.layer, Layer::Clear(_)))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::FakeStream;
    use io::ErrorKind::{ConnectionReset, WouldBlock};

    /// `unsecure` has read the first byte of clear text.
    #[test]
    fn first_clear_byte_is_returned_by_next_read() {
        for (kind, expected) in [(WouldBlock, Ok(1)), (ConnectionReset, Err(ConnectionReset))] {
            let socket = FakeStream {
                end: Err(kind),
                ..FakeStream::default()
            };
            let mut channel = Channel::clear(Box::new(socket));
            channel.layer = Layer::Clear(Some(b'N'));
            let mut buffer = [0; 4];
            let read = channel.read(&mut buffer).map_err(|error| error.kind());
            assert_eq!((read, buffer[0]), (expected, b'N'));
        }
    }
}
