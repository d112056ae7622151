//! The system calls that the book names (`src/book/server`), compared with those that strace(1) sees.
//!
//! A walk is between two lines that no server knows, with one client and one worker. Each thread must make
//! the calls of the page, in their order; the words in capitals in their arguments must be there too. Without
//! strace(1), or without ptrace(2), the tests are skipped, unless `MIOFTPD_REQUIRE_CLIENTS=1` is set.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::{Control, Server, Starter, binary, can_trace, until};

const BEGIN: &str = "BEGIN";
const END: &str = "END";

/// Attempts of a walk: a client that loses its processor between two calls changes what the server sees.
const ATTEMPTS: usize = 20;

/// Calls that depend on what other threads do, on whether a thread has to be started, on the allocator, and
/// on how the TLS library fetches random numbers.
const LEFT_OUT: [&str; 18] = [
    "brk",
    "clone",
    "clone3",
    "exit",
    "futex",
    "getrandom",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "rseq",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "sigaltstack",
    "prctl",
];

/// A call, of the page or of strace.
#[derive(Clone, Debug)]
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

/// The calls of a recording between the two marks. A connection that the walk has not ends it too.
fn calls_of_recording(recording: &str) -> Vec<Call> {
    let calls = joined(recording).into_iter();
    let from_begin =
        calls.skip_while(|call| !(call.name == "sendto" && call.line.contains("500 ")));
    let is_end = |call: &Call| {
        let is_mark = call.name == "recvfrom" && call.line.contains(END);
        is_mark || call.name == "accept4" && !call.line.contains("EAGAIN")
    };
    let between = from_begin.skip(1).take_while(|call| !is_end(call));
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

/// Waking a thread depends on what it does; a debug build asks whether a descriptor that it closes is open;
/// the kernel chooses the thread of a signal handler.
fn is_compared(call: &Call) -> bool {
    let line = &call.line;
    let is_of_handler = call.name == "sendto" && line.contains("\"X\", 1");
    !LEFT_OUT.contains(&call.name.as_str())
        && !line.contains("F_GETFD")
        && !line.starts_with("write(2,")
        && !is_of_handler
}

/// The calls of one thread. Several `epoll_wait` in a row are one, as a timer may fire for nothing, and so
/// are several `close`: at the end all descriptors are closed.
fn of_thread(calls: &[Call], on_loop: bool) -> Vec<Call> {
    let of_thread = calls.iter().filter(|call| call.on_loop == on_loop);
    let mut of_thread: Vec<Call> = of_thread.cloned().collect();
    of_thread.dedup_by(|next, before| {
        let is_same = next.name == before.name;
        let is_one = is_same && ["epoll_wait", "close"].contains(&next.name.as_str());
        if is_one {
            before.line.push_str(&next.line);
        }
        is_one
    });
    of_thread
}

/// The words in capitals of the page that the recorded call has not.
fn missing_words<'a>(page: &'a Call, seen: &Call) -> Option<&'a str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = page.line.split(|c| !is_part(c));
    let mut capitals = words.filter(|word| word.len() > 3 && *word == word.to_ascii_uppercase());
    capitals.find(|word| !word.bytes().all(|b| b.is_ascii_digit()) && !seen.line.contains(*word))
}

/// A page without sleeps is compared without them, and without reads that find nothing: whether the loop
/// waits depends on the client's speed.
fn compare(page: &[Call], seen: &[Call]) -> Result<(), String> {
    let sleeps = page.iter().any(|call| call.name == "epoll_wait");
    let is_waiting = |call: &Call| call.name == "epoll_wait" || call.line.contains("EAGAIN");
    let seen: Vec<Call> = seen
        .iter()
        .filter(|call| sleeps || !is_waiting(call))
        .cloned()
        .collect();
    for on_loop in [true, false] {
        let (page, seen) = (of_thread(page, on_loop), of_thread(&seen, on_loop));
        let names = |calls: &[Call]| -> Vec<String> {
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
        for (page, seen) in page.iter().zip(&seen) {
            if let Some(word) = missing_words(page, seen) {
                return Err(format!("{word} is not in {}", seen.line));
            }
        }
    }
    Ok(())
}

/// A server under strace, and a client that has used both directions once.
pub(crate) struct Traced {
    directory: TempDir,
    pub(crate) server: Server,
    pub(crate) control: Control,
    is_stopping: bool,
}

impl Traced {
    /// With this configuration file, unless it is empty.
    fn start(configuration: &str) -> Self {
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
        let options = ["--listen", "127.0.0.1:0", "--workers", "1"];
        words.extend(options.map(Into::into));
        if configuration.is_empty() {
            words.push("--writable".into());
        } else {
            let file = directory.path().join("config.toml");
            fs::write(&file, configuration).unwrap();
            words.extend(["--config".into(), file.into_os_string()]);
        }
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
            is_stopping: false,
        }
    }

    /// Marks the begin of a walk.
    pub(crate) fn begin(&mut self) {
        self.control.command(BEGIN, 500);
    }

    fn recording(directory: &Path) -> String {
        fs::read_to_string(directory.join("calls")).unwrap()
    }

    /// Opens a data connection, and marks the begin of a walk once the server has accepted it.
    pub(crate) fn passive(&mut self) -> std::net::TcpStream {
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
        self.begin();
        data
    }

    /// Ends a walk in which the connection ends.
    #[cfg(feature = "config")]
    pub(crate) fn reconnect(&mut self) {
        let closed = |text: &str| text.matches("close(").count();
        let before = closed(&Self::recording(self.directory.path()));
        self.control
            .socket()
            .shutdown(std::net::Shutdown::Both)
            .unwrap();
        until("the connection to be closed", || {
            (closed(&Self::recording(self.directory.path())) > before).then_some(())
        });
        self.control = Control::connect(self.server.address());
    }

    /// A walk to the end of the server.
    pub(crate) fn stop(&mut self) {
        self.is_stopping = true;
        self.server.terminate();
        self.control.expect(421);
        self.control.expect_end();
    }

    /// Ends a walk and the server.
    fn calls(mut self) -> Vec<Call> {
        if !self.is_stopping {
            self.control.command(END, 500);
            self.server.terminate();
        }
        drop(self.control);
        self.server.wait();
        calls_of_recording(&Self::recording(self.directory.path()))
    }
}

/// Repeats a walk until it is as the page has it.
pub(crate) fn assert_page(page: &str, heading: &str, walk: fn(&mut Traced)) {
    assert_page_with("", page, heading, walk);
}

/// The same with further options of the server.
pub(crate) fn assert_page_with(
    configuration: &str,
    page: &str,
    heading: &str,
    walk: fn(&mut Traced),
) {
    if !can_compare() {
        return;
    }
    let page = calls_of_page(page, heading);
    for attempt in 1..=ATTEMPTS {
        let mut traced = Traced::start(configuration);
        walk(&mut traced);
        match compare(&page, &traced.calls()) {
            Ok(()) => return,
            Err(difference) if attempt == ATTEMPTS => panic!("{heading}: {difference}"),
            Err(difference) => eprintln!("attempt {attempt}: {difference}"),
        }
    }
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
