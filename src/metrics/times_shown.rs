//! The times of the loop as families: their names, their units and what they say.
//!
//! Beside `times.rs`, so that what is measured can be read without how it is shown.

use super::family::{Family, Kind, Sample, Value};
use super::histogram::Histogram;
use super::times::{LoopTimes, Shown};

impl LoopTimes {
    /// All of it, to be shown.
    pub(crate) fn families(&self) -> Vec<Family> {
        let histogram = |times: &Histogram| (Kind::Histogram, times.value());
        let Shown {
            services,
            turns,
            lags,
            iterations,
        } = self.shown();
        let time = |nanoseconds| (Kind::Counter, Value::Time(nanoseconds));
        [
            (
                "command_seconds",
                "From the line of a command to its reply",
                histogram(&services),
            ),
            (
                "first_byte_seconds",
                "From the line of a command to the first byte of its file or listing",
                histogram(&self.first_bytes),
            ),
            (
                "login_seconds",
                "From a password to its reply",
                histogram(&self.logins),
            ),
            (
                "handshake_seconds",
                "TLS handshakes of control connections",
                histogram(&self.handshakes),
            ),
            ("turn_seconds", "Turns of connections", histogram(&turns)),
            (
                "lag_seconds",
                "How late a turn or a deadline came",
                histogram(&lags),
            ),
            (
                "iteration_seconds",
                "Iterations of the event loop, without their sleep",
                histogram(&iterations),
            ),
            (
                "asleep_seconds",
                "Time in which the event loop waited for events",
                time(self.asleep()),
            ),
            ("awake_seconds", "Time in which it worked", time(self.awake)),
        ]
        .into_iter()
        .map(|(name, help, (kind, value))| Family::new(kind, name, help, Sample::only(value)))
        .collect()
    }
}
