//! Whether two servers differ by more than noise: the ratio of the medians over rounds, and its interval.
//!
//! The interval is that of a bootstrap: the rounds are drawn again and again, with repetition, and 95 % of
//! the ratios lie within. Numbers only; it must not know what they are.

use super::random::Random;

/// How often rounds are drawn.
const DRAWS: usize = 10_000;

/// Fewer rounds say nothing of noise.
const FEWEST: usize = 3;

/// How one series compares with another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ratio {
    /// Of the medians.
    pub(super) ratio: f64,
    /// Where 95 % of the ratios lie; `None`: there are too few rounds.
    pub(super) interval: Option<(f64, f64)>,
}

impl Ratio {
    /// Of `other` to `base`, a number for each round; `None` if one has none, or the base is 0.
    pub(super) fn of(other: &[f64], base: &[f64]) -> Option<Self> {
        let ratio = quotient(median(other.to_vec())?, median(base.to_vec())?)?;
        let interval = (other.len() >= FEWEST && base.len() >= FEWEST).then(|| {
            let mut random = Random::new(1, 0);
            let mut ratios: Vec<_> = (0..DRAWS)
                .filter_map(|_| {
                    let other = median(draw(other, &mut random))?;
                    quotient(other, median(draw(base, &mut random))?)
                })
                .collect();
            ratios.sort_by(f64::total_cmp);
            let at = |part: usize| {
                let index = ratios.len().saturating_sub(1) * part / 1000;
                ratios.get(index).copied().unwrap_or(ratio)
            };
            (at(25), at(975))
        });
        Some(Self { ratio, interval })
    }

    /// Whether the difference may be noise; `None` if that cannot be said.
    pub(super) fn may_be_noise(&self) -> Option<bool> {
        self.interval.map(|(low, high)| low <= 1.0 && 1.0 <= high)
    }
}

/// The middle one, or the mean of the two in the middle.
pub(super) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    let upper = *numbers.get(numbers.len() / 2)?;
    if numbers.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *numbers.get(numbers.len() / 2 - 1)?;
    Some(f64::midpoint(lower, upper))
}

fn draw(numbers: &[f64], random: &mut Random) -> Vec<f64> {
    let count = numbers.len().max(1) as u64;
    let mut one = || {
        let index = usize::try_from(random.next() % count).unwrap_or(0);
        numbers.get(index).copied()
    };
    (0..numbers.len()).filter_map(|_| one()).collect()
}

fn quotient(upper: f64, lower: f64) -> Option<f64> {
    (lower > 0.0).then(|| upper / lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn difference_is_told_from_noise() {
        let base = [10.0, 11.0, 10.5, 9.8, 10.2];
        let same = [10.1, 10.9, 10.4, 9.9, 10.3];
        let slower = base.map(|time| time * 1.5);
        let noise = Ratio::of(&same, &base).unwrap();
        assert_eq!(noise.may_be_noise(), Some(true), "{noise:?}");
        let found = Ratio::of(&slower, &base).unwrap();
        assert!((found.ratio - 1.5).abs() < 1e-9 && found.may_be_noise() == Some(false));
        let (low, high) = found.interval.unwrap();
        assert!(low > 1.3 && high < 1.7, "{found:?}");
        // Twice the same: the numbers are drawn from a seed.
        assert_eq!(Ratio::of(&slower, &base).unwrap(), found);
    }

    #[test]
    fn few_rounds_say_nothing_of_noise() {
        let one = Ratio::of(&[3.0], &[2.0]).unwrap();
        assert_eq!((one.ratio, one.may_be_noise()), (1.5, None));
        assert_eq!(Ratio::of(&[], &[2.0]), None);
        assert_eq!(Ratio::of(&[2.0], &[0.0]), None);
    }
}
