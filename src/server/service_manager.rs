//! State notifications and watchdog keepalives to a service manager: `sd_notify(3)`,
//! `sd_watchdog_enabled(3)`.
//!
//! A message is a datagram to the socket in `NOTIFY_SOCKET`; without that variable nothing is sent.
//! Sending never blocks: a message that meets a full socket buffer is queued and retried. Keepalives
//! come from the event loop, so they stop when it hangs. The environment is not modified; helper
//! processes get a cleaned copy.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::cause::cause;
use crate::clock::Instant;
use crate::clock::monotonic_clock;

/// Queued messages; the oldest is dropped beyond it. A start, a reload and a stop send fewer.
const MESSAGES_QUEUED: usize = 8;

/// The delay before queued messages are sent again.
const RETRY: Duration = Duration::from_secs(1);

/// The state that was last reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ServiceState {
    #[default]
    Starting,
    Serving,
    Reloading,
    Stopping,
}

/// The service manager. By default there is none: every notification is ignored.
#[derive(Default)]
pub(super) struct ServiceManager {
    socket: Option<NotifySocket>,
    watchdog: Option<Watchdog>,
    state: ServiceState,
    /// Messages to retry, oldest first.
    queue: VecDeque<String>,
}

struct NotifySocket {
    address: SocketAddr,
    socket: UnixDatagram,
}

struct Watchdog {
    interval: Duration,
    /// `None`: at once.
    next: Option<Instant>,
}

impl ServiceManager {
    /// The manager that the environment names. Failing to connect to it is not fatal.
    pub(super) fn from_environment() -> Self {
        let name = std::env::var_os("NOTIFY_SOCKET");
        let socket = match name.map(|name| NotifySocket::connect(name.as_bytes())) {
            None => None,
            Some(Ok(socket)) => Some(socket),
            Some(Err(error)) => {
                let error = cause(&error);
                log::warn!("Cannot connect to the service manager at NOTIFY_SOCKET: {error}");
                None
            }
        };
        let timeout = socket.as_ref().and_then(|_| watchdog_timeout());
        Self {
            socket,
            watchdog: timeout.map(Watchdog::within),
            ..Self::default()
        }
    }

    /// The start, or a reload, is complete.
    pub(super) fn ready(&mut self, status: &str) {
        if matches!(self.state, ServiceState::Starting | ServiceState::Reloading) {
            self.state = ServiceState::Serving;
            // A line break would begin another field.
            let status = status.replace(char::is_control, " ");
            self.send(format!("READY=1\nSTATUS={status}\n"));
        }
    }

    /// The server cannot start, or cannot continue; `systemctl status` shows the reason.
    pub(super) fn failed(&mut self, why: &dyn Display) {
        let why = why.to_string().replace(char::is_control, " ");
        self.send(format!("STATUS=Failed: {why}\n"));
    }

    /// A reload begins; it ends with [`ready`](Self::ready).
    pub(super) fn reloading(&mut self) {
        if self.state == ServiceState::Serving {
            self.state = ServiceState::Reloading;
            let micros = monotonic_micros();
            self.send(format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
        }
    }

    /// Whether the start of a reload was reported and its end was not.
    pub(super) fn awaits_reload(&self) -> bool {
        self.state == ServiceState::Reloading
    }

    /// A shutdown begins; only the first call sends a message.
    pub(super) fn stopping(&mut self) {
        if self.state != ServiceState::Stopping {
            self.state = ServiceState::Stopping;
            self.send("STOPPING=1\nSTATUS=Stopping: transfers may end\n".to_owned());
        }
    }

    /// The time until [`keep_alive`](Self::keep_alive) has to be called; `None`: no need to wake.
    pub(super) fn next_keepalive(&self, now: Instant) -> Option<Duration> {
        let next = self.watchdog.as_ref().and_then(|watchdog| watchdog.next);
        let keepalive = next.map(|next| next - now);
        let retry = (!self.queue.is_empty()).then_some(RETRY);
        keepalive.into_iter().chain(retry).min()
    }

    /// Called in each turn of the event loop: sends a keepalive if it is due, and queued messages.
    pub(super) fn keep_alive(&mut self, now: Instant) {
        self.flush();
        let Some(watchdog) = &mut self.watchdog else {
            return;
        };
        if watchdog.next.is_none_or(|next| next <= now) {
            watchdog.next = Some(now + watchdog.interval);
            if let Some(socket) = &mut self.socket {
                // A lost keepalive is harmless: there are two in each time-out.
                let _ = socket.send(b"WATCHDOG=1\n");
            }
        }
    }

    /// Sends a message after those already queued.
    fn send(&mut self, message: String) {
        if self.socket.is_none() {
            return;
        }
        if self.queue.len() == MESSAGES_QUEUED {
            self.queue.pop_front();
        }
        self.queue.push_back(message);
        self.flush();
    }

    /// Sends queued messages until the socket buffer is full. One that fails otherwise is dropped.
    fn flush(&mut self) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        while let Some(message) = self.queue.front() {
            match socket.send(message.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => log::debug!("Cannot notify the service manager: {}", cause(&error)),
                Ok(()) => {}
            }
            self.queue.pop_front();
        }
    }
}

impl Watchdog {
    /// `sd_watchdog_enabled(3)` recommends half of the time-out.
    fn within(timeout: Duration) -> Self {
        Self {
            interval: timeout / 2,
            next: None,
        }
    }
}

impl NotifySocket {
    /// Connects at the start, because a sandbox may hide the path later.
    fn connect(name: &[u8]) -> io::Result<Self> {
        let address = match name {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            name => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
        };
        let socket = connected(&address)?;
        Ok(Self { address, socket })
    }

    /// Connects again after an error: a restarted manager has a new socket.
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        match self.socket.send(message) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                self.socket = connected(&self.address)?;
                self.socket.send(message).map(drop)
            }
            sent => sent.map(drop),
        }
    }
}

fn connected(address: &SocketAddr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(address)?;
    Ok(socket)
}

/// The watchdog time-out of this process; one set for another process (`WATCHDOG_PID`) is ignored.
fn watchdog_timeout() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_other = |pid: u64| pid != u64::from(std::process::id());
    if number("WATCHDOG_PID").is_some_and(is_other) {
        return None;
    }
    let micros = number("WATCHDOG_USEC").filter(|&micros| micros > 0)?;
    Some(Duration::from_micros(micros))
}

/// `CLOCK_MONOTONIC` in microseconds, as the manager compares it.
fn monotonic_micros() -> i64 {
    let (seconds, nanoseconds) = monotonic_clock();
    seconds * 1_000_000 + i64::from(nanoseconds) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manager with a watchdog time-out of ten seconds, its socket, and the directory of that.
    fn manager() -> (ServiceManager, UnixDatagram, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let manager = ServiceManager {
            socket: Some(NotifySocket::connect(path.as_os_str().as_bytes()).unwrap()),
            watchdog: Some(Watchdog::within(Duration::from_secs(10))),
            ..ServiceManager::default()
        };
        (manager, listener, directory)
    }

    fn received(listener: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 256];
        std::iter::from_fn(|| {
            let count = listener.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..count].to_vec()).unwrap())
        })
        .collect()
    }

    #[test]
    fn each_state_change_is_sent_once_and_in_order() {
        let (mut manager, listener, _directory) = manager();
        manager.reloading();
        manager.ready("a");
        manager.ready("a");
        manager.reloading();
        assert!(manager.awaits_reload());
        manager.ready("b\nSTOPPING=1");
        manager.stopping();
        manager.stopping();
        manager.ready("c");
        manager.reloading();
        let received = received(&listener);
        let first: Vec<_> = received.iter().map(|m| m.lines().next().unwrap()).collect();
        assert_eq!(first, ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
        assert!(received[0].contains("STATUS=a\n"));
        assert!(
            received[2].ends_with("STATUS=b STOPPING=1\n"),
            "{received:?}"
        );
        let micros = received[1]
            .lines()
            .find_map(|l| l.strip_prefix("MONOTONIC_USEC="));
        assert!(micros.unwrap().parse::<u64>().unwrap() > 0);
    }

    #[test]
    fn keepalives_are_sent_at_half_the_watchdog_timeout() {
        let (mut manager, listener, _directory) = manager();
        let now = Instant::now();
        assert_eq!(manager.next_keepalive(now), None);
        manager.keep_alive(now);
        manager.keep_alive(now + Duration::from_secs(1));
        assert_eq!(
            manager.next_keepalive(now + Duration::from_secs(1)),
            Some(Duration::from_secs(4))
        );
        assert_eq!(received(&listener).len(), 1);
        manager.keep_alive(now + Duration::from_secs(5));
        assert_eq!(received(&listener), ["WATCHDOG=1\n"]);
    }

    #[test]
    fn state_changes_are_retried_after_a_full_socket_buffer() {
        let (mut manager, listener, _directory) = manager();
        let mut now = Instant::now();
        for _ in 0..10_000 {
            manager.keep_alive(now);
            now += Duration::from_secs(10);
        }
        manager.ready("a");
        manager.stopping();
        assert_eq!(manager.next_keepalive(now), Some(Duration::ZERO));
        let keepalives = received(&listener);
        assert!(keepalives.iter().all(|message| message == "WATCHDOG=1\n"));
        manager.watchdog = None;
        assert_eq!(manager.next_keepalive(now), Some(RETRY));
        manager.keep_alive(now);
        let received = received(&listener);
        let first: Vec<_> = received.iter().map(|m| m.lines().next().unwrap()).collect();
        assert_eq!(first, ["READY=1", "STOPPING=1"]);
        assert_eq!(manager.next_keepalive(now), None);
    }

    #[test]
    fn messages_reach_a_restarted_service_manager() {
        let (mut manager, listener, directory) = manager();
        // A child of another test may have a copy, until it executes its program.
        listener.shutdown(std::net::Shutdown::Both).unwrap();
        drop(listener);
        manager.ready("a");
        std::fs::remove_file(directory.path().join("notify")).unwrap();
        let listener = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        listener.set_nonblocking(true).unwrap();
        manager.stopping();
        assert_eq!(received(&listener).len(), 1);
    }
}
