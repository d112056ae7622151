//! The fault plan of one run: which faults occur, and how often.
//!
//! Each seed draws its own (swarm testing): a run with nothing but resets finds other bugs than one with a
//! little of everything. Plain data.

use std::time::Duration;

use mioftpd::{Rate, Throttling, Timings};

use crate::rng::{Odds, Rng};

/// Probabilities and parameters of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FaultPlan {
    /// The longest normal delay of a segment.
    pub(crate) delay: Duration,
    /// A segment is delayed by seconds to minutes, and so are all behind it.
    pub(crate) stall: Odds,
    /// Largest segment of a small message, in bytes.
    pub(crate) segment: usize,
    /// Buffer of each direction of a connection, in bytes.
    pub(crate) capacity: usize,
    /// A write accepts less than there is room for.
    pub(crate) short_write: Odds,
    /// A segment arrives as a reset of its connection.
    pub(crate) reset: Odds,
    /// Creating or accepting a socket fails with `EMFILE`.
    pub(crate) no_descriptor: Odds,
    /// accept(2) fails with `ECONNABORTED`.
    pub(crate) accept_aborted: Odds,
    /// A spurious event or wake-up.
    pub(crate) spurious: Odds,
    /// An event is reported only by a later poll.
    pub(crate) late_event: Odds,
    /// A non-blocking storage call would block.
    pub(crate) would_wait: Odds,
    /// An I/O error.
    pub(crate) disk_error: Odds,
    /// `ENOSPC`.
    pub(crate) disk_full: Odds,
    /// The usage for a quota is still being counted.
    pub(crate) uncounted: Odds,
    /// A short read.
    pub(crate) short_read: Odds,
    /// A storage call panics.
    pub(crate) panic: Odds,
    /// The longest normal duration of a job.
    pub(crate) job: Duration,
    /// A job takes many minutes.
    pub(crate) hung: Odds,
    /// A job of a running transfer takes many minutes.
    pub(crate) sluggish: Odds,
    /// No workers: a job runs where it is submitted.
    pub(crate) inline_jobs: bool,
}

impl FaultPlan {
    /// No faults.
    pub(crate) const NONE: Self = Self {
        delay: Duration::from_millis(2),
        stall: Odds(0),
        segment: 1500,
        capacity: 64 * 1024,
        short_write: Odds(0),
        reset: Odds(0),
        no_descriptor: Odds(0),
        accept_aborted: Odds(0),
        spurious: Odds(0),
        late_event: Odds(0),
        would_wait: Odds(0),
        disk_error: Odds(0),
        disk_full: Odds(0),
        uncounted: Odds(0),
        short_read: Odds(0),
        panic: Odds(0),
        job: Duration::from_millis(2),
        hung: Odds(0),
        sluggish: Odds(0),
        inline_jobs: false,
    };

    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let delays = [20, 500, 5_000, 90_000, 2_000_000];
        // Latency can be checked only where nothing is slow.
        let is_swift = rng.one_in(2);
        let jobs = [0, 100, 10_000, 90_000, 3_000_000];
        Self {
            delay: Duration::from_micros(rng.pick(&delays)),
            stall: if is_swift {
                Odds(0)
            } else {
                sometimes(rng, 60)
            },
            segment: rng.pick(&[1, 4, 40, 500, 1500]),
            capacity: rng.pick(&[40, 300, 2_000, 16_384, 200_000]),
            short_write: sometimes(rng, 5_000),
            reset: sometimes(rng, 100),
            no_descriptor: sometimes(rng, 2_000),
            accept_aborted: sometimes(rng, 1_000),
            spurious: sometimes(rng, 2_000),
            late_event: sometimes(rng, 4_000),
            would_wait: sometimes(rng, 8_000),
            disk_error: sometimes(rng, 800),
            disk_full: sometimes(rng, 800),
            uncounted: rng
                .aside()
                .pick(&[Odds(0), Odds(0), Odds(1_000), Odds(9_000)]),
            short_read: sometimes(rng, 5_000),
            panic: if rng.one_in(10) { Odds(300) } else { Odds(0) },
            job: Duration::from_micros(rng.pick(&jobs)),
            hung: if is_swift {
                Odds(0)
            } else {
                sometimes(rng, 400)
            },
            sluggish: Odds(0),
            inline_jobs: rng.one_in(8),
        }
    }

    /// Whether every immediate reply arrives within [`PROMPT_LIMIT`](Self::PROMPT_LIMIT).
    pub(crate) fn is_prompt(&self) -> bool {
        let are_jobs = self.job <= Duration::from_millis(90);
        are_jobs && self.is_quick() && [self.hung, self.uncounted] == [Odds(0); 2]
    }

    /// Whether the network is quick, whatever the workers do.
    pub(crate) fn is_quick(&self) -> bool {
        self.delay <= Duration::from_millis(5) && self.stall == Odds(0)
    }

    /// Whether replies are delivered fast enough that the server cannot take the client for stalled.
    pub(crate) fn is_timely(&self) -> bool {
        self.delay <= Duration::from_millis(100) && self.stall == Odds(0)
    }

    /// Upper bound of an immediate reply under a prompt plan: a few round trips and jobs. Less than any of
    /// [`timings`].
    pub(crate) const PROMPT_LIMIT: Duration = Duration::from_millis(2_500);
}

/// The server's time-outs: defaults, or short round ones, which often coincide.
pub(crate) fn timings(rng: &mut Rng) -> Timings {
    if rng.one_in(2) {
        return Timings::default();
    }
    if rng.one_in(3) {
        // Deadlines that coincide.
        let same = Duration::from_secs(rng.pick(&[3, 5]));
        return Timings {
            data_connect: same,
            data_stall: same,
            reply_stall: same,
            ..Timings::default()
        };
    }
    let mut seconds = |choices: &[u64]| Duration::from_secs(rng.pick(choices));
    Timings {
        login: seconds(&[3, 6, 30]),
        idle: seconds(&[6, 30, 300]),
        penalty: seconds(&[0, 1, 3]),
        data_connect: seconds(&[3, 6]),
        handshake: seconds(&[3, 6]),
        data_stall: seconds(&[3, 6, 12]),
        reply_stall: seconds(&[3, 6, 12]),
        linger: seconds(&[1, 3]),
        grace: seconds(&[0, 3, 12]),
        ..Timings::default()
    }
}

/// The server's throttling: defaults, or limits low enough that clients reach them.
pub(crate) fn throttling(rng: &mut Rng) -> Throttling {
    if rng.one_in(2) {
        return Throttling::default();
    }
    let usual = Throttling::default();
    Throttling {
        failures: rng.pick(&[1, 2, usual.failures]),
        ban: Duration::from_secs(rng.pick(&[3, 900])),
        longest_penalty: Duration::from_secs(rng.pick(&[1, 5])),
        connections: Rate {
            interval: Duration::from_secs(rng.pick(&[0, 1])),
            burst: rng.pick(&[1, 2, 10]),
        },
        commands: Rate {
            interval: Duration::from_millis(rng.pick(&[20, 100])),
            burst: rng.pick(&[1, 5, 20]),
        },
        ..usual
    }
}

/// Zero in half of the runs, otherwise up to `most` in ten thousand.
fn sometimes(rng: &mut Rng, most: usize) -> Odds {
    if rng.one_in(2) {
        Odds(0)
    } else {
        Odds(rng.within(1, most))
    }
}
