//! The log format for the systemd journal: each line begins with its priority (sd-daemon(3)) and has
//! no timestamp, because the journal adds its own.

use std::io::{self, Write};

use log::Level;

/// Whether stderr is the stream named in `JOURNAL_STREAM` (systemd.exec(5)), and not redirected.
pub(super) fn is_stderr() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    rustix::fs::fstat(io::stderr())
        .is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// Prints a record. A failed write loses it; the next one may succeed.
pub(super) fn print(level: Level, text: &str) {
    let _ = io::stderr().write_all(lines(level, text).as_bytes());
}

/// The severity of syslog(3).
pub(super) const fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

fn lines(level: Level, text: &str) -> String {
    let priority = priority(level);
    let line = |line: &str| format!("<{priority}>{line}\n");
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_begins_with_its_priority() {
        assert_eq!(lines(Level::Warn, "a"), "<4>a\n");
        assert_eq!(lines(Level::Error, "a\nb"), "<3>a\n<3>b\n");
    }
}
