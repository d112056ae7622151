//! Deterministic simulation: the real reactor, sessions and transfers run on a virtual network, disk,
//! thread pool and clock. A seed decides everything; the same seed gives the same run on every machine.
//!
//! Each seed draws a fault plan, the clients, their commands and all timing. Half a minute covers a thousand:
//!
//! ```text
//! cargo test --test simulation                                                    everything
//! MIOFTPD_SEEDS=100000 cargo test --test simulation every                         other than 1,000 seeds
//! MIOFTPD_SEED=7 cargo test --test simulation every -- --nocapture                one seed, with its trace
//! MIOFTPD_SEED=7 MIOFTPD_TRACE=FILE cargo test --test simulation every            its loop, for Perfetto
//! MIOFTPD_SCRIPT=FILE cargo test --test simulation kept -- --nocapture            a script, with its trace
//! ```
//!
//! A failing seed is shrunk to the fewest clients, commands and faults that still fail, and printed as a
//! [`script`]; `MIOFTPD_SHRINK=0` skips that. The output is, from the top: the end of the seed's trace, the
//! script (from `# Seed` on), and the violations. A seed whose run does not terminate is only named.
//!
//! # What the oracle checks
//!
//! - **Replies.** A model of each session (RFC 959 §5.4) predicts the codes that each reply may have, and the
//!   facts in its text: `client::session_model`, `client::reply_rules`, `client::reply_facts`.
//! - **Data.** A download delivers exactly the file, a listing each entry once. A file on the disk is the
//!   old one, the whole upload, or, where uploads are kept, a prefix: `client::expected`,
//!   `client::upload_oracle`.
//! - **Ends of connections.** A reply that is due is delivered before the control connection ends; after 226
//!   the data connection ends with a FIN, and a cut download never does: `client::connection_ends`.
//! - **Admission.** Connection limits, bans, rate limits and sessions per account: [`world`].
//! - **Time.** No time-out fires early in any run, nor late where nothing else delays the server. No turn of
//!   the event loop is fruitless, no loop spins, none starves: [`tally`].
//! - **Storage.** Uncommitted uploads, open files and quota usage agree with the disk: [`quota`],
//!   [`disk_record`], [`invariants`].
//! - **Recovery.** After the last client, faults stop. Every session ends, nothing leaks, and inspector
//!   clients get everything they request.
//!
//! # What it excuses
//!
//! A fault of the plan may change the outcome, so a check that ignored it would fail for a correct server.
//! An excuse is as narrow as the simulation can make it: it needs an event that did happen, to this client,
//! since its command, such as a disk error or a reset that was delivered. The probability of a fault is no
//! excuse. `client::reply_excuses` lists them for replies, `client::excuses` for connections that end
//! without a last reply. Lateness is checked only under plans with short delays, since no upper bound holds
//! otherwise.
//!
//! # Regression tests
//!
//! Every file in `scripts` is one. To add one, save the printed script without its trace, and replace its
//! first lines by a sentence about the failure; keep `rng` and `inspection` as they are. It must fail under
//! `MIOFTPD_SCRIPT` with the bug and pass without it. A change to the random choices of clients may make a
//! new script necessary: [`script`] says which choices a script does not contain.
//!
//! # Traces
//!
//! Each line begins with the virtual time in seconds. The first two lines print the fault plan (`Odds(n)` is
//! n in 10,000), the server's time-outs, the reload, the quota and the wall clock. Then:
//!
//! - `client N`: what it sends and receives on its control connection. Numbers are those of the script;
//!   higher ones are inspectors, which connect after all others have left.
//! - `connection N`: a TCP connection of either kind, with the ends `Client` and `Server`. One that
//!   `vanishes` delivers nothing more, not even its end.
//! - `event`: what epoll reports of a `Connection` or a `Listener`: `r` readable, `w` writable, `d` that the
//!   socket has to be drained (an end, or urgent data). The trace in a script omits events.
//! - `record`: the server's record of a transfer.
//! - `VIOLATION`: the reply, the command, and the codes or text expected; after `;` the client's session
//!   model.
//!
//! # Modules
//!
//! [`world`] (time, sockets, delivery), [`network`], [`runner`] and [`disk`] (the server's traits on top of
//! it), [`populate`] (its files), [`tally`] (its calls and deadlines), [`client`] (the clients and their
//! oracles), [`crowds`] (several clients of one address), [`reload`] (revocations), [`scenario`] (all that
//! decides a run), [`staging`] and [`run`] (one run), [`attempt`] and [`watchdog`] (panics and endless
//! loops). `tests/planted` measures which bugs the oracle finds.

#![cfg(feature = "quotas")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a panic of the simulation is a failed test"
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
mod loop_trace;
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

/// Lines of the trace that are printed when one of many seeds fails: its last ones.
const TRACE_LINES: usize = 150;

#[test]
fn every_seed_passes_the_oracle() {
    let watchdog = Watchdog::start();
    // Parsed first, so that a malformed value is reported before anything runs.
    let is_shrunk = number_from("MIOFTPD_SHRINK") != Some(0);
    let report = if is_shrunk { report_shrunk } else { report };
    if let Some(seed) = number_from("MIOFTPD_SEED") {
        let outcome = attempt(&watchdog, seed, true);
        println!("{}", outcome.trace.join("\n"));
        if let Some(file) = std::env::var_os("MIOFTPD_TRACE") {
            std::fs::write(&file, &outcome.loop_trace).expect("MIOFTPD_TRACE can be written");
        }
        return report(&watchdog, seed, &outcome);
    }
    let seeds = number_from("MIOFTPD_SEEDS").unwrap_or(SEEDS);
    assert!(
        seeds > 0,
        "MIOFTPD_SEEDS=0 runs nothing; give a positive number"
    );
    if let Some(seed) = first_failure(&watchdog, seeds) {
        let outcome = attempt(&watchdog, seed, true);
        let skipped = outcome.trace.len().saturating_sub(TRACE_LINES);
        println!("{}", outcome.trace[skipped..].join("\n"));
        report(&watchdog, seed, &outcome);
        panic!(
            "seed {seed} failed once and then passed: the run depends on something beside the seed"
        );
    }
}

#[test]
fn same_seed_gives_same_trace() {
    let watchdog = Watchdog::start();
    for seed in 0..12 {
        let [first, second] = [(); 2].map(|()| attempt(&watchdog, seed, true));
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(first.loop_trace.is_empty(), !cfg!(feature = "status"));
    }
}

/// The smallest failing seed. Once a seed has failed, larger ones are skipped.
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

/// As [`report`], and prints the shrunk script first.
fn report_shrunk(watchdog: &Watchdog, seed: u64, outcome: &Outcome) {
    if !outcome.violations.is_empty() {
        // Recording may panic outside of any replay: then the seed is reported unshrunk.
        let smaller =
            |scenario: &_, tracing| replayed(watchdog, Run::Reduction(seed), scenario, tracing);
        let script = catch_unwind(AssertUnwindSafe(|| shrunk_script(seed, smaller)));
        let script =
            script.unwrap_or_else(|_| Err("no script: recording the seed panics".to_owned()));
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
        "{variable}: \"{}\" is not a number",
        text.display()
    );
    number
}
