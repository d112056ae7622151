//! Measures the programs of the book (`src/book`) beside the server in control-only mode: the table of part
//! one.
//!
//! ```text
//! cargo bench --bench book               prints the table; CLIENTS and ROUNDS below decide how long it takes
//! ```
//!
//! Each program runs in a process of its own: this one again, with `serve` and the number of the step. Rounds
//! alternate between the programs, and the median of the rounds counts. The clients are blocking sockets.

#![allow(
    clippy::indexing_slicing,
    reason = "a panic ends the measurement, and says where"
)]

use std::collections::HashSet;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../tests/protocol/book_steps.rs"]
mod book_steps;

use book_steps::{STEPS, TEXTS};

type Failure = Box<dyn Error>;

const ROUNDS: usize = 7;
const NOOPS: usize = 4_000;
/// Pipelined commands in one write, and how long they are sent: step five answers each by a write of its own,
/// and Nagle's algorithm then waits for the client's delayed acknowledgment.
const PIPELINE: usize = 64;
const PIPELINED_FOR: Duration = Duration::from_millis(200);
/// The clients of the measurement of memory, and the most that are tried.
const CLIENTS: (usize, usize) = (1_000, 4_000);
/// From this step on a read is not taken for a line.
const FIRST_WITH_LINES: usize = 5;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("serve"), Some(step)) => serve(step.parse()?),
        _ => measure(),
    }
}

/// Serves a step, after its port was printed.
fn serve(step: usize) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("Start serving at {}", listener.local_addr()?);
    let serve = STEPS.get(step.wrapping_sub(1)).ok_or("no such step")?;
    Ok(serve(listener)?)
}

/// A program that serves; it is killed on drop.
struct Served {
    name: String,
    step: Option<usize>,
    child: Child,
    address: SocketAddr,
    /// Open while it runs.
    #[allow(dead_code)]
    stdin: Option<ChildStdin>,
}

impl Served {
    fn start(step: Option<usize>) -> Result<Self, Failure> {
        let mut command = if let Some(step) = step {
            let mut command = Command::new(std::env::current_exe()?);
            command
                .args(["serve", &step.to_string()])
                .stdout(Stdio::piped());
            command
        } else {
            let mut command = Command::new(env!("CARGO_BIN_EXE_mioftpd"));
            command
                .args(["--listen", "127.0.0.1:0"])
                .stderr(Stdio::piped());
            command
        };
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let out = child
            .stdout
            .take()
            .map(|out| Box::new(out) as Box<dyn Read + Send>);
        let log = child
            .stderr
            .take()
            .map(|log| Box::new(log) as Box<dyn Read + Send>);
        let mut lines = BufReader::new(out.or(log).ok_or("no output")?).lines();
        let line = lines.by_ref().map_while(Result::ok);
        let mut line = line.filter(|line| line.contains("serving at "));
        let line = line.next().ok_or("it did not start")?;
        let address = line.rsplit(' ').next().unwrap_or_default().parse()?;
        // Nobody reads the log any more, so it must not block.
        std::thread::spawn(move || lines.for_each(drop));
        let stdin = child.stdin.take();
        let name = step.map_or_else(|| "the server".to_owned(), |step| step.to_string());
        Ok(Self {
            name,
            step,
            child,
            address,
            stdin,
        })
    }

    fn client(&self) -> Result<BufReader<TcpStream>, Failure> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut client = BufReader::new(stream);
        let mut greeting = String::new();
        client.read_line(&mut greeting)?;
        if greeting.starts_with("220") {
            Ok(client)
        } else {
            Err("no greeting".into())
        }
    }

    /// The median of one NOOP after the other, in microseconds.
    fn noop(&self) -> Result<f64, Failure> {
        let mut client = self.client()?;
        let mut line = String::new();
        let mut times = Vec::with_capacity(NOOPS);
        for _ in 0..NOOPS {
            let begun = Instant::now();
            client.get_mut().write_all(b"NOOP\r\n")?;
            line.clear();
            client.read_line(&mut line)?;
            times.push(begun.elapsed().as_secs_f64() * 1e6);
        }
        Ok(median(times))
    }

    /// Pipelined NOOPs in a second, in thousands.
    fn pipelined(&self) -> Result<f64, Failure> {
        let mut client = self.client()?;
        let batch = b"NOOP\r\n".repeat(PIPELINE);
        let mut replies = vec![0; "200 Command okay.\r\n".len() * PIPELINE];
        let (begun, mut batches) = (Instant::now(), 0_u32);
        while begun.elapsed() < PIPELINED_FOR {
            client.get_mut().write_all(&batch)?;
            client.read_exact(&mut replies)?;
            batches += 1;
        }
        let commands = f64::from(batches) * f64::from(u32::try_from(PIPELINE)?);
        Ok(commands / begun.elapsed().as_secs_f64() / 1e3)
    }

    /// Bytes of resident memory for each of many clients, and how many are greeted at once.
    fn memory(&self) -> Result<(f64, usize), Failure> {
        let (some, most) = CLIENTS;
        let before = self.resident()?;
        let mut clients = Vec::new();
        let mut each = f64::NAN;
        while clients.len() < most {
            let Ok(client) = self.client() else { break };
            clients.push(client);
            if clients.len() == some {
                each = (self.resident()? - before) * 1024.0 / f64::from(u32::try_from(some)?);
            }
        }
        Ok((each, clients.len()))
    }

    fn resident(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        Ok(line
            .unwrap_or_default()
            .trim()
            .trim_end_matches(" kB")
            .parse()?)
    }

    const fn has_lines(&self) -> bool {
        match self.step {
            Some(step) => step >= FIRST_WITH_LINES,
            None => true,
        }
    }

    /// The lines of the program, and those that the step before has not.
    fn lines(&self) -> String {
        let Some(index) = self.step.map(|step| step - 1) else {
            return "- | -".to_owned();
        };
        let before: HashSet<&str> = index
            .checked_sub(1)
            .map_or_else(HashSet::new, |before| TEXTS[before].lines().collect());
        let lines = TEXTS[index].lines();
        let new = lines.clone().filter(|line| !before.contains(line));
        format!("{} | {}", lines.count(), new.count())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure() -> Result<(), Failure> {
    let steps = (1..=10).map(Some).chain([None]);
    let served: Vec<_> = steps.map(Served::start).collect::<Result<_, _>>()?;
    let mut times = vec![(Vec::new(), Vec::new()); served.len()];
    for _ in 0..ROUNDS {
        for (one, (noops, rates)) in served.iter().zip(&mut times) {
            noops.push(one.noop()?);
            if one.has_lines() {
                rates.push(one.pipelined()?);
            }
        }
    }
    println!(
        "| step | lines | of them new | NOOP p50, µs | pipelined, 1000/s | bytes a client | clients at once |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (one, (noops, rates)) in served.iter().zip(times) {
        // The blocking server has one client, and the next would wait for ever.
        let (each, clients) = if one.step == Some(1) {
            (f64::NAN, 1)
        } else {
            one.memory()?
        };
        let number = |value: f64| {
            if value.is_nan() {
                "-".to_owned()
            } else {
                format!("{value:.1}")
            }
        };
        let rate = if rates.is_empty() {
            "-".to_owned()
        } else {
            format!("{:.0}", median(rates))
        };
        let most = if clients == CLIENTS.1 { "≥ " } else { "" };
        let (lines, noop) = (one.lines(), number(median(noops)));
        let each = if each.is_nan() {
            "-".to_owned()
        } else {
            format!("{each:.0}")
        };
        println!(
            "| {} | {lines} | {noop} | {rate} | {each} | {most}{clients} |",
            one.name
        );
    }
    Ok(())
}
