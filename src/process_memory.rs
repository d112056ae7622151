//! The memory that the resource limits of the process leave to it: `ulimit -v` and `-d`, `LimitAS` and
//! `LimitDATA` of systemd.exec(5), setrlimit(2).
//!
//! Beyond them the kernel refuses memory, and small allocations that are refused end the process. So what is
//! planned with is measured here before it is taken. Blocking: it reads a file of `/proc`.

use std::fs;

use rustix::process::{Resource, getrlimit};

/// The address space that glibc reserves for each thread that allocates, where there is room for it.
const ARENA_BYTES: u64 = if cfg!(all(target_env = "gnu", target_pointer_width = "64")) {
    64 * 1024 * 1024
} else {
    0
};

/// The bytes that the process may still take by each of its limits; `None` without the limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProcessMemory {
    pub(crate) addresses: Option<u64>,
    pub(crate) data: Option<u64>,
}

impl ProcessMemory {
    /// Reads the limits. Without `/proc` what the process has already counts as nothing.
    pub(crate) fn measure() -> Self {
        let [addresses, data] = [Resource::As, Resource::Data].map(|one| getrlimit(one).current);
        if addresses.or(data).is_none() {
            return Self::default();
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let left = |limit: u64, used| limit.saturating_sub(bytes_in(&status, used).unwrap_or(0));
        Self {
            addresses: addresses.map(|limit| left(limit, "VmSize:")),
            data: data.map(|limit| left(limit, "VmData:")),
        }
    }

    /// What may be taken beside so many other threads: each may have reserved addresses.
    pub(crate) fn for_threads(self, threads: usize) -> Option<u64> {
        let beside_arenas = |bytes: u64| {
            let fit = bytes.checked_div(ARENA_BYTES).unwrap_or(0);
            bytes - fit.min(threads as u64) * ARENA_BYTES
        };
        let addresses = self.addresses.map(beside_arenas);
        addresses.into_iter().chain(self.data).min()
    }
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
    fn arenas_of_threads_are_no_memory_for_clients() {
        const MIB: u64 = 1024 * 1024;
        let memory = |addresses, data| ProcessMemory { addresses, data };
        for (mib, threads, expected) in [(60, 5, 60), (140, 5, 12), (140, 1, 76), (1000, 5, 680)] {
            let expected = if ARENA_BYTES == 0 { mib } else { expected };
            let found = memory(Some(mib * MIB), None).for_threads(threads);
            assert_eq!(found, Some(expected * MIB), "{mib}");
        }
        assert_eq!(memory(None, Some(140)).for_threads(5), Some(140));
        assert_eq!(memory(Some(140 * MIB), Some(40)).for_threads(0), Some(40));
        assert_eq!(memory(None, None).for_threads(5), None);
    }

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
