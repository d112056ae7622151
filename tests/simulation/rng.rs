//! Pseudo-random numbers from a seed: the same on every machine (`SplitMix64`).
//!

use std::time::Duration;

/// A probability in ten-thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Odds(pub(crate) usize);

/// A random generator.
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// An independent generator; takes one draw from this one.
    pub(crate) const fn fork(&mut self) -> Self {
        Self::new(self.draw())
    }

    /// A derived generator; takes no draw from this one, so that later draws stay the same.
    pub(crate) const fn aside(&self) -> Self {
        Self::new(!self.state)
    }

    /// The state: `new` of it continues the sequence.
    pub(crate) const fn state(&self) -> u64 {
        self.state
    }

    pub(crate) const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `limit - 1`.
    pub(crate) const fn below(&mut self, limit: usize) -> usize {
        (self.draw() % limit as u64) as usize
    }

    /// `low` to `high`, both included.
    pub(crate) const fn within(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    pub(crate) fn chance(&mut self, odds: Odds) -> bool {
        odds.0 > 0 && self.below(10_000) < odds.0
    }

    pub(crate) const fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) const fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Up to `most`, in steps of a microsecond.
    pub(crate) fn time(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.draw() % (most.as_micros() as u64 + 1))
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
