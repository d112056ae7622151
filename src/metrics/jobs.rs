//! Jobs of the worker threads: how many, how long each waited for a thread and how long it ran.
//!
//! A job carries its times: that of the loop when it was submitted, and what its thread took of it. The loop
//! counts them when it collects the job, so that the threads share nothing. It must not know what a job does.

use std::time::Duration;

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

pub(super) const POOLS: [&str; 3] = ["storage", "tls", "login"];

/// What a job does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "as the kinds of work, which document themselves"
)]
pub enum JobKind {
    Verify,
    Handshake,
    #[default]
    Operate,
    FileTask,
    Drop,
    Entry,
    Describe,
    Open,
    Slice,
    Commit,
    Discard,
}

impl JobKind {
    /// The threads that it is for.
    pub const fn pool(self) -> Pool {
        match self {
            Self::Verify => Pool::Logins,
            Self::Handshake => Pool::Handshakes,
            _ => Pool::Storage,
        }
    }

    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify a password",
            Self::Handshake => "handshake",
            Self::Operate => "operation",
            Self::FileTask => "file task",
            Self::Drop => "close a file task",
            Self::Entry => "entry",
            Self::Describe => "listing",
            Self::Open => "open",
            Self::Slice => "slice",
            Self::Commit => "commit",
            Self::Discard => "close",
        }
    }
}

/// When a job was submitted, and what became of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct JobTimes {
    pub(super) kind: JobKind,
    /// Counts the jobs of all pools, and wraps.
    pub(super) number: u32,
    submitted: Option<Instant>,
    waited: u64,
    ran: u64,
}

impl JobTimes {
    /// A thread has run it from `begun` until now.
    pub fn ran_since(&mut self, begun: Instant) {
        self.ran(begun, Instant::now());
    }

    /// A thread has run it from `begun` until `ended`.
    pub fn ran(&mut self, begun: Instant, ended: Instant) {
        if let Some(submitted) = self.submitted {
            self.waited = begun.nanoseconds_since(submitted);
            self.ran = ended.nanoseconds_since(begun);
        }
    }

    /// What it did.
    pub const fn kind(&self) -> JobKind {
        self.kind
    }

    /// How long it waited for a thread, and how long it ran.
    pub const fn waited_and_ran(&self) -> (Duration, Duration) {
        (
            Duration::from_nanos(self.waited),
            Duration::from_nanos(self.ran),
        )
    }

    /// When it was begun, and for how many nanoseconds it ran.
    pub(super) fn run(&self) -> Option<(Instant, u64)> {
        let begun = self.submitted? + Duration::from_nanos(self.waited);
        Some((begun, self.ran))
    }
}

#[derive(Debug, Default)]
pub(crate) struct Jobs {
    pools: [OfPool; POOLS.len()],
    /// All that were submitted.
    number: u32,
}

#[derive(Debug, Default)]
struct OfPool {
    submitted: u64,
    done: u64,
    waits: Histogram,
    runs: Histogram,
}

impl Jobs {
    /// A job is submitted now.
    pub(super) fn submitted(&mut self, kind: JobKind, now: Instant) -> JobTimes {
        if let Some(of_pool) = self.pools.get_mut(kind.pool() as usize) {
            of_pool.submitted += 1;
        }
        self.number = self.number.wrapping_add(1);
        JobTimes {
            kind,
            number: self.number,
            submitted: Some(now),
            ..JobTimes::default()
        }
    }

    /// A job was collected.
    pub(super) fn done(&mut self, times: JobTimes) {
        if let Some(of_pool) = self.pools.get_mut(times.kind.pool() as usize) {
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
                .pools
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
        let now = Instant::now();
        jobs.submitted(JobKind::Verify, now);
        let times = jobs.submitted(JobKind::Verify, now);
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
