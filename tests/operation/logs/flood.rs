//! A flood of commands from one client: it hides no lines about other clients, and the log stays small.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::logs::world::World;
use crate::support::{Control, Server, connect_from, uninterrupted, until};

/// A client that pipelines one line continuously.
pub(crate) struct Flood {
    client: SocketAddr,
    begin: Instant,
    stop: Arc<AtomicBool>,
    writer: JoinHandle<()>,
    reader: JoinHandle<usize>,
}

impl Flood {
    pub(crate) fn start(server: &Server, line: &str) -> Self {
        let control = server.login();
        let client = control.local();
        let stop = Arc::new(AtomicBool::new(false));
        let mut writer = control.socket().try_clone().unwrap();
        let (stopped, block) = (Arc::clone(&stop), format!("{line}\r\n").repeat(512));
        let writer = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) && writer.write_all(block.as_bytes()).is_ok() {}
            let _ = writer.shutdown(Shutdown::Write);
        });
        let reader = std::thread::spawn(move || count_lines(control.socket()));
        Self {
            client,
            begin: Instant::now(),
            stop,
            writer,
            reader,
        }
    }

    /// Stops the flood after `time`; returns the number of replies and the elapsed seconds, rounded up.
    pub(crate) fn stop_after(self, server: &Server, time: Duration) -> (usize, usize) {
        let is_over = || (self.begin.elapsed() > time).then_some(());
        until("the time of the flood", is_over);
        self.stop.store(true, Ordering::Relaxed);
        self.writer.join().unwrap();
        let replies = self.reader.join().unwrap();
        server.wait_for_log(&format!("{} disconnected", self.client));
        let seconds = usize::try_from(self.begin.elapsed().as_secs()).unwrap() + 1;
        (replies, seconds)
    }
}

fn count_lines(mut stream: &TcpStream) -> usize {
    let (mut buffer, mut lines) = (vec![0; 64 * 1024], 0);
    while let Ok(count @ 1..) = uninterrupted(|| stream.read(&mut buffer)) {
        let text = buffer[..count].split(|&byte| byte == b'\n');
        lines += text.count() - 1;
    }
    lines
}

/// Each `number` is an address of its own, so that none is banned.
pub(crate) fn fail_to_log_in(server: SocketAddr, number: u8, name: &str) {
    let from = Ipv4Addr::new(127, 7, 0, number);
    let mut control = Control::over(connect_from(from, server).unwrap());
    control.expect(220);
    control.command(&format!("USER {name}"), 331);
    control.command("PASS wrong", 530);
}

pub(crate) const QUICK: &str = "[timings]\npenalty = \"0s\"\n";

#[test]
fn failed_logins_are_logged_during_a_flood() {
    let world = World::new();
    let server = world.start(QUICK);
    let flood = Flood::start(&server, "NOOP");
    for number in 1..=20 {
        fail_to_log_in(server.address(), number, &format!("user{number}"));
    }
    let (replies, seconds) = flood.stop_after(&server, Duration::from_secs(2));
    assert!(replies > 10_000, "too few commands: {replies}");
    server.wait_for_log(" log lines suppressed (rate limit)");
    let log = server.log();
    for number in 1..=20 {
        let line = format!(": Login failed for \"user{number}\": wrong name or password\n");
        assert_eq!(log.matches(&line).count(), 1, "{line}");
    }
    assert!(!log.contains("were lost"), "{log}");
    let lines = log.matches(": NOOP\n").count();
    assert!((200..=200 + 20 * (seconds + 1)).contains(&lines), "{lines}");
    assert!(log.len() < 100 * 1024, "{} bytes", log.len());
    // Lines logged and lines left out add up to all commands.
    let left_out = log
        .lines()
        .filter_map(|line| line.split_once(" log lines suppressed"));
    let left_out = left_out.map(|(line, _)| line.rsplit(' ').next().unwrap().parse::<usize>());
    let left_out: usize = left_out.map(Result::unwrap).sum();
    assert!(
        lines + left_out >= replies - 1,
        "{lines} and {left_out} of {replies}"
    );
}

/// Each kind of line that a client can repeat, in a session of its own.
#[test]
fn repeated_log_lines_are_rate_limited() {
    let world = World::new();
    let server = world.start(QUICK);
    for (line, times, most) in [
        ("UNKNOWN", 2000, 300),
        ("USER anonymous\r\nPASS x", 100, 240),
        ("PORT 192,0,2,1,4,4", 2000, 300),
        ("TYPE X", 2000, 300),
    ] {
        let before = server.log().lines().count();
        let mut control = server.login();
        let client = control.local();
        control.send_raw(format!("{line}\r\n").repeat(times).as_bytes());
        control.send("QUIT");
        control.rest();
        server.wait_for_log(&format!("{client} disconnected"));
        let lines = server.log().lines().count() - before;
        assert!(lines < most, "{line}: {lines} lines");
    }
    let refused = "Refused to connect to 192.0.2.1:1028";
    assert_eq!(server.log().matches(refused).count(), 1);
    server.wait_for_log(": 1999 more in this session: refused to connect");
}
