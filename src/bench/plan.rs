//! What is measured and how: what the options of a run come to.
//!
//! Plain data, in ranges that the options have checked.

use std::path::PathBuf;
use std::time::Duration;

use super::client::LoginPlan;
use super::pacing::Arrivals;
use super::url::ServerUrl;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Workload {
    /// Each connection sends a NOOP for each reply, so many ahead.
    Noop,
    /// NOOPs at a rate per second, whatever the server does.
    Rate(f64),
    /// Connect, log in, QUIT, and again.
    Login,
    /// One connection sends a NOOP for each reply; the others are only there.
    Idle,
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
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) url: ServerUrl,
    pub(super) workload: Workload,
    pub(super) login: LoginPlan,
    pub(super) connections: usize,
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
}
