//! The log lines about connections that are turned away, within a rate limit: a flood of connections must not
//! become a flood of log lines.
//!
//! It counts what it leaves out, and knows nothing of why a connection is turned away.

use std::fmt::Arguments;

use log::Level;

use crate::auth::LogRateLimiter;
use crate::clock::Instant;
use crate::limits::REFUSALS_LOGGED;
use crate::observe::target;

#[derive(Debug, Default)]
pub(super) struct RefusalLog(LogRateLimiter);

impl RefusalLog {
    /// Logs a line if the limit permits, with how many more `were` turned away since the last.
    pub(super) fn log(&mut self, level: Level, text: Arguments<'_>, were: &str, now: Instant) {
        // A line that the log level drops uses up nothing.
        if level > log::max_level() {
            return;
        }
        if let Some(unsaid) = self.0.take(REFUSALS_LOGGED, now) {
            let more = match unsaid {
                0 => String::new(),
                unsaid => format!("; {unsaid} more were {were} since the last line of these"),
            };
            log::log!(target: target::SECURITY, level, "{text}{more}");
        }
    }
}
