//! Descriptors: the limit of the process and of the system against the configured connections.
//!
//! The program has raised its soft limit to the hard one, as the server does at its start.

use rustix::process::{Resource, getrlimit};

use super::number_in;
use super::report::{Level, Report};
use crate::capacity::is_chosen;
use crate::config::Config;
use crate::limits::{DESCRIPTORS_PER_CONNECTION, DESCRIPTORS_RESERVED};

const TOPIC: &str = "descriptors";

/// A limit that allows fewer connections than this hurts, whether or not their number was chosen.
const FEW: usize = 100;

pub(super) fn examine(report: &mut Report, config: &Config) {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let each = DESCRIPTORS_PER_CONNECTION + 1;
    let needed = config.connections.saturating_mul(each);
    let needed = needed.saturating_add(DESCRIPTORS_RESERVED) as u64;
    let connections = config.connections;
    if limit < needed {
        let text = format!(
            "the limit of open files is {limit}, and {connections} connections can need {needed}: \
                the server \
             accepts fewer connections"
        );
        let remedy = format!(
            "LimitNOFILE={needed} in the systemd unit (ulimit -n {needed} in a shell, as root), or \
                lower \
             limits.connections; a systemd unit does not have the limit of this shell"
        );
        let few = (FEW * each + DESCRIPTORS_RESERVED) as u64;
        let level = if is_chosen(config) || limit < few {
            Level::Warning
        } else {
            Level::Note
        };
        report.add(level, TOPIC, text, remedy);
    } else {
        let text =
            format!("{connections} connections need {needed} at most, and the limit allows them");
        report.ok(TOPIC, text);
    }
    if number_in("/proc/sys/fs/file-max").is_some_and(|all| all < needed) {
        let text = format!("fs.file-max, for all programs together, is less than {needed}");
        report.add(
            Level::Warning,
            TOPIC,
            text,
            format!("sysctl -w fs.file-max={}", needed.saturating_mul(2)),
        );
    }
}
