//! What a run comes to: the seconds while it lasts, and the results at its end.
//!
//! It owns the line of progress, which only a terminal gets, and the log of times.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use super::hdr_log::HdrLog;
use super::measure::{Errors, Measure, column};
use super::process::Usage;
use super::run::{Run, SECOND, Stage};
use super::shared::Shared;
use crate::clock::Instant;

/// What a run has come to.
pub(super) struct Results {
    pub(super) address: SocketAddr,
    pub(super) rows: Vec<Row>,
    /// How long was measured.
    pub(super) time: Duration,
    pub(super) usage: Option<Usage>,
    /// Connections that were logged in.
    pub(super) opened: usize,
    pub(super) errors: Errors,
    /// Whether a signal ended it before its time.
    pub(super) is_stopped: bool,
    /// Why there is no log of times, or only a part.
    pub(super) log_error: Option<io::Error>,
    /// How often times of the first row have occurred in each second, if that is drawn.
    pub(super) seconds: Vec<Vec<(u32, u64)>>,
}

/// What one kind of work has come to.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) measure: Measure,
}

impl Run<'_> {
    pub(super) fn end_second(&mut self, now: Instant) {
        if self.shows_progress {
            self.show_progress(now);
        }
        self.log_second(self.tick);
        self.keep_second();
        self.shared
            .measures
            .iter_mut()
            .for_each(Measure::end_second);
        self.tick += SECOND;
    }

    /// A log that cannot be written is given up; the results are still there.
    fn log_second(&mut self, until: Instant) {
        if let Some(mut log) = self.log.take() {
            match self.add_second(&mut log, until) {
                Ok(()) => self.log = Some(log),
                Err(error) => self.log_error = Some(error),
            }
        }
    }

    fn add_second(&self, log: &mut HdrLog<BufWriter<File>>, until: Instant) -> io::Result<()> {
        let begin = (until - self.from).saturating_sub(SECOND);
        let names = self.plan.rows();
        let is_alone = names.len() == 1;
        for (name, measure) in names.iter().zip(&self.shared.measures) {
            if !measure.second.is_empty() {
                let tag = name.replace(' ', "-");
                let tag = (!is_alone).then_some(tag.as_str());
                log.add(begin, SECOND, &measure.second, tag)?;
            }
        }
        Ok(())
    }

    fn keep_second(&mut self) {
        if self.plan.keeps_seconds
            && let Some(measure) = self.shared.measures.first()
        {
            let column = column(&measure.second);
            // The warm-up has none.
            if !column.is_empty() || !self.seconds.is_empty() {
                self.seconds.push(column);
            }
        }
    }

    fn show_progress(&self, now: Instant) {
        let done: u64 = self
            .shared
            .measures
            .iter()
            .map(|one| one.second.len())
            .sum();
        let doing = match self.stage {
            Stage::Filling => format!("{} of {} connections", self.opened, self.plan.connections()),
            Stage::Running if now < self.from => "warm-up".to_owned(),
            Stage::Running => {
                let left = self.shared.bounds.end().map(|end| (end - now).as_secs());
                let left = left.map_or_else(String::new, |left| format!(", {left} s left"));
                format!("{done}/s{left}")
            }
            Stage::Ending(_) => "waiting for the last replies".to_owned(),
            Stage::Sweeping(_) => "deleting files".to_owned(),
        };
        let errors = self.shared.errors.all();
        // Only for those who watch.
        let _ = write!(io::stderr(), "\r\x1b[K{doing}, {errors} errors");
    }

    pub(super) fn finish(mut self) -> Result<Results, String> {
        if self.shows_progress {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        let now = self.shared.network.now();
        let bounds = self.shared.bounds;
        if let Some(path) = self.leftovers.first() {
            let path = String::from_utf8_lossy(path);
            self.shared.errors.count("files left".to_owned(), || {
                format!("{path} may be left on the server")
            });
        }
        self.log_second(self.tick);
        if let Some(log) = self.log.take() {
            self.log_error = log.end().err();
        }
        self.keep_second();
        self.shared
            .measures
            .iter_mut()
            .for_each(Measure::end_second);
        let Shared {
            measures,
            errors,
            last,
            ..
        } = self.shared;
        if measures.iter().all(|measure| measure.all.is_empty()) {
            let why = errors.first;
            let why = why.unwrap_or_else(|| {
                let nothing = "no command was due and answered within the time";
                let stopped = "it was stopped before the end of the warm-up";
                if self.is_stopped { stopped } else { nothing }.to_owned()
            });
            return Err(format!("nothing was measured at {}: {why}", self.address));
        }
        let rows = self.plan.rows().into_iter().zip(measures);
        let rows = rows.map(|(name, measure)| Row { name, measure });
        let after = self.plan.pid.and_then(|pid| Usage::of(pid).ok());
        let over = self.over.unwrap_or(now);
        // A number of commands is over when the last of them is done, not when it begins.
        let end = match bounds.end() {
            Some(end) => end.min(over),
            None => last.map_or(over, |last| over.max(last)),
        };
        Ok(Results {
            address: self.address,
            time: end - self.from,
            usage: after
                .zip(self.usage)
                .map(|(after, before)| after.since(before)),
            opened: self.opened,
            errors,
            is_stopped: self.is_stopped,
            log_error: self.log_error,
            seconds: self.seconds,
            rows: rows.collect(),
        })
    }
}
