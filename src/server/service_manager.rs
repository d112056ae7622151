//! What a service manager is told, and asks for: `sd_notify(3)`, `sd_watchdog_enabled(3)`.
//!
//! A message is a datagram to a socket that the environment names; where it names none there is
//! nobody to tell. It is sent without waiting: one that the manager has no room for is tried again.
//! The watchdog's pings come from the loop, so that they stop when it does. The environment is read
//! and left as it is; programs that the server runs get one of their own.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::cause::cause;

/// Changes that wait for room: more than a start, a reload and a stop have.
const CHANGES_KEPT: usize = 8;

/// When a manager that had no room is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What a server is doing, for its manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Serving,
    Reloading,
    Stopping,
}

/// The service manager, if there is one.
pub(super) struct ServiceManager {
    line: Option<Line>,
    watchdog: Option<Watchdog>,
    state: State,
    /// What there was no room for.
    unsaid: VecDeque<String>,
}

/// The way to it.
struct Line {
    address: SocketAddr,
    socket: UnixDatagram,
}

struct Watchdog {
    every: Duration,
    next: Option<Instant>,
}

impl ServiceManager {
    /// Nobody.
    pub(super) const fn none() -> Self {
        Self {
            line: None,
            watchdog: None,
            state: State::Starting,
            unsaid: VecDeque::new(),
        }
    }

    /// The one that the environment speaks of. One that cannot be reached is no reason not to serve.
    pub(super) fn of_environment() -> Self {
        let line = std::env::var_os("NOTIFY_SOCKET").map(|name| Line::to(name.as_bytes()));
        let line = match line {
            None => None,
            Some(Ok(line)) => Some(line),
            Some(Err(error)) => {
                let error = cause(&error);
                log::warn!("Cannot speak to the service manager at NOTIFY_SOCKET: {error}");
                None
            }
        };
        let watchdog = line
            .as_ref()
            .and_then(|_| watchdog_interval())
            .map(|asked| Watchdog {
                every: asked / 2,
                next: None,
            });
        Self {
            line,
            watchdog,
            state: State::Starting,
            unsaid: VecDeque::new(),
        }
    }

    /// It serves, or serves on after a reload.
    pub(super) fn ready(&mut self, status: &str) {
        if matches!(self.state, State::Starting | State::Reloading) {
            self.state = State::Serving;
            // A line break would begin another field.
            let status = status.replace(char::is_control, " ");
            self.say(format!("READY=1\nSTATUS={status}\n"));
        }
    }

    /// There is no server, or none any more; `systemctl status` shows why.
    pub(super) fn failed(&mut self, why: &dyn Display) {
        let why = why.to_string().replace(char::is_control, " ");
        self.say(format!("STATUS=Failed: {why}\n"));
    }

    /// It reads its files again, until it is [`ready`](Self::ready).
    pub(super) fn reloading(&mut self) {
        if self.state == State::Serving {
            self.state = State::Reloading;
            let micros = monotonic_micros();
            self.say(format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
        }
    }

    /// Whether it was told of a reload, and not yet of its end.
    pub(super) fn awaits_reload(&self) -> bool {
        self.state == State::Reloading
    }

    /// It stops; said once.
    pub(super) fn stopping(&mut self) {
        if self.state != State::Stopping {
            self.state = State::Stopping;
            self.say("STOPPING=1\nSTATUS=Stopping: transfers may end\n".to_owned());
        }
    }

    /// How long the loop may sleep until the watchdog must hear of it; `None`: for ever.
    pub(super) fn patience(&self, now: Instant) -> Option<Duration> {
        let next = self.watchdog.as_ref().and_then(|watchdog| watchdog.next);
        let beat = next.map(|next| next.saturating_duration_since(now));
        let again = (!self.unsaid.is_empty()).then_some(AGAIN);
        beat.into_iter().chain(again).min()
    }

    /// The loop lives. What there was no room for is tried again.
    pub(super) fn beat(&mut self, now: Instant) {
        self.say_the_unsaid();
        let Some(watchdog) = &mut self.watchdog else {
            return;
        };
        if watchdog.next.is_none_or(|next| next <= now) {
            watchdog.next = Some(now + watchdog.every);
            if let Some(line) = &mut self.line {
                // One that is lost is no harm: there are two for each interval.
                let _ = line.say(b"WATCHDOG=1\n");
            }
        }
    }

    /// Tells of a change; in order, and again later where there is no room for it.
    fn say(&mut self, message: String) {
        if self.line.is_none() {
            return;
        }
        if self.unsaid.len() == CHANGES_KEPT {
            self.unsaid.pop_front();
        }
        self.unsaid.push_back(message);
        self.say_the_unsaid();
    }

    fn say_the_unsaid(&mut self) {
        let Some(line) = &mut self.line else {
            return;
        };
        while let Some(message) = self.unsaid.front() {
            match line.say(message.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => log::debug!("The service manager does not hear: {}", cause(&error)),
                Ok(()) => {}
            }
            self.unsaid.pop_front();
        }
    }
}

impl Line {
    fn to(name: &[u8]) -> io::Result<Self> {
        let address = match name {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            name => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
        };
        let socket = connected(&address)?;
        Ok(Self { address, socket })
    }

    /// Connected while the name can be seen: a sandbox may take it away later. A manager that has
    /// started anew listens at another socket.
    fn say(&mut self, message: &[u8]) -> io::Result<()> {
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

/// How often the manager wants to hear that this process, and not its parent, is alive.
fn watchdog_interval() -> Option<Duration> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let is_other = |pid: u64| pid != u64::from(std::process::id());
    if number("WATCHDOG_PID").is_some_and(is_other) {
        return None;
    }
    let micros = number("WATCHDOG_USEC").filter(|&micros| micros > 0)?;
    Some(Duration::from_micros(micros))
}

/// The clock of [`Instant`], in the manager's own words.
fn monotonic_micros() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manager(directory: &std::path::Path) -> (ServiceManager, UnixDatagram) {
        let path = directory.join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let manager = ServiceManager {
            line: Some(Line::to(path.as_os_str().as_bytes()).unwrap()),
            watchdog: Some(Watchdog {
                every: Duration::from_secs(5),
                next: None,
            }),
            state: State::Starting,
            unsaid: VecDeque::new(),
        };
        (manager, listener)
    }

    fn heard(listener: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 256];
        std::iter::from_fn(|| {
            let count = listener.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..count].to_vec()).unwrap())
        })
        .collect()
    }

    #[test]
    fn each_change_is_said_once_and_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let (mut manager, listener) = manager(directory.path());
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
        let heard = heard(&listener);
        let first: Vec<_> = heard.iter().map(|m| m.lines().next().unwrap()).collect();
        assert_eq!(first, ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]);
        assert!(heard[0].contains("STATUS=a\n"));
        assert!(heard[2].ends_with("STATUS=b STOPPING=1\n"), "{heard:?}");
        let micros = heard[1]
            .lines()
            .find_map(|l| l.strip_prefix("MONOTONIC_USEC="));
        assert!(micros.unwrap().parse::<u64>().unwrap() > 0);
    }

    #[test]
    fn the_watchdog_hears_at_half_its_interval_and_not_more() {
        let directory = tempfile::tempdir().unwrap();
        let (mut manager, listener) = manager(directory.path());
        let now = Instant::now();
        assert_eq!(manager.patience(now), None);
        manager.beat(now);
        manager.beat(now + Duration::from_secs(1));
        assert_eq!(
            manager.patience(now + Duration::from_secs(1)),
            Some(Duration::from_secs(4))
        );
        assert_eq!(heard(&listener).len(), 1);
        manager.beat(now + Duration::from_secs(5));
        assert_eq!(heard(&listener), ["WATCHDOG=1\n"]);
    }

    #[test]
    fn a_manager_that_has_no_room_hears_of_changes_later() {
        let directory = tempfile::tempdir().unwrap();
        let (mut manager, listener) = manager(directory.path());
        let mut now = Instant::now();
        for _ in 0..10_000 {
            manager.beat(now);
            now += Duration::from_secs(10);
        }
        manager.ready("a");
        manager.stopping();
        assert_eq!(manager.patience(now), Some(Duration::ZERO));
        let beats = heard(&listener);
        assert!(beats.iter().all(|message| message == "WATCHDOG=1\n"));
        manager.watchdog = None;
        assert_eq!(manager.patience(now), Some(AGAIN));
        manager.beat(now);
        let heard = heard(&listener);
        let first: Vec<_> = heard.iter().map(|m| m.lines().next().unwrap()).collect();
        assert_eq!(first, ["READY=1", "STOPPING=1"]);
        assert_eq!(manager.patience(now), None);
    }

    #[test]
    fn a_manager_that_has_started_anew_is_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let (mut manager, listener) = manager(directory.path());
        drop(listener);
        manager.ready("a");
        std::fs::remove_file(directory.path().join("notify")).unwrap();
        let listener = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        listener.set_nonblocking(true).unwrap();
        manager.stopping();
        assert_eq!(heard(&listener).len(), 1);
    }
}
