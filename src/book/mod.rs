//! The book: a reactor from nothing, and this one explained.
//!
//! 1. [A reactor in ten steps](#part-one-a-reactor-in-ten-steps), below.
//! 2. [`server`]: this server, a walk for each of eight things that happen to it, and why it is as it is.
//!    [`files`] names every file, in an order in which it can be read.
//! 3. [`breaking`]: the simulation, twelve exercises, and six faults to hunt down.
//! 4. [`commands`]: a transcript for every command, and where the server differs from the RFCs.
//!
//! # Part one: a reactor in ten steps
//!
//! Part one builds the control channel of an FTP server in ten steps, from a blocking server for one client
//! to the reactor. Each step is one whole program, which needs only the crates `mio` and `slab`; the page
//! says what is wrong with it, and the next step mends that. `cargo test` runs them all over real sockets.
//!
//! 1. [`step_01_blocking`]: one client at a time; commands, requests and replies.
//! 2. [`step_02_threads`]: a thread for each client, and what it costs.
//! 3. [`step_03_readiness`]: one thread for all; level and edge.
//! 4. [`step_04_slab`]: connections in a slab; a token is an index.
//! 5. [`step_05_lines`]: bytes are not lines.
//! 6. [`step_06_replies`]: writes block too; latches and backpressure.
//! 7. [`step_07_fairness`]: budgets and the run queue.
//! 8. [`step_08_time`]: deadlines in a heap.
//! 9. [`step_09_generations`]: what was meant for one connection does not reach the next.
//! 10. [`step_10_stopping`]: half-close, linger, drain.
//!
//! Up to step four a program has about a hundred lines. From step five on it repeats what earlier steps have
//! introduced, unchanged unless the page says so: read what is new. To run a step, put it into `src/main.rs`
//! of a new package with `mio` (its features `os-poll` and `net`) and `slab`, and call `serve`:
//!
//! ```no_run
//! # fn serve(_: std::net::TcpListener) -> std::io::Result<()> { Ok(()) }
//! fn main() -> std::io::Result<()> {
//!     serve(std::net::TcpListener::bind("127.0.0.1:2121")?)
//! }
//! ```
//!
//! `nc -C 127.0.0.1 2121` is a client, which sends each line when you press Enter; `telnet 127.0.0.1 2121` is
//! another.
#![doc = include_str!("figures.md")]

#[doc = include_str!("breaking.md")]
pub mod breaking {}

pub mod commands;

#[doc = include_str!("files.md")]
pub mod files {}

pub mod server;

/// A page: the text, the program and, hidden, a client that has a short dialogue with it, and what is wrong
/// with the program.
macro_rules! step {
    ($module:ident, $folder:literal, $serve:literal) => {
        #[doc = include_str!(concat!($folder, "/page.md"))]
        #[doc = "# The program"]
        #[doc = "```"]
        #[doc = include_str!(concat!($folder, "/program.rs"))]
        #[doc = "# fn main() -> io::Result<()> {"]
        #[doc = "#     let listener = std::net::TcpListener::bind(\"127.0.0.1:0\")?;"]
        #[doc = "#     let mut client = std::net::TcpStream::connect(listener.local_addr()?)?;"]
        #[doc = concat!("#     std::thread::spawn(move || ", $serve, ");")]
        #[doc = "#     let mut replies = std::io::BufRead::lines(io::BufReader::new(client.try_clone()?));"]
        #[doc = "#     let end = || io::ErrorKind::UnexpectedEof.into();"]
        #[doc = "#     let mut reply = || replies.next().unwrap_or_else(|| Err(end()));"]
        #[doc = "#     assert_eq!(reply()?, \"220 Service ready for new user.\");"]
        #[doc = "#     for (line, code) in [(\"NOOP\", 200), (\"STOR x\", 502), (\"QUIT\", 221)] {"]
        #[doc = "#         client.write_all(format!(\"{line}\\r\\n\").as_bytes())?;"]
        #[doc = "#         assert!(reply()?.starts_with(&code.to_string()));"]
        #[doc = "#     }"]
        #[doc = "#     assert!(reply().is_err());"]
        #[doc = "#     Ok(())"]
        #[doc = "# }"]
        #[doc = "```"]
        #[doc = include_str!(concat!($folder, "/next.md"))]
        pub mod $module {}
    };
}

step!(step_01_blocking, "step_01_blocking", "serve(listener)");
step!(step_02_threads, "step_02_threads", "serve(listener)");
step!(step_03_readiness, "step_03_readiness", "serve(listener)");
step!(step_04_slab, "step_04_slab", "serve(listener)");
step!(step_05_lines, "step_05_lines", "serve(listener)");
step!(step_06_replies, "step_06_replies", "serve(listener)");
step!(step_07_fairness, "step_07_fairness", "serve(listener)");
step!(
    step_08_time,
    "step_08_time",
    "serve(listener, Duration::from_secs(300))"
);
step!(
    step_09_generations,
    "step_09_generations",
    "serve(listener, Duration::from_secs(300))"
);
step!(
    step_10_stopping,
    "step_10_stopping",
    "Server::new(listener)?.0.run()"
);
