//! A Unix socket of somebody who wants to hear of uploads: a datagram, or a line of a stream, for
//! each. unix(7).
//!
//! Connected when there is something to say, and again when that fails; what cannot be said then
//! is lost, and counted. A listener that does not listen is waited for only a moment.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
    sockopt,
};

use super::complaints::Complaints;
use crate::cause::cause;
use crate::limits::EVENT_SOCKET_STALL;

/// Where events go.
pub(super) struct EventSocket {
    path: PathBuf,
    connected: Option<OwnedFd>,
    complaints: Complaints,
}

impl EventSocket {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            connected: None,
            complaints: Complaints::default(),
        }
    }

    /// Says a line, which happened at `now`.
    pub(super) fn say(&mut self, line: &[u8], now: i64) {
        let had_one = self.connected.is_some();
        let said = match self.try_to_say(line) {
            // Whoever listened then may be gone, and another be there.
            Err(_) if had_one => self.try_to_say(line),
            said => said,
        };
        if let Err(error) = said
            && let Some(count) = self.complaints.count(now)
        {
            let path = self.path.display();
            log::warn!("Nobody heard {count} events at {path}: {}", cause(&error));
        }
    }

    fn try_to_say(&mut self, line: &[u8]) -> io::Result<()> {
        let socket = match self.connected.take() {
            Some(socket) => socket,
            None => open(&self.path)?,
        };
        let mut rest = line;
        while !rest.is_empty() {
            match send(&socket, rest, SendFlags::NOSIGNAL) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                // Closed, so that the rest of a line is not taken for a line.
                Err(error) => return Err(error.into()),
            }
        }
        self.connected = Some(socket);
        Ok(())
    }
}

/// A datagram socket, or a stream, as the listener has it.
fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    match open_as(SocketType::DGRAM, path) {
        Err(Errno::PROTOTYPE) => open_as(SocketType::STREAM, path),
        opened => opened,
    }
}

fn open_as(kind: SocketType, path: &Path) -> rustix::io::Result<OwnedFd> {
    // A connect that may wait would wait for as long as the listener's queue is full.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, kind, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(EVENT_SOCKET_STALL))?;
    ioctl_fionbio(&socket, false)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::{UnixDatagram, UnixListener};

    #[test]
    fn datagrams_and_again_after_the_listener_was_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let mut events = EventSocket::new(&path);
        events.say(b"lost\n", 0);
        for _ in 0..2 {
            let listener = UnixDatagram::bind(&path).unwrap();
            events.say(b"one\n", 0);
            events.say(b"two\n", 0);
            let mut buffer = [0; 64];
            for expected in ["one\n", "two\n"] {
                let count = listener.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..count], expected.as_bytes());
            }
            drop(listener);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn lines_of_a_stream_and_again_after_it_was_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let listener = UnixListener::bind(&path).unwrap();
        let mut events = EventSocket::new(&path);
        for _ in 0..2 {
            events.say(b"one\n", 0);
            events.say(b"two\n", 0);
            let mut lines = BufReader::new(listener.accept().unwrap().0).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "one");
            assert_eq!(lines.next().unwrap().unwrap(), "two");
        }
    }

    #[test]
    fn a_listener_that_does_not_listen_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events");
        let listener = UnixListener::bind(&path).unwrap();
        let mut events = EventSocket::new(&path);
        // More than the kernel holds for it.
        let line = vec![b'x'; 8 * 1024 * 1024];
        events.say(&line, 0);
        assert!(events.connected.is_none());
        drop(listener);
    }
}
