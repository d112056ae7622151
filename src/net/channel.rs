//! A control or data connection, in the clear or over TLS.
//!
//! It owns the socket and, once secured, the TLS state. Both forms keep the contract of [`Stream`]:
//! bytes that [`write`](Stream::write) reports as written are in the kernel, and a short
//! [`read`](Stream::read) means that the socket is drained, unless
//! [`has_unread`](Channel::has_unread) reports data that TLS holds.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use super::tls::Security;
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

/// A connection, in the clear or over TLS.
///
/// ```text
///   clear ──secure──▶ handshaking ──handshake──▶ secured ──unsecure──▶ clear
/// ```
pub struct Channel {
    socket: Box<dyn Stream>,
    security: Option<Box<Security>>,
    /// The first byte of clear text after TLS, which `unsecure` had to read.
    first_clear_byte: Option<u8>,
}

impl Channel {
    /// A connection in the clear.
    pub const fn clear(socket: Box<dyn Stream>) -> Self {
        Self {
            socket,
            security: None,
            first_clear_byte: None,
        }
    }

    /// Starts TLS; the handshake comes next.
    pub fn secure(&mut self, security: Security) {
        self.security = Some(Box::new(security));
    }

    /// Whether the TLS handshake is not finished.
    pub fn is_handshaking(&self) -> bool {
        self.is_secured_and(Security::is_handshaking)
    }

    /// Continues the handshake as far as it can without waiting.
    ///
    /// # Errors
    /// `WouldBlock`: wait for writability if there are [unsent](Self::has_unsent) bytes, else for
    /// readability. `Interrupted`: the budget of reads is used up; call again. Anything else is
    /// final: [`take_diagnostic`](Self::take_diagnostic) gives the cause, and if TLS [has
    /// failed](Self::has_failed), [`shutdown`](Stream::shutdown) sends the alert.
    pub fn handshake(&mut self) -> io::Result<()> {
        match &mut self.security {
            Some(security) => security.handshake(self.socket.as_mut()),
            None => Ok(()),
        }
    }

    /// Continues to end TLS; the connection then carries clear text (CCC, RFC 4217 §7).
    ///
    /// # Errors
    /// As [`handshake`](Self::handshake).
    pub fn unsecure(&mut self) -> io::Result<()> {
        if let Some(security) = &mut self.security {
            self.first_clear_byte = security.unsecure(self.socket.as_mut())?;
        }
        self.security = None;
        Ok(())
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
        if let Some(security) = &mut self.security {
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
        match &mut self.security {
            Some(security) => security.flush_some(self.socket.as_mut()),
            None => Ok(()),
        }
    }

    fn is_secured_and(&self, test: fn(&Security) -> bool) -> bool {
        self.security.as_deref().is_some_and(test)
    }

    fn read_clear(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (Some(byte), [first, rest @ ..]) = (self.first_clear_byte, &mut *buffer) else {
            return self.socket.read(buffer);
        };
        *first = byte;
        self.first_clear_byte = None;
        match self.socket.read(rest) {
            Ok(count) => Ok(1 + count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(1),
            Err(error) => Err(error),
        }
    }

    /// Takes the message about the handshake for the log: why it failed, or a warning.
    pub fn take_diagnostic(&mut self) -> Option<String> {
        self.security.as_deref_mut()?.take_diagnostic()
    }

    /// The TLS state; `None` in the clear.
    pub fn security(&self) -> Option<&Security> {
        self.security.as_deref()
    }
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
        match &mut self.security {
            Some(security) => security.read(self.socket.as_mut(), buffer),
            None => self.read_clear(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.security {
            Some(security) => security.write(self.socket.as_mut(), bytes),
            None => self.socket.write(bytes),
        }
    }

    fn send_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize> {
        match &mut self.security {
            Some(security) => security.send_file(self.socket.as_mut(), file, offset, count),
            None => self.socket.send_file(file, offset, count),
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
        if let Some(security) = &mut self.security {
            security.shutdown(self.socket.as_mut())?;
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
            .field("is_secured", &self.security.is_some())
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
            channel.first_clear_byte = Some(b'N');
            let mut buffer = [0; 4];
            let read = channel.read(&mut buffer).map_err(|error| error.kind());
            assert_eq!((read, buffer[0]), (expected, b'N'));
        }
    }
}
