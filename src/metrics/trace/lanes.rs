//! Places the jobs of a pool on lanes, so that those which ran at the same time are beside each other.
//!
//! A job does not know its thread. Each is on the first lane that is free when it begins, which takes as many
//! lanes as jobs ran at once: never more than there are threads. It must not know what a job is.

/// The most lanes of a pool.
pub(super) const LANES: u32 = 1000;

/// The run of a job.
pub(super) struct Run<T> {
    pub(super) number: u32,
    pub(super) pool: usize,
    /// In nanoseconds.
    pub(super) begun: u64,
    pub(super) ran: u64,
    pub(super) of: T,
}

/// The runs in their order, each with its lane, and whether that is a new one.
pub(super) fn on_lanes<T>(mut runs: Vec<Run<T>>) -> impl Iterator<Item = (u32, bool, Run<T>)> {
    runs.sort_unstable_by_key(|run| (run.pool, run.begun, run.number));
    // The ends of the last runs on the lanes of a pool.
    let (mut pool, mut lanes) = (0, Vec::new());
    runs.into_iter().map(move |run| {
        if run.pool != pool {
            (pool, lanes) = (run.pool, Vec::new());
        }
        let end = run.begun + run.ran;
        let free = lanes.iter().position(|until| *until <= run.begun);
        match free.and_then(|lane| lanes.get_mut(lane)) {
            Some(until) => *until = end,
            None => lanes.push(end),
        }
        let lane = free.unwrap_or(lanes.len() - 1);
        let lane = u32::try_from(lane).unwrap_or(LANES).min(LANES - 1);
        (lane, free.is_none(), run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_at_the_same_time_have_different_lanes() {
        let runs = [(0, 5, 3), (0, 0, 4), (0, 1, 8), (1, 2, 1), (0, 4, 1)];
        let runs = runs.into_iter().zip(0..);
        let runs = runs.map(|((pool, begun, ran), number)| Run {
            number,
            pool,
            begun,
            ran,
            of: (),
        });
        let placed: Vec<_> = on_lanes(runs.collect())
            .map(|(lane, is_new, run)| (run.number, lane, is_new))
            .collect();
        let expected = [
            (1, 0, true),
            (2, 1, true),
            (4, 0, false),
            (0, 0, false),
            (3, 0, true),
        ];
        assert_eq!(placed, expected);
    }
}
