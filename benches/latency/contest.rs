//! Measures the contenders of a row in interleaved rounds, and takes the median of each.
//!
//! Owns the order of the rounds and the statistics. Must not know sockets, or how a contender starts.
//!
//! ```text
//!   round     0        1        2        3
//!          server    peers    server    peers
//!          floor     floor    floor     floor
//!          peers     server             server         time -->
//! ```
//!
//! Rounds last some milliseconds, so a slowdown of a second affects all. Server and floor are always
//! neighbours, and the order alternates, so a steady drift favours neither. Peers are slower, and
//! compared by factors rather than per cents: they take part in every third round.

use std::io;
use std::time::{Duration, Instant};

use crate::field::{Contender, Field, Who};

/// The interval of the rounds in which peers take part.
const PEER_INTERVAL: usize = 3;

/// What was measured of a contender: a number, or the reason for having none.
pub(crate) type Measured<const N: usize> = Result<[f64; N], &'static str>;

/// The medians of all contenders.
pub(crate) struct Results<const N: usize>(pub(crate) Vec<(Who, Measured<N>)>);

struct Run<T, const N: usize> {
    contender: Contender,
    /// The client's state, or the reason for which the contender has left.
    client: Result<T, &'static str>,
    rounds: Vec<[f64; N]>,
}

/// Calls `enter` once for each contender, then `round` in each round. A peer that fails leaves; a failure
/// of the others is the row's.
pub(crate) fn contest<T, const N: usize>(
    field: Field,
    rounds: usize,
    mut enter: impl FnMut(&Contender) -> io::Result<T>,
    mut round: impl FnMut(&Contender, &mut T) -> io::Result<[f64; N]>,
) -> io::Result<Results<N>> {
    let mut runs = Vec::new();
    for contender in field.contenders {
        let client = match enter(&contender) {
            Ok(client) => Ok(client),
            Err(error) => Err(excuse(contender.who, error)?),
        };
        runs.push(Run {
            contender,
            client,
            rounds: Vec::new(),
        });
    }
    for number in 0..rounds {
        for run in in_order(&mut runs, number) {
            let Ok(client) = &mut run.client else {
                continue;
            };
            match round(&run.contender, client) {
                Ok(values) => run.rounds.push(values),
                Err(error) => run.client = Err(excuse(run.contender.who, error)?),
            }
        }
    }
    let absent = field.absent.into_iter();
    let absent = absent.map(|(peer, reason)| (Who::Peer(peer), Err(reason)));
    Ok(Results(
        runs.into_iter().map(Run::finish).chain(absent).collect(),
    ))
}

fn in_order<T, const N: usize>(
    runs: &mut [Run<T, N>],
    number: usize,
) -> impl Iterator<Item = &mut Run<T, N>> {
    let mut order: Vec<_> = runs.iter_mut().collect();
    if number % 2 == 1 {
        order.reverse();
    }
    order.into_iter().filter(move |run| {
        !matches!(run.contender.who, Who::Peer(_)) || number.is_multiple_of(PEER_INTERVAL)
    })
}

/// The word for a failed peer; the error of any other contender.
fn excuse(who: Who, error: io::Error) -> io::Result<&'static str> {
    let Who::Peer(peer) = who else {
        return Err(error);
    };
    if error.kind() == io::ErrorKind::Unsupported {
        return Ok("no");
    }
    eprintln!("latency: {}: {error}", peer.name());
    Ok("failed")
}

impl<T, const N: usize> Run<T, N> {
    fn finish(self) -> (Who, Measured<N>) {
        let rounds = &self.rounds;
        let medians = self.client.map(|_| {
            std::array::from_fn(|index| {
                let values = rounds.iter().filter_map(|round| round.get(index));
                median(values.copied().collect())
            })
        });
        (self.contender.who, medians)
    }
}

/// The median, which is robust against outliers; NaN of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The durations of the actions of one round, in seconds.
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Room for `count` of them: recording allocates nothing.
    pub(crate) fn new(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Runs an action and records its duration, unless it fails.
    pub(crate) fn time<T>(&mut self, action: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let start = Instant::now();
        let result = action()?;
        self.0.push(start.elapsed().as_secs_f64());
        Ok(result)
    }

    /// The duration that half of them do not exceed, and the one that 99 of 100 do not.
    pub(crate) fn p50_and_p99(mut self) -> [f64; 2] {
        self.0.sort_by(f64::total_cmp);
        let count = self.0.len();
        [count / 2, count * 99 / 100].map(|at| self.0.get(at).copied().unwrap_or(f64::NAN))
    }
}

/// The rate per second of `count` events or bytes in an action.
pub(crate) fn rate(count: usize, action: impl FnOnce() -> io::Result<()>) -> io::Result<f64> {
    let start = Instant::now();
    action()?;
    Ok(per(count, start.elapsed()))
}

/// The rate, and the CPU time of the contender's processes in seconds per GiB.
pub(crate) fn rate_and_cpu(
    contender: &Contender,
    bytes: usize,
    action: impl FnOnce() -> io::Result<()>,
) -> io::Result<[f64; 2]> {
    let before = contender.subject.cpu_time()?;
    let rate = rate(bytes, action)?;
    let used = contender.subject.cpu_time()?.saturating_sub(before);
    Ok([rate, f64::from(1 << 30) / per(bytes, used)])
}

fn per(count: usize, time: Duration) -> f64 {
    // Exact below 2^32, which no round reaches.
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}
