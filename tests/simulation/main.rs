//! The real reactor, sessions and transfers on a virtual network, disk and clock, all from one
//! seed.
//!
//! Each seed draws the weather, the clients, what they say and when, and everything that goes
//! wrong; the run is the same every time. Half a minute tries a thousand:
//!
//! ```text
//! cargo test --test simulation                                                    all of this
//! MIOFTPD_SEEDS=100000 cargo test --test simulation every                         other than 1,000 seeds
//! MIOFTPD_SEED=7 cargo test --test simulation every -- --nocapture                one, with its trace
//! MIOFTPD_SCRIPT=FILE cargo test --test simulation kept -- --nocapture            a script, with its trace
//! ```
//!
//! What fails is reduced to the fewest clients and commands that still fail, and printed as a
//! [`script`]; `MIOFTPD_SHRINK=0` leaves that out. So the output is, from its top: the last lines of the
//! seed's trace, the script (from `# Seed` on), and what was wrong with the seed. A seed whose run does not
//! end is only named.
//!
//! # A regression test
//!
//! Every file in `scripts` is one. Keep what was printed there, without the trace behind it, and with
//! a sentence about what fails instead of its first lines; `chance` and `inspection` stay as they are. It
//! has to fail by `MIOFTPD_SCRIPT` as long as the fault is there, and to pass without it. Who says other
//! things later in the same run may need a new one: see [`script`] for what a script does not say.
//!
//! # A trace
//!
//! A line begins with the seconds since the start. The first two have the weather, where `Odds(n)` is n in
//! 10,000, and the server's times, what a reload takes away, and the quota. Then: `client` is who uses the
//! server, numbered as in the script (those with other numbers are inspectors, who come when all guests
//! are gone), and says and hears over the control connection; `connection` is a connection of either
//! kind, `Client` and `Server` its ends, and `vanishes` that no end is heard of; `record` is what the server
//! tells of a transfer. `event` is what epoll reports of a wire, or of a `VirtualPort`, where the server listens:
//! `r` readable, `w` writable, `d` that an end or urgent data is to be looked for. A script's trace
//! leaves events out. `VIOLATION` is where something was wrong: what was said, `to` what, and what it should
//! be; behind a `;` stands what the client knows of its session.
//!
//! The parts: [`world`] (time, sockets, and what was delivered over them), [`network`], [`runner`] and
//! [`disk`] (the server's seams on it), [`stock`] (its files), [`disk_record`] and [`quota`] (what must hold
//! of them), [`tally`] (what the server's calls come to, and its deadlines), [`client`] (who uses the server,
//! and what each must get), [`crowds`] (several of one kind), [`reload`] (what is taken from them),
//! [`scenario`] (what decides a run), [`run`] (one seed), [`attempt`] and [`watchdog`] (however it ends),
//! [`invariants`] (what must hold when all is over). `tests/planted` shows what they find.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a simulation that panics has found a bug, be it its own"
)]

mod attempt;
mod client;
mod content;
mod crowds;
mod disk;
mod disk_record;
#[cfg(feature = "tls")]
#[path = "../support/ed25519.rs"]
mod ed25519;
mod fault_plan;
mod invariants;
mod network;
mod populate;
mod quota;
mod reload;
mod rng;
mod run;
mod runner;
mod scenario;
mod script;
mod shrink;
mod staging;
mod tally;
#[cfg(feature = "tls")]
#[path = "../support/trusting.rs"]
mod trusting;
mod watchdog;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use attempt::{attempt, replayed};
use run::Outcome;
use shrink::shrunk_script;
use watchdog::{Run, Watchdog, seed_again};

const SEEDS: u64 = 1_000;

/// The last lines of a trace that are shown of a seed which fails among many.
const TRACE_LINES: usize = 150;

#[test]
fn every_interleaving_keeps_the_promises() {
    let watchdog = Watchdog::start();
    // Looked at first: a mistake in it is not to hide what has failed.
    let is_shrunk = number_from("MIOFTPD_SHRINK") != Some(0);
    let report = if is_shrunk { report_shrunk } else { report };
    if let Some(seed) = number_from("MIOFTPD_SEED") {
        let outcome = attempt(&watchdog, seed, true);
        println!("{}", outcome.trace.join("\n"));
        return report(&watchdog, seed, &outcome);
    }
    let seeds = number_from("MIOFTPD_SEEDS").unwrap_or(SEEDS);
    assert!(seeds > 0, "with MIOFTPD_SEEDS=0 nothing is tried");
    if let Some(seed) = first_failure(&watchdog, seeds) {
        let outcome = attempt(&watchdog, seed, true);
        let skipped = outcome.trace.len().saturating_sub(TRACE_LINES);
        println!("{}", outcome.trace[skipped..].join("\n"));
        report(&watchdog, seed, &outcome);
        panic!("seed {seed} failed once, and not again: something is not from the seed");
    }
}

#[test]
fn a_seed_is_the_same_every_time() {
    let watchdog = Watchdog::start();
    for seed in 0..12 {
        let [first, second] = [(); 2].map(|()| attempt(&watchdog, seed, true));
        assert_eq!(first, second, "seed {seed}");
    }
}

/// The first of the seeds that fails; those behind it are not tried any more.
fn first_failure(watchdog: &Watchdog, seeds: u64) -> Option<u64> {
    let next = AtomicU64::new(0);
    let failed = AtomicU64::new(u64::MAX);
    let try_seeds = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.min(failed.load(Ordering::Relaxed)) {
                break;
            }
            if !attempt(watchdog, seed, false).violations.is_empty() {
                failed.fetch_min(seed, Ordering::Relaxed);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(try_seeds);
        }
    });
    let failed = failed.into_inner();
    (failed < u64::MAX).then_some(failed)
}

fn report(_: &Watchdog, seed: u64, outcome: &Outcome) {
    assert!(
        outcome.violations.is_empty(),
        "{}\nfailed after {} seeds; {}",
        outcome.violations.join("\n"),
        seed + 1,
        seed_again(seed)
    );
}

/// The same, and the seed as a script that fails.
fn report_shrunk(watchdog: &Watchdog, seed: u64, outcome: &Outcome) {
    if !outcome.violations.is_empty() {
        // One that ends with a panic outside of any replay is reported as it is.
        let smaller =
            |scenario: &_, tracing| replayed(watchdog, Run::Reduction(seed), scenario, tracing);
        let script = catch_unwind(AssertUnwindSafe(|| shrunk_script(seed, smaller)));
        let script = script.unwrap_or_else(|_| Err("it panics when it is recorded".to_owned()));
        let script = script.unwrap_or_else(|error| error);
        println!("\n{script}");
    }
    report(watchdog, seed, outcome);
}

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var_os(variable)?;
    let number = text.to_str().and_then(|text| text.parse().ok());
    assert!(
        number.is_some(),
        "{variable} is to be a number, and is \"{}\"",
        text.display()
    );
    number
}
