//! Syslog: each line is a datagram to the socket of the local daemon, in the form of syslog(3) (RFC 3164).
//!
//! A line has no time: BusyBox, rsyslog and journald add that of its arrival, and know the time zone. The
//! daemon may be started later, or again: a line that cannot be sent connects once more; lost ones are
//! counted.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use log::Level;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
    sockopt,
};

use super::journal::priority;
use crate::limits::EVENT_SOCKET_TIMEOUT;

/// `LOG_FTP`.
const FACILITY: u8 = 11 << 3;

/// A connection to a syslog daemon.
pub(super) struct SyslogSocket {
    path: PathBuf,
    connected: Option<OwnedFd>,
    lost: u32,
    /// The daemon does not read: nothing is waited for until it has taken a line.
    is_stuck: bool,
}

impl SyslogSocket {
    /// Connects at the first line.
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            connected: None,
            lost: 0,
            is_stuck: false,
        }
    }

    /// Sends each line of a record. Waits at most [`EVENT_SOCKET_TIMEOUT`] for a daemon that does not read,
    /// and not again before it does.
    pub(super) fn print(&mut self, level: Level, text: &str) {
        for line in text.lines() {
            if self.lost > 0 {
                let lost = format!(
                    "{} log lines were lost: syslog did not take them",
                    self.lost
                );
                if self.send(Level::Warn, &lost).is_ok() {
                    self.lost = 0;
                }
            }
            let sent = self.send(level, line);
            self.is_stuck = sent == Err(Errno::AGAIN);
            self.lost = self.lost.saturating_add(sent.is_err().into());
        }
    }

    fn send(&mut self, level: Level, line: &str) -> rustix::io::Result<()> {
        let (code, pid) = (FACILITY | priority(level), std::process::id());
        let message = format!("<{code}>mioftpd[{pid}]: {line}");
        let was_connected = self.connected.is_some();
        match self.try_send(message.as_bytes()) {
            // The daemon may have been started again.
            Err(error) if was_connected && error != Errno::AGAIN => {
                self.try_send(message.as_bytes())
            }
            sent => sent,
        }
    }

    fn try_send(&mut self, message: &[u8]) -> rustix::io::Result<()> {
        let socket = match self.connected.take() {
            Some(socket) => socket,
            None => open(&self.path)?,
        };
        let mut flags = SendFlags::NOSIGNAL;
        if self.is_stuck {
            flags |= SendFlags::DONTWAIT;
        }
        let sent = rustix::io::retry_on_intr(|| send(&socket, message, flags));
        if !matches!(sent, Err(error) if error != Errno::AGAIN) {
            self.connected = Some(socket);
        }
        sent.map(drop)
    }
}

fn open(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(EVENT_SOCKET_TIMEOUT))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    fn received(daemon: &UnixDatagram) -> String {
        let mut buffer = [0; 200];
        daemon
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let count = daemon.recv(&mut buffer).unwrap();
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        text.replace(&format!("mioftpd[{}]", std::process::id()), "mioftpd")
    }

    #[test]
    fn lines_have_facility_and_severity() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut socket = SyslogSocket::new(&path);
        socket.print(Level::Error, "one\ntwo");
        socket.print(Level::Trace, "three");
        let expected = ["<91>mioftpd: one", "<91>mioftpd: two", "<95>mioftpd: three"];
        assert_eq!(expected.map(|_| received(&daemon)), expected);
    }

    #[test]
    fn lines_are_counted_while_there_is_no_daemon() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut socket = SyslogSocket::new(&path);
        socket.print(Level::Info, "one\ntwo");
        let daemon = UnixDatagram::bind(&path).unwrap();
        socket.print(Level::Info, "three");
        let lost = "<92>mioftpd: 2 log lines were lost: syslog did not take them";
        assert_eq!(received(&daemon), lost);
        assert_eq!(received(&daemon), "<94>mioftpd: three");
        // Another one at the same path.
        drop(daemon);
        std::fs::remove_file(&path).unwrap();
        let daemon = UnixDatagram::bind(&path).unwrap();
        socket.print(Level::Info, "four");
        assert_eq!(received(&daemon), "<94>mioftpd: four");
    }

    #[test]
    fn daemon_that_does_not_read_delays_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut socket = SyslogSocket::new(&path);
        // More than the queue of a socket holds: each of them would take a second.
        for number in 0..2000 {
            socket.print(Level::Info, &number.to_string());
        }
        assert!(socket.is_stuck && socket.lost > 0);
        daemon.set_nonblocking(true).unwrap();
        while daemon.recv(&mut [0; 200]).is_ok() {}
        socket.print(Level::Info, "next");
        assert!(!socket.is_stuck);
        assert_eq!(socket.lost, 0);
    }
}
