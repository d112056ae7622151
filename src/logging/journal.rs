//! The log as the journal of systemd takes it: each line begins with its priority, sd-daemon(3), and
//! has no time of its own, for the journal writes that down itself.

use std::io::{self, Write};

use log::Level;

/// Whether standard error is what the journal has said that it is; a redirection makes it another.
pub(super) fn is_stderr() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Prints a record. Nobody may be reading; the next one may find a reader again.
pub(super) fn print(level: Level, text: &str) {
    let _ = io::stderr().write_all(lines(level, text).as_bytes());
}

fn lines(level: Level, text: &str) -> String {
    let priority = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let line = |line: &str| format!("<{priority}>{line}\n");
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_its_priority() {
        assert_eq!(lines(Level::Warn, "a"), "<4>a\n");
        assert_eq!(lines(Level::Error, "a\nb"), "<3>a\n<3>b\n");
    }
}
