//! Jobs of the worker threads: how many, how long each waited for a thread and how long it ran.
//!
//! A job carries its times: that of the loop when it was submitted, and what its thread took of it. The loop
//! counts them when it collects the job, so that the threads share nothing. It must not know what a job does.

use super::family::{Family, Kind, Sample, Value};
use super::histogram::Histogram;
use crate::clock::Instant;

/// The threads that a job is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pool {
    /// Files.
    #[default]
    Storage,
    /// TLS handshakes.
    Handshakes,
    /// Passwords.
    Logins,
}

const POOLS: [&str; 3] = ["storage", "tls", "login"];

/// When a job was submitted, and what became of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobTimes {
    pool: Pool,
    submitted: Option<Instant>,
    waited: u64,
    ran: u64,
}

impl JobTimes {
    /// Of a job that is submitted now.
    pub const fn submitted(pool: Pool, now: Instant) -> Self {
        Self {
            pool,
            submitted: Some(now),
            waited: 0,
            ran: 0,
        }
    }

    /// A thread has run it from `begun` until now.
    pub fn ran_since(&mut self, begun: Instant) {
        if let Some(submitted) = self.submitted {
            self.waited = begun.nanoseconds_since(submitted);
            self.ran = Instant::now().nanoseconds_since(begun);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Jobs([OfPool; POOLS.len()]);

#[derive(Debug, Default)]
struct OfPool {
    submitted: u64,
    done: u64,
    waits: Histogram,
    runs: Histogram,
}

impl Jobs {
    /// A job was submitted.
    pub(super) fn submitted(&mut self, times: JobTimes) {
        if let Some(of_pool) = self.0.get_mut(times.pool as usize) {
            of_pool.submitted += 1;
        }
    }

    /// A job was collected.
    pub(super) fn done(&mut self, times: JobTimes) {
        if let Some(of_pool) = self.0.get_mut(times.pool as usize) {
            of_pool.done += 1;
            of_pool.waits.record(times.waited);
            of_pool.runs.record(times.ran);
        }
    }

    pub(super) fn families(&self) -> Vec<Family> {
        let family = |name, help, kind, value: &dyn Fn(&OfPool) -> Value| Family {
            name,
            help,
            kind,
            samples: self
                .0
                .iter()
                .zip(POOLS)
                .map(|(of_pool, pool)| Sample {
                    labels: vec![("pool", pool)],
                    value: value(of_pool),
                })
                .collect(),
        };
        vec![
            family("jobs", "Jobs for worker threads", Kind::Counter, &|pool| {
                Value::Number(pool.submitted)
            }),
            family(
                "jobs_outstanding",
                "Jobs that wait or run",
                Kind::Gauge,
                &|pool| Value::Number(pool.submitted.saturating_sub(pool.done)),
            ),
            family(
                "job_wait_seconds",
                "How long jobs waited for a thread",
                Kind::Histogram,
                &|pool| pool.waits.value(),
            ),
            family(
                "job_run_seconds",
                "How long threads had jobs",
                Kind::Histogram,
                &|pool| pool.runs.value(),
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_each_pool_are_counted_until_they_are_done() {
        let mut jobs = Jobs::default();
        let times = JobTimes::submitted(Pool::Logins, Instant::now());
        jobs.submitted(times);
        jobs.submitted(times);
        jobs.done(times);
        let families = jobs.families();
        let shown = |name: &str, pool: usize| {
            let family = families.iter().find(|family| family.name == name).unwrap();
            family.samples[pool].value.clone()
        };
        let login = Pool::Logins as usize;
        assert_eq!(shown("jobs", login), Value::Number(2));
        assert_eq!(shown("jobs_outstanding", login), Value::Number(1));
        assert_eq!(shown("jobs_outstanding", 0), Value::Number(0));
    }
}
