//! The clock and the source of random numbers: certificates, MDTM and TLS depend on them.
//!
//! It gets the time and does not read it.

use std::path::Path;

use rustix::rand::{GetRandomFlags, getrandom};

use super::report::{Level, Report};

/// 2026-01-01: this program is not older.
const EARLIEST: i64 = 1_767_225_600;

/// The file of systemd-timesyncd that exists once the clock is synchronized.
const SYNCHRONIZED: &str = "/run/systemd/timesync/synchronized";

pub(super) fn examine(report: &mut Report, now: i64) {
    if now < EARLIEST {
        let text =
            "the clock is before 2026: certificates are not valid yet, and files get wrong dates";
        report.add(
            Level::Error,
            "clock",
            text,
            "set it: date -s, or start an NTP client",
        );
    } else if Path::new(SYNCHRONIZED).exists() {
        report.ok("clock", "systemd-timesyncd synchronizes it");
    } else {
        let text = "cannot see whether it is synchronized: no systemd-timesyncd keeps it";
        report.add(
            Level::Note,
            "clock",
            text,
            "chronyc tracking, ntpq -p or timedatectl tell",
        );
    }
    let mut byte = [0_u8; 1];
    match getrandom(&mut byte, GetRandomFlags::NONBLOCK) {
        Ok(_) => report.ok("entropy", "the kernel has random numbers"),
        Err(_) => report.add(
            Level::Warning,
            "entropy",
            "the kernel has no random numbers yet: TLS and the hashing of passwords wait for them",
            "add a hardware source (rngd, virtio-rng), or start the server later",
        ),
    }
}
