//! The programs of the book (`src/book`), over real sockets: what each step serves, and its fault.
//!
//! A step runs in a thread until the test process ends; the tenth can be stopped. The last step plays the
//! transcripts of control-only mode, like the server itself.

use std::io::{self, BufRead as _, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rustix::io::ioctl_fionread;
use rustix::process::{Pid, Signal, kill_process};

use crate::book_steps::{STEPS, Serve, TEXTS, step_08, step_09, step_10};
use crate::support::transcript::Transcript;
use crate::support::{Control, until};

const GREETING: &str = "220 Service ready for new user.";
const OK: &str = "200 Command okay.";
const SYNTAX_ERROR: &str = "500 Syntax error, command unrecognized.";
const GOODBYE: &str = "221 Service closing control connection.";
const STOPPED: &str = "421 Service not available, closing control connection.";

/// Starts a step (from 1) in a thread.
fn start(step: usize) -> SocketAddr {
    start_at(STEPS[step - 1], "127.0.0.1:0")
}

fn start_at(
    serve: impl FnOnce(TcpListener) -> io::Result<()> + Send + 'static,
    at: &str,
) -> SocketAddr {
    let listener = TcpListener::bind(at).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || serve(listener));
    address
}

fn client(address: SocketAddr) -> Control {
    let mut control = Control::silent(address);
    assert_eq!(control.line(), GREETING);
    control
}

fn transcript(text: &str) -> Transcript {
    Transcript::parse(text)
}

fn dialogue() -> Transcript {
    transcript(include_str!("../transcripts/control_only_dialogue.txt"))
}

#[test]
fn every_step_speaks_the_dialogue() {
    for step in 1..=10 {
        let address = start(step);
        for _ in 0..2 {
            dialogue().play_at(address);
        }
    }
}

#[test]
fn steps_from_two_on_serve_clients_at_once() {
    for step in 2..=10 {
        let address = start(step);
        let mut clients: Vec<_> = (0..20).map(|_| client(address)).collect();
        for control in clients.iter_mut().rev() {
            control.send("NOOP");
            assert_eq!(control.line(), OK, "step {step}");
        }
        clients.truncate(10);
        dialogue().play_at(address);
        clients.push(client(address));
        for control in &mut clients {
            control.send("QUIT");
            assert_eq!(control.line(), GOODBYE, "step {step}");
            control.expect_end();
        }
    }
}

#[test]
fn pieces_of_a_line_are_commands_until_step_five() {
    for step in 3..=10 {
        let mut control = client(start(step));
        control.send_raw(b"NO");
        if step < 5 {
            assert_eq!(control.line(), SYNTAX_ERROR, "step {step}");
            control.send_raw(b"OP\r\n");
            assert_eq!(control.line(), SYNTAX_ERROR, "step {step}");
        } else {
            control.send_raw(b"OP\r\nNOO");
            assert_eq!(control.line(), OK, "step {step}");
        }
    }
}

#[test]
fn line_limit_is_4096_bytes_from_step_five_on() {
    for step in 5..=10 {
        let mut control = client(start(step));
        for (length, reply) in [(4096, OK), (4097, SYNTAX_ERROR), (100_000, SYNTAX_ERROR)] {
            control.send(&format!("NOOP {}", "x".repeat(length - "NOOP ".len())));
            assert_eq!(control.line(), reply, "step {step}: {length} bytes");
        }
        control.send("NOOP");
        assert_eq!(control.line(), OK, "step {step}");
    }
}

/// The client sends until the server stops reading, and reads nothing: from step six on no reply is lost, and
/// other clients are served.
#[test]
fn client_that_does_not_read_loses_no_reply_from_step_six_on() {
    for step in 6..=10 {
        let address = start(step);
        let mut greedy = client(address);
        let socket = greedy.socket().try_clone().unwrap();
        let sender = thread::spawn(move || {
            io::Write::write_all(&mut &socket, &b"NOOP\r\n".repeat(500_000)).unwrap();
        });
        let mut other = client(address);
        for _ in 0..100 {
            other.send("NOOP");
            assert_eq!(other.line(), OK, "step {step}");
        }
        for _ in 0..500_000 {
            assert_eq!(greedy.line(), OK, "step {step}");
        }
        sender.join().unwrap();
    }
}

#[test]
fn idle_client_is_closed_from_step_eight_on() {
    let servers: [Serve; 2] = [
        |listener| step_08::serve(listener, Duration::from_millis(20)),
        |listener| step_09::serve(listener, Duration::from_millis(20)),
    ];
    for serve in servers {
        let address = start_at(serve, "127.0.0.1:0");
        for _ in 0..3 {
            let mut control = client(address);
            let timed_out = "421 No command in time, closing control connection.";
            assert_eq!(control.line(), timed_out);
            control.expect_end();
        }
    }
}

#[test]
fn step_ten_plays_the_transcripts_of_control_only_mode() {
    let address = start(10);
    transcript(include_str!("../transcripts/control_only_commands.txt")).play_at(address);
    dialogue().play_at(address);
    if TcpListener::bind("[::1]:0").is_ok() {
        let address = start_at(STEPS[9], "[::1]:0");
        transcript(include_str!("../transcripts/control_only_ipv6.txt")).play_at(address);
    }
}

#[test]
fn step_ten_answers_bytes_however_they_are_split() {
    let address = start(10);
    let text = b"NOOP\r\nnoop x\nSTOR x\r\n\r\nUNKNOWN command\r\nNOOP \xc3\xa9\r\nUSER a\nQUIT\r\nNOOP\r\n";
    let not_served = "502 Command not implemented.";
    let replies = [
        GREETING,
        OK,
        OK,
        not_served,
        SYNTAX_ERROR,
        SYNTAX_ERROR,
        SYNTAX_ERROR,
        not_served,
        GOODBYE,
        "",
    ];
    let expected = replies.join("\r\n");
    let config = Config {
        cases: 1000,
        failure_persistence: None,
        ..Config::default()
    };
    let cuts = proptest::collection::btree_set(1..text.len(), 0..10);
    let run = TestRunner::new(config).run(&cuts, |cuts| {
        let mut control = Control::silent(address);
        let mut from = 0;
        for to in cuts.into_iter().chain([text.len()]) {
            control.send_raw(&text[from..to]);
            from = to;
        }
        let rest = control.rest();
        prop_assert_eq!(rest, expected.as_bytes());
        Ok(())
    });
    run.unwrap();
}

#[test]
fn step_ten_answers_a_client_that_has_half_closed() {
    let mut control = client(start(10));
    control.send_raw(b"NOOP\r\nNOOP\r\nNO");
    control
        .socket()
        .shutdown(std::net::Shutdown::Write)
        .unwrap();
    assert_eq!(control.rest(), format!("{OK}\r\n{OK}\r\n").as_bytes());
}

#[test]
fn step_ten_drains_when_it_is_stopped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (mut server, stop) = step_10::Server::new(listener).unwrap();
    let serving = thread::spawn(move || server.run());
    let mut clients: Vec<_> = (0..3).map(|_| client(address)).collect();
    clients[0].send_raw(b"NOOP\r\nNO");
    assert_eq!(clients[0].line(), OK);
    stop.wake().unwrap();
    for control in &mut clients {
        assert_eq!(control.line(), STOPPED);
        control.expect_end();
    }
    drop(clients);
    serving.join().unwrap().unwrap();
}

/// A step in a process of its own, which can be stopped and continued: this program again.
struct Process {
    child: Child,
    address: SocketAddr,
}

const STEP: &str = "MIOFTPD_BOOK_STEP";

#[test]
#[ignore = "the process of another test"]
fn process_of_a_step() {
    let Ok(step) = std::env::var(STEP) else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("\naddress {}", listener.local_addr().unwrap());
    STEPS[step.parse::<usize>().unwrap() - 1](listener).unwrap();
}

impl Process {
    fn start(step: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let options = [
            "--exact",
            "book::process_of_a_step",
            "--ignored",
            "--nocapture",
        ];
        let child = command.args(options).env(STEP, step.to_string());
        let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address =
            lines.find_map(|line| Some(line.unwrap().strip_prefix("address ")?.parse().unwrap()));
        let address = address.unwrap();
        Self { child, address }
    }

    fn stop(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
        let status = format!("/proc/{}/status", self.child.id());
        until("the process to stop", || {
            let status = std::fs::read_to_string(&status).unwrap();
            status.contains("State:\tT").then_some(())
        });
    }

    fn go_on(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// How many of 2,000 pipelined commands of one client have replies when another client has its own.
fn replies_before_those_of_another(process: &Process) -> u64 {
    let [mut greedy, mut other] = [(); 2].map(|()| client(process.address));
    process.stop();
    greedy.send_raw(&b"NOOP\r\n".repeat(2_000));
    other.send("NOOP");
    process.go_on();
    assert_eq!(other.line(), OK);
    let bytes = ioctl_fionread(greedy.socket()).unwrap();
    bytes / u64::try_from(OK.len() + 2).unwrap()
}

#[test]
fn one_client_cannot_hold_the_others_from_step_seven_on() {
    let process = Process::start(6);
    assert_eq!(replies_before_those_of_another(&process), 2_000, "step 6");
    for step in 7..=10 {
        let process = Process::start(step);
        // Where this test gets no processor, more of them are there when it looks.
        let is_fair = (0..20).any(|_| replies_before_those_of_another(&process) < 500);
        assert!(is_fair, "step {step}");
    }
}

#[test]
fn table_of_the_steps_has_their_lines() {
    let table = include_str!("../../src/book/figures.md");
    for (step, text) in (1..).zip(TEXTS) {
        let before = if step == 1 { "" } else { TEXTS[step - 2] };
        let is_new = |line: &&str| !before.lines().any(|other| other == *line);
        let (all, new) = (text.lines().count(), text.lines().filter(is_new).count());
        let row = format!("| {step} | {all} | {new} |");
        assert!(
            table.contains(&row),
            "{row}: cargo bench --bench book makes the table"
        );
    }
}
