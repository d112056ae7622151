//! Memory: the worst case of the configured connections against what the host and the control group have.
//!
//! The worst case is that of the server's own planning; it does not count the caches of the kernel.

use std::fs;

use super::number_in;
use super::report::{Level, Report};
use crate::capacity::Capacity;
use crate::config::Config;
use crate::limits::worst_case_bytes;
use crate::process_memory::bytes_in;
use crate::session::ServerMode;

const TOPIC: &str = "memory";

const MIB: u64 = 1024 * 1024;

const REMEDY: &str = "set limits.memory to what the server may take, or lower limits.connections";

pub(super) fn examine(report: &mut Report, config: &Config) {
    let mode = match config.root {
        None => ServerMode::ControlOnly,
        Some(_) => ServerMode::Serving,
    };
    let capacity = Capacity::measure();
    let profile = capacity.profile(config, mode);
    let connections = capacity.connections(config, mode, profile).connections;
    let worst = worst_case_bytes(connections, profile) as u64;
    let takes = format!(
        "{connections} connections can take {} MiB in the worst case",
        worst.div_ceil(MIB)
    );
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    if let Some(limit) = group_limit(&groups, number_in).filter(|limit| *limit < worst) {
        let text = format!(
            "{takes}, but the control group allows {} MiB: the kernel would kill the server",
            limit / MIB
        );
        report.add(Level::Warning, TOPIC, text, REMEDY);
        return;
    }
    let host = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let (total, available) = (
        bytes_in(&host, "MemTotal:"),
        bytes_in(&host, "MemAvailable:"),
    );
    match (total, available) {
        (Some(total), _) if total < worst => {
            let text = format!("{takes}, more than the {} MiB of this host", total / MIB);
            report.add(Level::Warning, TOPIC, text, REMEDY);
        }
        (_, Some(available)) if available < worst => {
            let text = format!(
                "{takes}, more than the {} MiB that are available now",
                available / MIB
            );
            report.add(Level::Note, TOPIC, text, REMEDY);
        }
        (_, Some(_)) => report.ok(TOPIC, format!("{takes}, which is available")),
        (_, None) => report.add(
            Level::Note,
            TOPIC,
            format!("{takes}; cannot see how much there is"),
            "",
        ),
    }
    if number_in("/proc/sys/vm/overcommit_memory") == Some(2) {
        let text = "vm.overcommit_memory is 2: memory may be refused before all of it is used";
        report.add(
            Level::Note,
            TOPIC,
            text,
            "set limits.memory, so that the server plans with less",
        );
    }
}

/// The least memory limit of the control groups above and at that of the process, of either version.
/// `groups` is the text of `/proc/self/cgroup`.
fn group_limit(groups: &str, read: impl Fn(&str) -> Option<u64>) -> Option<u64> {
    let files = groups.lines().flat_map(limit_files);
    files.filter_map(|file| read(&file)).min()
}

/// The files with the limits of a line `number:controllers:/group`; version 2 has the number 0 and no
/// controllers (cgroups(7)).
fn limit_files(line: &str) -> Vec<String> {
    let mut parts = line.splitn(3, ':');
    let (Some(number), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next())
    else {
        return Vec::new();
    };
    let (root, file) = match (number, controllers) {
        ("0", "") => ("", "memory.max"),
        _ if controllers.split(',').any(|one| one == "memory") => {
            ("/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let group = group.trim_end_matches('/');
    let ends = group.match_indices('/').map(|(at, _)| at);
    let above = ends.chain([group.len()]).filter_map(|end| group.get(..end));
    above
        .map(|group| format!("/sys/fs/cgroup{root}{group}/{file}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn least_limit_above_the_process_counts() {
        let read = |path: &str| match path {
            "/sys/fs/cgroup/a/memory.max" => Some(5),
            "/sys/fs/cgroup/a/b/memory.max" => Some(7),
            _ => None,
        };
        assert_eq!(group_limit("1:cpu:/x\n0::/a/b\n", read), Some(5));
        assert_eq!(group_limit("0::/b\n", read), None);
        assert_eq!(group_limit("1:memory:/a\n", read), None);
    }

    #[test]
    fn limits_of_both_versions_are_read() {
        let read = |path: &str| match path {
            "/sys/fs/cgroup/memory.max" => Some(9),
            "/sys/fs/cgroup/memory/memory.limit_in_bytes" => Some(8),
            "/sys/fs/cgroup/memory/a/memory.limit_in_bytes" => Some(3),
            _ => None,
        };
        assert_eq!(group_limit("0::/\n", read), Some(9));
        assert_eq!(group_limit("4:cpu,memory:/\n", read), Some(8));
        assert_eq!(group_limit("4:memory:/a/b\n0::/\n", read), Some(3));
        assert_eq!(group_limit("4:cpu:/a\nmemory:/a\n", read), None);
    }

    proptest! {
        #[test]
        fn malformed_groups_do_not_panic(text in "[0:/é\n]{0,40}") {
            let _ = group_limit(&text, |_| None);
        }
    }
}
