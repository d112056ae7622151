//! One client's flood of commands: it hides nothing of others, and adds little to the log.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::support::{Control, Server, connect_from, until};
use crate::world::World;

/// A client that pipelines one line without end.
pub(crate) struct Flood {
    who: SocketAddr,
    begin: Instant,
    ends: Arc<AtomicBool>,
    writer: JoinHandle<()>,
    reader: JoinHandle<usize>,
}

impl Flood {
    pub(crate) fn start(server: &Server, line: &str) -> Self {
        let control = server.login();
        let who = control.local();
        let ends = Arc::new(AtomicBool::new(false));
        let mut writer = control.socket().try_clone().unwrap();
        let (done, block) = (Arc::clone(&ends), format!("{line}\r\n").repeat(512));
        let writer = std::thread::spawn(move || {
            while !done.load(Ordering::Relaxed) && writer.write_all(block.as_bytes()).is_ok() {}
            let _ = writer.shutdown(Shutdown::Write);
        });
        let reader = std::thread::spawn(move || count_lines(control.socket()));
        Self {
            who,
            begin: Instant::now(),
            ends,
            writer,
            reader,
        }
    }

    /// Ends it after so long; how many replies there were, and how many seconds it took.
    pub(crate) fn stop_after(self, server: &Server, time: Duration) -> (usize, usize) {
        let is_over = || (self.begin.elapsed() > time).then_some(());
        until("the time of the flood", is_over);
        self.ends.store(true, Ordering::Relaxed);
        self.writer.join().unwrap();
        let replies = self.reader.join().unwrap();
        server.wait_for_log(&format!("{} disconnected", self.who));
        let seconds = usize::try_from(self.begin.elapsed().as_secs()).unwrap() + 1;
        (replies, seconds)
    }
}

fn count_lines(mut stream: &TcpStream) -> usize {
    let (mut buffer, mut lines) = (vec![0; 64 * 1024], 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        let text = buffer[..count].split(|&byte| byte == b'\n');
        lines += text.count() - 1;
    }
    lines
}

/// From an address of its own, so that no number of them is too many.
pub(crate) fn fail_to_log_in(server: SocketAddr, number: u8, name: &str) {
    let from = Ipv4Addr::new(127, 7, 0, number);
    let mut control = Control::over(connect_from(from, server).unwrap());
    control.expect(220);
    control.command(&format!("USER {name}"), 331);
    control.command("PASS wrong", 530);
}

pub(crate) const QUICK: &str = "[timings]\npenalty = \"0s\"\n";

#[test]
fn failed_logins_stand_in_the_log_beside_a_flood_and_the_log_stays_small() {
    let world = World::new();
    let server = world.start(QUICK);
    let flood = Flood::start(&server, "NOOP");
    for number in 1..=20 {
        fail_to_log_in(server.address(), number, &format!("user{number}"));
    }
    let (replies, seconds) = flood.stop_after(&server, Duration::from_secs(2));
    assert!(replies > 10_000, "that is no flood: {replies}");
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
    // What is in the log and what was left out are all of it.
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

/// Whatever a client can repeat, one after the other in a session of its own.
#[test]
fn no_line_can_be_repeated_without_end() {
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
        let who = control.local();
        control.send_raw(format!("{line}\r\n").repeat(times).as_bytes());
        control.send("QUIT");
        control.rest();
        server.wait_for_log(&format!("{who} disconnected"));
        let lines = server.log().lines().count() - before;
        assert!(lines < most, "{line}: {lines} lines");
    }
    let refused = "Refused to connect to 192.0.2.1:1028";
    assert_eq!(server.log().matches(refused).count(), 1);
    server.wait_for_log(": 1999 more in this session: refused to connect");
}
