//! What the loop has counted and what it has now, as a list to be shown.
//!
//! It names each number of the reactor, with its labels, in one place; it counts nothing itself. What is
//! there now is found by looking at each connection. What outputs make of the list it must not know.

use super::Reactor;
use super::activity::label;
use super::data::{DataChannel, Link, TransferState};
use super::turn::Turn;
use crate::limits::{MemoryProfile, worst_case_bytes};
use crate::logging::LogLosses;
use crate::metrics::{Family, Kind, Sample, TraceSettings, Value, lines};
use crate::session::Deadline;

/// Numbers of what the reactor does not own.
#[derive(Default)]
pub(super) struct Sources {
    log: Option<LogLosses>,
    memory: MemoryProfile,
}

impl Reactor {
    /// Shows how many log records were dropped.
    pub fn show_log_losses(&mut self, losses: LogLosses) {
        self.sources.log = Some(losses);
    }

    /// Shows how much memory a server with this profile may take.
    pub const fn show_memory(&mut self, profile: MemoryProfile) {
        self.sources.memory = profile;
    }

    /// How a trace is recorded: shorter where memory is limited.
    pub fn trace_settings(&self, names: bool) -> TraceSettings {
        let mut settings = TraceSettings {
            names,
            ..TraceSettings::default()
        };
        if self.sources.memory.is_limited() {
            settings.records = TraceSettings::LIMITED_RECORDS;
        }
        settings
    }

    /// All counters and histograms, as they are now.
    pub fn families(&self) -> Vec<Family> {
        let mut families = self.context.counts.families();
        families.extend(self.context.times.families());
        families.extend(self.counters());
        families.extend(self.gauges());
        families.extend(self.of_sources());
        families
    }

    fn counters(&self) -> [Family; 5] {
        let activity = self.activity();
        let turns = Turn::ALL.map(|turn| match turn {
            Turn::Control => ("control", activity.control_turns),
            Turn::Data => ("data", activity.data_turns),
        });
        let deadlines = Deadline::ALL.map(|one| (label(one), activity.expired(one)));
        let counter = |name, help, samples| Family::new(Kind::Counter, name, help, samples);
        [
            counter(
                "connections",
                "Connections of clients, open ones included",
                one(activity.connections),
            ),
            counter("turns", "Turns of connections", labelled("kind", &turns)),
            counter(
                "deadlines",
                "Deadlines that were due",
                labelled("deadline", &deadlines),
            ),
            counter(
                "timers_early",
                "Timers that fired although nothing was due",
                one(activity.early),
            ),
            counter(
                "completions",
                "Jobs whose results the event loop has taken",
                one(activity.completions),
            ),
        ]
    }

    fn gauges(&self) -> [Family; 6] {
        let (mut sockets, mut transfers, mut logged_in, mut secured) = (0, 0, 0, 0);
        for connection in self.connections.iter() {
            let has_link = connection.data.as_deref().is_some_and(has_socket);
            sockets += 1 + u64::from(has_link);
            transfers += u64::from(connection.session.is_transferring());
            logged_in += u64::from(connection.session.account_name().is_some());
            secured += u64::from(connection.tag.is_some());
        }
        let listeners = self.context.io.passive_pool.listeners.len() as u64;
        let own = self.listen_sockets.len() as u64;
        let sockets = [("client", sockets), ("passive", listeners), ("listen", own)];
        let states = [
            ("open", self.connections() as u64),
            ("logged in", logged_in),
            ("secured", secured),
            ("transferring", transfers),
            ("most", self.admission.limit.connections as u64),
        ];
        let (in_use, all) = self.context.limiters.permits.count();
        let permits = [("used", in_use as u64), ("all", all as u64)];
        let gauge = |name, help, samples| Family::new(Kind::Gauge, name, help, samples);
        let queued = self.queue.len(Turn::Control as usize) + self.queue.len(Turn::Data as usize);
        [
            gauge(
                "sessions",
                "Connections by state, and how many may be open",
                labelled("state", &states),
            ),
            gauge("sockets", "Sockets that are open", labelled("of", &sockets)),
            gauge(
                "permits",
                "Permits for work that needs much memory",
                labelled("state", &permits),
            ),
            gauge(
                "timers_armed",
                "Entries of the timers, stale ones included",
                one(self.timers.entries() as u64),
            ),
            gauge(
                "turns_waiting",
                "Turns in the run queue",
                one(queued as u64),
            ),
            gauge(
                "draining",
                "1 during a graceful shutdown",
                one(u64::from(self.is_stopping())),
            ),
        ]
    }

    fn of_sources(&self) -> impl Iterator<Item = Family> {
        let planned = |connections| worst_case_bytes(connections, self.sources.memory) as u64;
        let memory = [
            ("open connections", planned(self.connections())),
            ("limit", planned(self.admission.limit.connections)),
        ];
        let memory = Family::new(
            Kind::Gauge,
            "memory_bytes",
            "The most memory that the open connections, and all that may be open, can take",
            labelled("of", &memory),
        );
        let losses = self.sources.log.as_ref().map(|losses| {
            let lost = labelled("class", &losses.counts());
            let help = "Log records that were dropped";
            Family::new(Kind::Counter, "log_records_dropped", help, lost)
        });
        losses.into_iter().chain([memory])
    }

    /// The same as lines of the log.
    pub(super) fn summary_lines(&self) -> Vec<String> {
        lines(&self.families())
    }
}

/// Whether there is a data connection, by itself or in a transfer.
const fn has_socket(data: &DataChannel) -> bool {
    let is_open = matches!(
        data.link(),
        Link::Connecting(_) | Link::Open(_) | Link::Computing(..)
    );
    let has_transfer = matches!(
        data.state(),
        TransferState::OnLoop(..)
            | TransferState::Paused(..)
            | TransferState::OnWorker(..)
            | TransferState::AwaitingCommit(..)
            | TransferState::ConfirmingEnd(_)
            | TransferState::AwaitingClose(_)
            | TransferState::CancelRequested(_)
    );
    is_open || has_transfer
}

fn one(number: u64) -> Vec<Sample> {
    Sample::only(Value::Number(number))
}

fn labelled(label: &'static str, numbers: &[(&'static str, u64)]) -> Vec<Sample> {
    let sample = |&(value, number): &(&'static str, u64)| Sample {
        labels: vec![(label, value)],
        value: Value::Number(number),
    };
    numbers.iter().map(sample).collect()
}
