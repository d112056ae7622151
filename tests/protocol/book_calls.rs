//! The system calls that the book names (`src/book/server`), compared with those that strace(1) sees.
//!
//! A walk is between two lines that no server knows, with one client and one worker. Each thread must make
//! the calls of the page, in their order; the words in capitals in their arguments must be there too. Without
//! strace(1), or without ptrace(2), the tests are skipped, unless `MIOFTPD_REQUIRE_CLIENTS=1` is set.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::net::Shutdown;
use std::path::Path;

use rustix::net::{SendFlags, send};
use tempfile::TempDir;

use crate::support::{Control, Server, Starter, binary, can_trace, until};

const BEGIN: &str = "BEGIN";
const END: &str = "END";

/// Attempts of a walk: a client that loses its processor between two calls changes what the server sees.
const ATTEMPTS: usize = 5;

/// Calls that depend on what other threads do, and on the allocator.
const LEFT_OUT: [&str; 7] = [
    "brk",
    "futex",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "sched_yield",
];

/// A call, of the page or of strace.
#[derive(Debug)]
struct Call {
    on_loop: bool,
    name: String,
    line: String,
}

/// Whether the calls can be seen, and are those of the architecture of the pages.
fn can_compare() -> bool {
    if !cfg!(target_arch = "x86_64") || std::env::var_os("MIOFTPD_TEST_SERVER").is_some() {
        eprintln!("skipped: the book has the calls of x86_64");
        return false;
    }
    can_trace()
}

/// The calls in the first code block behind a heading.
fn calls_of_page(page: &str, heading: &str) -> Vec<Call> {
    let (_, rest) = page.split_once(&format!("# {heading}\n")).unwrap();
    let (_, block) = rest.split_once("```text\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let calls = block.lines().map(|line| {
        let (thread, call) = line.split_once(char::is_whitespace).unwrap();
        assert!(["loop", "worker"].contains(&thread), "{line}");
        let call = call.trim();
        let (name, _) = call.split_once('(').unwrap();
        Call {
            on_loop: thread == "loop",
            name: name.to_owned(),
            line: call.to_owned(),
        }
    });
    calls.collect()
}

/// The calls of a recording between the two marks.
fn calls_of_recording(recording: &str) -> Vec<Call> {
    let calls = joined(recording).into_iter();
    let from_begin =
        calls.skip_while(|call| !(call.name == "sendto" && call.line.contains("500 ")));
    let between = from_begin
        .skip(1)
        .take_while(|call| !(call.name == "recvfrom" && call.line.contains(END)));
    between.filter(is_compared).collect()
}

/// All calls, in the order of their begin. strace cuts one in two where another thread makes one meanwhile.
fn joined(recording: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished = std::collections::HashMap::new();
    let mut main = None;
    for line in recording.lines() {
        let Some((thread, call)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let (call, on_loop) = (call.trim(), *main.get_or_insert(thread) == thread);
        if let Some(end) = call.strip_prefix("<... ") {
            let begun = unfinished.remove(thread);
            if let Some(begun) = begun.and_then(|index: usize| calls.get_mut(index)) {
                begun.line.push_str(end);
            }
        } else if let Some((name, _)) = call.split_once('(') {
            if call.ends_with("<unfinished ...>") {
                unfinished.insert(thread, calls.len());
            }
            let (name, line) = (name.to_owned(), call.to_owned());
            calls.push(Call {
                on_loop,
                name,
                line,
            });
        }
    }
    calls
}

/// Waking a thread depends on what it does; a debug build asks whether a descriptor that it closes is open.
fn is_compared(call: &Call) -> bool {
    let line = &call.line;
    !LEFT_OUT.contains(&call.name.as_str())
        && !line.contains("F_GETFD")
        && !line.starts_with("write(2,")
}

/// The calls of one thread; several `epoll_wait` in a row are one, as a timer may fire for nothing.
fn of_thread(calls: &[Call], on_loop: bool) -> Vec<&Call> {
    let mut of_thread: Vec<&Call> = calls
        .iter()
        .filter(|call| call.on_loop == on_loop)
        .collect();
    of_thread.dedup_by(|next, before| next.name == "epoll_wait" && before.name == "epoll_wait");
    of_thread
}

/// The words in capitals of the page that the recorded call has not.
fn missing_words<'a>(page: &'a Call, seen: &Call) -> Option<&'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = page.line.split(|c| !is_part(c));
    let mut capitals = words.filter(|word| word.len() > 3 && *word == word.to_ascii_uppercase());
    capitals.find(|word| !word.bytes().all(|b| b.is_ascii_digit()) && !seen.line.contains(*word))
}

fn compare(page: &[Call], seen: &[Call]) -> Result<(), String> {
    for on_loop in [true, false] {
        let (page, seen) = (of_thread(page, on_loop), of_thread(seen, on_loop));
        let names = |calls: &[&Call]| -> Vec<String> {
            calls.iter().map(|call| call.name.clone()).collect()
        };
        if names(&page) != names(&seen) {
            let seen: Vec<_> = seen.iter().map(|call| call.line.as_str()).collect();
            return Err(format!(
                "the page has {:?}, and seen is\n{}",
                names(&page),
                seen.join("\n")
            ));
        }
        for (page, seen) in page.iter().zip(seen) {
            if let Some(word) = missing_words(page, seen) {
                return Err(format!("{word} is not in {}", seen.line));
            }
        }
    }
    Ok(())
}

/// A server under strace, and a client that has used both directions once.
struct Traced {
    directory: TempDir,
    server: Server,
    control: Control,
}

impl Traced {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join("small"), vec![b's'; 1000]).unwrap();
        fs::write(root.join("large"), vec![b'l'; 300_000]).unwrap();
        let mut words: Vec<OsString> = ["strace", "-D", "-f", "-s", "64", "-o"]
            .map(Into::into)
            .into();
        words.push(directory.path().join("calls").into());
        words.push(binary());
        let options = ["--listen", "127.0.0.1:0", "--writable", "--workers", "1"];
        words.extend(options.map(Into::into));
        words.push(root.into());
        let server = Starter::default().program(words).start();
        let mut control = Control::login(server.address());
        for name in ["small", "large"] {
            control.retrieve(name);
        }
        control.store("old", b"old");
        Self {
            directory,
            server,
            control,
        }
    }

    fn recording(directory: &Path) -> String {
        fs::read_to_string(directory.join("calls")).unwrap()
    }

    /// Opens a data connection, and marks the begin of a walk once the server has accepted it.
    fn passive(&mut self) -> std::net::TcpStream {
        let refused = |text: &str| {
            let lines = text.lines();
            lines
                .filter(|l| l.contains("accept4") && l.contains("EAGAIN"))
                .count()
        };
        let before = refused(&Self::recording(self.directory.path()));
        let reply = self.control.command("EPSV", 229);
        let port = reply.text().split('|').nth(3).unwrap().parse().unwrap();
        let data = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        until("the data connection to be accepted", || {
            (refused(&Self::recording(self.directory.path())) > before).then_some(())
        });
        self.control.command(BEGIN, 500);
        data
    }

    fn calls(mut self) -> Vec<Call> {
        self.control.command(END, 500);
        drop(self.control);
        self.server.terminate();
        self.server.wait();
        calls_of_recording(&Self::recording(self.directory.path()))
    }
}

/// Repeats a walk until it is as the page has it.
fn assert_page(page: &str, heading: &str, walk: fn(&mut Traced)) {
    if !can_compare() {
        return;
    }
    let page = calls_of_page(page, heading);
    for attempt in 1..=ATTEMPTS {
        let mut traced = Traced::start();
        walk(&mut traced);
        match compare(&page, &traced.calls()) {
            Ok(()) => return,
            Err(difference) if attempt == ATTEMPTS => panic!("{heading}: {difference}"),
            Err(_) => {}
        }
    }
}

fn fetch(traced: &mut Traced, name: &str) {
    let data = traced.passive();
    traced.control.command(&format!("RETR {name}"), 150);
    std::io::copy(&mut &data, &mut std::io::sink()).unwrap();
    drop(data);
    traced.control.expect(226);
}

#[test]
fn noop_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/noop.md");
    assert_page(page, "The system calls", |traced| {
        traced.control.command(BEGIN, 500);
        traced.control.command("NOOP", 200);
    });
}

#[test]
fn small_retr_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/retr.md");
    assert_page(page, "The system calls of a small file", |traced| {
        fetch(traced, "small");
    });
}

#[test]
fn large_retr_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/retr.md");
    assert_page(page, "The system calls of a large file", |traced| {
        fetch(traced, "large");
    });
}

#[test]
fn stor_makes_the_calls_of_its_page() {
    let page = include_str!("../../src/book/server/stor.md");
    assert_page(page, "The system calls", |traced| {
        let mut data = traced.passive();
        traced.control.command("STOR new", 150);
        // One segment has the bytes and the end, or the worker would wait for the end in between.
        send(&data, &[b'n'; 1000], SendFlags::MORE).unwrap();
        data.flush().unwrap();
        data.shutdown(Shutdown::Write).unwrap();
        traced.control.expect(226);
    });
}

#[test]
fn comparison_detects_differences() {
    let page = calls_of_page(
        "# Calls\n```text\nloop  epoll_wait(x)\nworker  openat2(a, RESOLVE_CACHED)\n```\n",
        "Calls",
    );
    let seen = |second: &str| {
        let text = format!(
            "1 sendto(4, \"500 Syntax error\") = 3\n\
             1 epoll_wait(3 <unfinished ...>\n2 {second}\n\
             1 <... epoll_wait resumed>) = 1\n1 recvfrom(4, \"END\\r\\n\") = 5\n1 close(9) = 0\n"
        );
        compare(&page, &calls_of_recording(&text))
    };
    assert_eq!(
        seen("openat2(3, RESOLVE_BENEATH|RESOLVE_CACHED) = 4"),
        Ok(())
    );
    assert!(seen("openat2(3, RESOLVE_BENEATH) = 4").is_err());
    assert!(seen("openat(3) = 4").is_err());
}
