//! The memory that the resource limits of the process leave to it: `ulimit -v` and `-d`, `LimitAS` and
//! `LimitDATA` of systemd.exec(5), setrlimit(2).
//!
//! Beyond them the kernel refuses memory, and small allocations that are refused end the process. So what is
//! planned with is measured here before it is taken. Blocking: it reads a file of `/proc`.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// The limits, and what the process has of each in `/proc/self/status`.
const LIMITS: [(Resource, &str); 2] = [(Resource::As, "VmSize:"), (Resource::Data, "VmData:")];

/// The bytes that the process may still take; `None` without a limit. Without `/proc` those that it has
/// count as none.
pub(crate) fn left() -> Option<u64> {
    let limits = LIMITS.map(|(resource, used)| (getrlimit(resource).current, used));
    if limits.iter().all(|(limit, _)| limit.is_none()) {
        return None;
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let left = limits.iter().filter_map(|(limit, used)| {
        let used = bytes_in(&status, used).unwrap_or(0);
        Some(limit.as_ref()?.saturating_sub(used))
    });
    left.min()
}

/// The bytes that a line of `/proc/meminfo` or `/proc/self/status` says behind this name, in KiB.
pub(crate) fn bytes_in(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_name_are_read() {
        let text = "MemTotal:  65536 kB\nMemFree: 1 kB\nMemAvailable:      24576 kB\n";
        assert_eq!(bytes_in(text, "MemAvailable:"), Some(24 << 20));
        assert_eq!(bytes_in("MemTotal: 1 kB\n", "MemAvailable:"), None);
        assert_eq!(
            bytes_in("VmData:\t     512 kB\n", "VmData:"),
            Some(512 << 10)
        );
    }
}
