//! The weather of one run: which faults there are, and how often.
//!
//! Each seed draws its own (swarm testing): a run in which nothing but resets happens finds
//! other bugs than one in which everything happens a little. It is plain data.

use std::time::Duration;

use mioftpd::limits::{Rate, Throttling, Timings};

use crate::rng::{Odds, Rng};

/// What may go wrong, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FaultPlan {
    /// The longest that a segment normally takes.
    pub(crate) delay: Duration,
    /// A segment takes seconds to minutes, and all behind it wait.
    pub(crate) stall: Odds,
    /// Bytes of a segment, at the most, of a small message.
    pub(crate) segment: usize,
    /// Bytes that a direction of a connection holds.
    pub(crate) capacity: usize,
    /// A write takes less than there is room for.
    pub(crate) short_write: Odds,
    /// A segment arrives as a reset of its connection.
    pub(crate) reset: Odds,
    /// There is no descriptor for a new socket.
    pub(crate) no_descriptor: Odds,
    /// Who waited at a listener is gone.
    pub(crate) accept_aborted: Odds,
    /// An event is reported that did not happen; a poll ends for nothing.
    pub(crate) spurious: Odds,
    /// An event is reported only by a later poll.
    pub(crate) late_event: Odds,
    /// A storage call that must not wait would have to.
    pub(crate) would_wait: Odds,
    /// The device fails.
    pub(crate) disk_error: Odds,
    /// The device is full.
    pub(crate) disk_full: Odds,
    /// The files that a quota is for are being counted.
    pub(crate) uncounted: Odds,
    /// A read gives less than there is.
    pub(crate) short_read: Odds,
    /// A storage call panics.
    pub(crate) panic: Odds,
    /// The longest that a job normally takes.
    pub(crate) job: Duration,
    /// A job takes many minutes.
    pub(crate) hung: Odds,
    /// So does one of a transfer that has begun.
    pub(crate) sluggish: Odds,
    /// There are no workers: a job runs where it is submitted.
    pub(crate) inline_jobs: bool,
}

impl FaultPlan {
    /// Nothing goes wrong.
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
        // What must be done at once can only be told where nothing takes long.
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

    /// Whether whatever can be answered at once is answered within [`PROMPT_LIMIT`](Self::PROMPT_LIMIT).
    pub(crate) fn is_prompt(&self) -> bool {
        let quick = self.delay <= Duration::from_millis(5) && self.job <= Duration::from_millis(90);
        quick && [self.stall, self.hung, self.uncounted] == [Odds(0); 3]
    }

    /// Whether replies arrive so soon that the server cannot think that nobody reads them.
    pub(crate) fn is_timely(&self) -> bool {
        self.delay <= Duration::from_millis(100) && self.stall == Odds(0)
    }

    /// What "at once" means in prompt weather: a few times to and fro, and a few jobs; less
    /// than any of the times in [`timings`].
    pub(crate) const PROMPT_LIMIT: Duration = Duration::from_millis(2_500);
}

/// The server's times: its defaults, or short and round ones, which often fall together.
pub(crate) fn timings(rng: &mut Rng) -> Timings {
    if rng.one_in(2) {
        return Timings::default();
    }
    if rng.one_in(3) {
        // Everything falls together.
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

/// What the server lets an address do: as by default, or so little that guests run into it.
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

/// In half of the runs not at all, otherwise up to `most` in ten thousand.
fn sometimes(rng: &mut Rng, most: usize) -> Odds {
    if rng.one_in(2) {
        Odds(0)
    } else {
        Odds(rng.within(1, most))
    }
}
