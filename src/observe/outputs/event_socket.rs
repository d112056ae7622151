//! The Unix socket for upload events (unix(7)): a datagram, or a line on a stream, for each upload.
//!
//! It connects at the first event, and reconnects once if a send fails; an event that then fails is lost and
//! counted. A receiver that does not read delays an event by at most [`EVENT_SOCKET_TIMEOUT`].

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
    sockopt,
};

use super::error_throttle::ErrorThrottle;
use crate::cause::cause;
use crate::limits::EVENT_SOCKET_TIMEOUT;

pub(super) struct EventSocket {
    path: PathBuf,
    connected: Option<OwnedFd>,
    errors: ErrorThrottle,
}

impl EventSocket {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            connected: None,
            errors: ErrorThrottle::default(),
        }
    }

    /// Sends a line about an event at `now`, in seconds since 1970. A failure is logged, throttled.
    pub(super) fn send(&mut self, line: &[u8], now: i64) {
        let was_connected = self.connected.is_some();
        let sent = match self.try_send(line) {
            // The receiver may have been restarted.
            Err(_) if was_connected => self.try_send(line),
            sent => sent,
        };
        if let Err(error) = sent
            && let Some(count) = self.errors.record(now)
        {
            let path = self.path.display();
            let why = cause(&error);
            log::warn!("Cannot send upload events to the socket {path} ({count} lost): {why}");
        }
    }

    fn try_send(&mut self, line: &[u8]) -> io::Result<()> {
        let socket = match self.connected.take() {
            Some(socket) => socket,
            None => open(&self.path)?,
        };
        let mut rest = line;
        while !rest.is_empty() {
            match send(&socket, rest, SendFlags::NOSIGNAL) {
                Ok(count) => {
                    debug_assert!(count <= rest.len(), "send(2) returned more than its buffer");
                    rest = rest.get(count..).unwrap_or_default();
                }
                Err(Errno::INTR) => {}
                // The socket is closed, so that the receiver does not take the rest for a line.
                Err(error) => return Err(error.into()),
            }
        }
        self.connected = Some(socket);
        Ok(())
    }
}

/// Connects a datagram socket, or a stream socket if the receiver has one.
fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    match open_as(SocketType::DGRAM, path) {
        Err(Errno::PROTOTYPE) => open_as(SocketType::STREAM, path),
        opened => opened,
    }
}

fn open_as(kind: SocketType, path: &Path) -> rustix::io::Result<OwnedFd> {
    // A blocking connect(2) would wait for as long as the backlog of the receiver is full.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, kind, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(EVENT_SOCKET_TIMEOUT))?;
    ioctl_fionbio(&socket, false)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::retry_on_intr;
    use rustix::net::{RecvFlags, recv};
    use std::io::{BufRead as _, BufReader};
    use std::net::Shutdown;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    #[test]
    fn datagrams_reach_a_restarted_receiver() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let mut events = EventSocket::new(&path);
        events.send(b"lost\n", 0);
        for _ in 0..2 {
            let listener = UnixDatagram::bind(&path).unwrap();
            listener
                .set_read_timeout(Some(10 * EVENT_SOCKET_TIMEOUT))
                .unwrap();
            events.send(b"one\n", 0);
            events.send(b"two\n", 0);
            let mut buffer = [0; 64];
            for expected in ["one\n", "two\n"] {
                let flags = RecvFlags::empty();
                let received = retry_on_intr(|| recv(&listener, &mut buffer, flags));
                let (count, _) = received.unwrap();
                assert_eq!(&buffer[..count], expected.as_bytes());
            }
            // A child of another test may have a copy, until it executes its program.
            listener.shutdown(Shutdown::Both).unwrap();
            drop(listener);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn stream_reconnects_after_a_close() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let listener = UnixListener::bind(&path).unwrap();
        let mut events = EventSocket::new(&path);
        for _ in 0..2 {
            events.send(b"one\n", 0);
            events.send(b"two\n", 0);
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(&stream).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "one");
            assert_eq!(lines.next().unwrap().unwrap(), "two");
            // A child of another test may have a copy, until it executes its program.
            stream.shutdown(Shutdown::Both).unwrap();
        }
    }

    #[test]
    fn receiver_that_does_not_read_times_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let listener = UnixListener::bind(&path).unwrap();
        let mut events = EventSocket::new(&path);
        // More than the socket buffer holds.
        let line = vec![b'x'; 8 * 1024 * 1024];
        events.send(&line, 0);
        assert!(events.connected.is_none());
        drop(listener);
    }
}
