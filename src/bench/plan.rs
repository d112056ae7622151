//! What is measured and how: what the options of a run come to.
//!
//! Plain data, in ranges that the options have checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::client::LoginPlan;
use super::file_plan::FilePlan;
use super::jobs::Script;
use super::pacing::Arrivals;
use super::tls::TlsPlan;
use super::url::ServerUrl;

/// Longer than any run.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What is done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Workload {
    /// Each connection sends a NOOP for each reply, so many ahead.
    Noop,
    /// NOOPs at a rate per second, whatever the server does.
    Rate(f64),
    /// Connect, log in, QUIT, and again.
    Login,
    /// Connect, TLS handshake, QUIT, and again.
    Handshake { resumes: bool },
    /// One connection sends a NOOP for each reply; the others are only there.
    Idle,
    /// Files and lists.
    Files(&'static str, Arc<Script>),
}

impl Workload {
    /// How it is called.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Rate(_) => "rate",
            Self::Login => "login",
            Self::Handshake { resumes: false } => "handshake",
            Self::Handshake { resumes: true } => "resume",
            Self::Idle => "idle",
            Self::Files(name, _) => name,
        }
    }

    /// Whether its connections end by themselves and are made anew.
    pub(super) const fn reconnects(&self) -> bool {
        matches!(self, Self::Login | Self::Handshake { .. })
    }

    /// Its rows in the results.
    fn rows(&self) -> Vec<String> {
        match self {
            Self::Files(name, script) if script.jobs.len() > 1 => {
                let jobs = script.jobs.iter();
                jobs.map(|(job, _)| format!("{name} {}", job.name()))
                    .collect()
            }
            _ => vec![self.name().to_owned()],
        }
    }
}

/// Connections that do the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Lane {
    pub(super) workload: Workload,
    pub(super) connections: usize,
}

/// How long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Amount {
    Time(Duration),
    Commands(u64),
}

/// How the results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Table,
    Json,
    Csv,
}

/// A run: what is measured, and how.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) url: ServerUrl,
    /// The first is measured for so long; the others go on beside it.
    pub(super) lanes: Vec<Lane>,
    pub(super) login: LoginPlan,
    /// Unless the server is spoken to in the clear.
    pub(super) tls: Option<Arc<TlsPlan>>,
    pub(super) files: FilePlan,
    pub(super) depth: usize,
    pub(super) amount: Amount,
    pub(super) warm_up: Duration,
    pub(super) ramp: Duration,
    pub(super) time_out: Duration,
    pub(super) arrivals: Arrivals,
    pub(super) seed: u64,
    pub(super) format: Format,
    pub(super) hdr: Option<PathBuf>,
    pub(super) pid: Option<u32>,
    pub(super) may_load_any_host: bool,
    /// Whether the times of each second are wanted.
    pub(super) keeps_seconds: bool,
}

impl Plan {
    /// How long what has begun in time may go on: a number of transfers until all are done, those of a run of
    /// some time as long again. A connection on which nothing moves ends by its own time-out.
    pub(super) fn patience(&self) -> Duration {
        match self.amount {
            Amount::Time(time) => time.max(self.time_out),
            Amount::Commands(_) => FOREVER,
        }
    }

    /// All connections together.
    pub(super) fn connections(&self) -> usize {
        self.lanes.iter().map(|lane| lane.connections).sum()
    }

    /// The rows of the results.
    pub(super) fn rows(&self) -> Vec<String> {
        let lanes = self.lanes.iter();
        lanes.flat_map(|lane| lane.workload.rows()).collect()
    }

    /// The number of the first row of a lane; of the one behind the last: how many rows there are.
    pub(super) fn first_row(&self, lane: usize) -> usize {
        let before = self.lanes.iter().take(lane);
        before.map(|lane| lane.workload.rows().len()).sum()
    }

    /// The lane whose first client puts the shared file there, if any fetches it.
    pub(super) fn keeper_lane(&self) -> Option<usize> {
        let mut lanes = self.lanes.iter();
        lanes.position(|lane| match &lane.workload {
            Workload::Files(_, script) => script.needs_shared(),
            _ => false,
        })
    }

    /// Whether all that is done needs no more connections.
    pub(super) fn reconnects(&self) -> bool {
        self.lanes.iter().any(|lane| lane.workload.reconnects())
    }
}
