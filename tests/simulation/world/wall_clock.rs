//! The wall clock of a run, which the server only reads: it may begin in 1970, pass the last second of 32
//! bits, and be set while sessions run. Virtual time does not depend on it.

use std::time::Duration;

use crate::rng::Rng;

/// The first second that 32 bits with a sign do not hold: 2038-01-19 03:14:08.
const BEYOND_32_BITS: i64 = 1 << 31;

/// Seconds since 1970 at the start, and what the clock is set to at a virtual time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    begin: i64,
    set: Option<(Duration, i64)>,
}

impl WallClock {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let usual = 1_700_000_000;
        let set = |to| Some((Duration::from_secs(2), to));
        let (begin, set) = rng.pick(&[
            (usual, None),
            (0, None),
            // A board without a battery asks the network.
            (0, set(usual)),
            (BEYOND_32_BITS - 1, None),
            (BEYOND_32_BITS - 10, None),
            (usual, set(BEYOND_32_BITS - 1)),
            (BEYOND_32_BITS + 100, set(usual)),
        ]);
        Self { begin, set }
    }

    /// The time at the virtual time `now`.
    pub(crate) fn at(&self, now: Duration) -> i64 {
        let set = self.set.filter(|(at, _)| now >= *at);
        let (since, begin) = set.unwrap_or((Duration::ZERO, self.begin));
        begin + now.saturating_sub(since).as_secs() as i64
    }
}
