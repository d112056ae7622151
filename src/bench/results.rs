//! What a run comes to: the seconds while it lasts, and the results at its end.
//!
//! It owns the line of progress, which only a terminal gets, and the log of times.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use super::hdr_log::HdrLog;
use super::measure::Measure;
use super::process::Usage;
use super::run::{Run, SECOND, Stage};
use super::trouble::Trouble;
use crate::clock::Instant;

/// What a run has come to.
pub(super) struct Results {
    pub(super) address: SocketAddr,
    pub(super) measure: Measure,
    /// How long was measured.
    pub(super) time: Duration,
    pub(super) usage: Option<Usage>,
    /// Connections that were logged in.
    pub(super) opened: usize,
    pub(super) errors: Vec<(String, u64)>,
}

impl Run<'_> {
    pub(super) fn end_second(&mut self, now: Instant) -> io::Result<()> {
        if self.shows_progress {
            self.show_progress(now);
        }
        self.log_second(self.tick)?;
        self.shared.measure.end_second();
        self.tick += SECOND;
        Ok(())
    }

    fn log_second(&mut self, until: Instant) -> io::Result<()> {
        let measure = &self.shared.measure;
        if let Some(log) = &mut self.log
            && !measure.second.is_empty()
        {
            let begin = (until - self.from).saturating_sub(SECOND);
            log.add(begin, SECOND, &measure.second)?;
        }
        Ok(())
    }

    fn show_progress(&self, now: Instant) {
        let measure = &self.shared.measure;
        let doing = match self.stage {
            Stage::Filling => format!("{} of {} connections", self.opened, self.plan.connections),
            Stage::Running if now < self.from => "warm-up".to_owned(),
            Stage::Running => {
                let left = self.shared.bounds.end().map(|end| (end - now).as_secs());
                let left = left.map_or_else(String::new, |left| format!(", {left} s left"));
                format!("{}/s{left}", measure.second.len())
            }
            Stage::Ending(_) => "waiting for the last replies".to_owned(),
        };
        let errors = measure.error_count();
        // Only for those who watch.
        let _ = write!(io::stderr(), "\r\x1b[K{doing}, {errors} errors");
    }

    pub(super) fn finish(mut self) -> Result<Results, String> {
        if self.shows_progress {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
        let now = self.shared.network.now();
        let bounds = self.shared.bounds;
        let unanswered = self
            .clients
            .iter()
            .map(|client| client.unanswered(&bounds))
            .sum::<usize>();
        for _ in 0..unanswered {
            self.failed(&Trouble::TimedOut("answer a NOOP"));
        }
        let logged = self.log_second(self.tick).and_then(|()| {
            let log = self.log.take();
            log.map_or(Ok(()), HdrLog::end)
        });
        logged.map_err(|error| format!("--hdr: {error}"))?;
        self.shared.measure.end_second();
        let measure = self.shared.measure;
        if measure.all.is_empty() {
            let why = measure.first_error;
            let why =
                why.unwrap_or_else(|| "it was stopped before the end of the warm-up".to_owned());
            return Err(format!("nothing was measured at {}: {why}", self.address));
        }
        let after = self.plan.pid.and_then(|pid| Usage::of(pid).ok());
        let over = self.over.unwrap_or(now);
        let end = bounds.end().map_or(over, |end| end.min(over));
        Ok(Results {
            address: self.address,
            time: end - self.from,
            usage: after
                .zip(self.usage)
                .map(|(after, before)| after.since(before)),
            opened: self.opened,
            errors: measure.errors.clone().into_iter().collect(),
            measure,
        })
    }
}
