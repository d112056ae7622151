//! One connection of a client's, in the clear or secured by TLS: the one type that sessions'
//! commands and transfers' bytes go through.
//!
//! It owns the socket and, once it is secured, what TLS keeps. Whoever reads and writes does not
//! see the difference: what [`write`](Stream::write) reports as written is in the kernel either
//! way, and a short [`read`](Stream::read) means that the socket is drained, unless
//! [`has_unread`](Channel::has_unread) says that TLS knows more than the kernel.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::str::FromStr;

use super::Stream;
use super::tls::Security;
use crate::event_loop::Interest;
use crate::storage::File;

/// Whether a data connection must resume the TLS session of its control connection: then nobody
/// but that client can have made it (port stealing, RFC 2577 §3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataSession {
    /// Nobody looks.
    Off,
    /// It is logged where one does not.
    #[default]
    Observe,
    /// A data connection that does not is refused.
    Require,
}

impl FromStr for DataSession {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "off" => Ok(Self::Off),
            "observe" => Ok(Self::Observe),
            "require" => Ok(Self::Require),
            _ => Err(()),
        }
    }
}

/// What the certificate of a client is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientStanding {
    /// None was shown, and none is needed; or it is not known yet.
    Unknown,
    /// It leads to an authority, and its time is not over.
    Verified,
    /// It does not; or there is none, and there must be.
    Refused,
}

/// A connection, in the clear or secured.
///
/// ```text
///   clear ──secure──▶ handshaking ──handshake──▶ secured ──unsecure──▶ clear
/// ```
pub struct Channel {
    socket: Box<dyn Stream>,
    security: Option<Box<Security>>,
    /// Of the clear text behind TLS, what was read to see that it is clear text.
    first: Option<u8>,
}

impl Channel {
    /// A connection in the clear.
    pub const fn clear(socket: Box<dyn Stream>) -> Self {
        Self {
            socket,
            security: None,
            first: None,
        }
    }

    /// From here on nothing is said in the clear; the handshake is next.
    pub fn secure(&mut self, security: Security) {
        self.security = Some(Box::new(security));
    }

    /// Whether the handshake is still to be made.
    pub fn is_handshaking(&self) -> bool {
        self.security
            .as_deref()
            .is_some_and(Security::is_handshaking)
    }

    /// Goes on with the handshake, as far as it can without waiting.
    ///
    /// # Errors
    /// `WouldBlock`: for room to write where there is something [unsent](Self::has_unsent), and
    /// otherwise for bytes to read. `Interrupted`: it is somebody else's turn. Anything else
    /// ends it; [`take_remark`](Self::take_remark) says why, and [`shutdown`](Stream::shutdown)
    /// tells the peer where TLS [has failed](Self::has_failed).
    pub fn handshake(&mut self) -> io::Result<()> {
        match &mut self.security {
            Some(security) => security.handshake(self.socket.as_mut()),
            None => Ok(()),
        }
    }

    /// Goes on with ending TLS, after which the connection goes on in the clear (RFC 4217 §7, CCC).
    ///
    /// # Errors
    /// As of [`handshake`](Self::handshake).
    pub fn unsecure(&mut self) -> io::Result<()> {
        if let Some(security) = &mut self.security {
            self.first = security.end(self.socket.as_mut())?;
        }
        self.security = None;
        Ok(())
    }

    /// Whether a read would give something, or the end, that the kernel does not tell of.
    pub fn has_unread(&self) -> bool {
        self.security.as_deref().is_some_and(Security::has_unread)
    }

    /// Whether the peer has said what cannot be in TLS: the last that it is told is an alert.
    pub fn has_failed(&self) -> bool {
        self.security.as_deref().is_some_and(Security::has_failed)
    }

    /// From here on an end without `close_notify` is the end of the peer's side, and no error, where it
    /// comes between two records.
    pub fn allow_unclean_end(&mut self) {
        if let Some(security) = &mut self.security {
            security.allow_unclean_end();
        }
    }

    /// Whether the peer has made use of [that](Self::allow_unclean_end).
    pub fn has_unclean_end(&self) -> bool {
        self.security
            .as_deref()
            .is_some_and(Security::has_unclean_end)
    }

    /// Whether a part of a record has come: something that no read gives yet.
    pub fn is_within_record(&self) -> bool {
        self.security
            .as_deref()
            .is_some_and(Security::is_within_record)
    }

    /// Whether it would have been such an end, and was an error, because that is not allowed.
    pub fn has_wrong_end(&self) -> bool {
        self.security
            .as_deref()
            .is_some_and(Security::has_wrong_end)
    }

    /// What a handshake needs next: its own output leaves before anything is read.
    pub fn handshake_interest(&self) -> Interest {
        if self.has_unsent() {
            Interest::Writable
        } else {
            Interest::Readable
        }
    }

    /// Whether there are bytes of TLS's own that wait for room.
    pub fn has_unsent(&self) -> bool {
        self.security.as_deref().is_some_and(Security::has_unsent)
    }

    /// Writes some of the bytes of TLS that are [unsent](Self::has_unsent): as many as one call takes.
    ///
    /// # Errors
    /// `WouldBlock` until there is room for any.
    pub fn flush_some(&mut self) -> io::Result<()> {
        match &mut self.security {
            Some(security) => security.flush_some(self.socket.as_mut()),
            None => Ok(()),
        }
    }

    fn read_clear(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (Some(first), [place, rest @ ..]) = (self.first, &mut *buffer) else {
            return self.socket.read(buffer);
        };
        *place = first;
        self.first = None;
        match self.socket.read(rest) {
            Ok(count) => Ok(1 + count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(1),
            Err(error) => Err(error),
        }
    }

    /// What an operator should hear of the handshake: why it failed, or what is odd about it.
    pub fn take_remark(&mut self) -> Option<String> {
        self.security.as_deref_mut()?.take_remark()
    }

    /// How the connection is secured, for people; `None`: in the clear.
    pub fn security(&self) -> Option<&Security> {
        self.security.as_deref()
    }
}

impl Stream for Channel {
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

    /// Secured, it says so first (`close_notify`, or the alert that says what has failed), and that
    /// may have to wait for room.
    fn shutdown(&mut self) -> io::Result<()> {
        if let Some(security) = &mut self.security {
            security.say_end(self.socket.as_mut())?;
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
    use io::ErrorKind::{ConnectionReset, WouldBlock};

    /// A socket of which each read fails.
    struct Failing(io::ErrorKind);

    impl Stream for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            unreachable!("it is read only")
        }

        fn send_file(&mut self, _: &dyn File, _: u64, _: usize) -> io::Result<usize> {
            unreachable!("it is read only")
        }

        fn connected(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn local_address(&self) -> io::Result<SocketAddr> {
            Err(self.0.into())
        }

        fn shutdown(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn reset_on_close(&mut self) {}
    }

    /// The first byte behind TLS was read with its last record.
    #[test]
    fn what_is_behind_tls_begins_with_the_byte_that_was_read_already() {
        for (kind, expected) in [(WouldBlock, Ok(1)), (ConnectionReset, Err(ConnectionReset))] {
            let mut channel = Channel {
                socket: Box::new(Failing(kind)),
                security: None,
                first: Some(b'N'),
            };
            let mut buffer = [0; 4];
            let read = channel.read(&mut buffer).map_err(|error| error.kind());
            assert_eq!((read, buffer[0]), (expected, b'N'));
        }
    }
}
