//! The kernel: which of the calls that make the server fast and confined it has, and what their lack costs.
//!
//! Each is tried, without effect. A filter of system calls, as of a container, looks like an old kernel.

use std::fs;
use std::io::IoSliceMut;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::report::{Level, Report};
use crate::config::Config;

const TOPIC: &str = "kernel";

pub(super) fn examine(report: &mut Report, config: &Config) {
    let before = report.lines().len();
    if !has_openat2() {
        let text = "no openat2 (Linux 5.6): each path is looked up by a worker and component by \
            component, which is slower";
        report.add(
            Level::Note,
            TOPIC,
            text,
            "use a newer kernel, or a container whose filter allows openat2",
        );
    }
    if !has_nowait() {
        let text = "no reading without waiting (RWF_NOWAIT): every read of a file is a worker's, \
            some 10 microseconds more";
        report.add(
            Level::Note,
            TOPIC,
            text,
            "use a kernel from 4.14 on, with a file system that has it, such as ext4, xfs, btrfs",
        );
    }
    if config.sandbox && cfg!(feature = "sandbox") {
        examine_sandbox(report);
    }
    if report.lines().len() == before {
        report.ok(TOPIC, "it has what the server uses");
    }
}

fn examine_sandbox(report: &mut Report) {
    match fs::read_to_string("/sys/kernel/security/lsm") {
        Ok(modules) if !modules.split(',').any(|name| name.trim() == "landlock") => {
            let text =
                "no Landlock: a fault in the server could reach files other than those it serves";
            report.add(
                Level::Note,
                TOPIC,
                text,
                "boot with lsm=landlock,... (Linux 5.13), or confine it by the systemd unit",
            );
        }
        Ok(_) => {}
        Err(_) => {
            let text = "cannot see whether Landlock is on: /sys/kernel/security is not mounted or \
                not readable";
            report.add(
                Level::Note,
                TOPIC,
                text,
                "the line \"Sandbox:\" of the server's log tells",
            );
        }
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if !status.is_empty() && !status.lines().any(|line| line.starts_with("Seccomp:")) {
        let text = "no seccomp: the system calls of the server are not limited to those it needs";
        report.add(
            Level::Note,
            TOPIC,
            text,
            "use a kernel with CONFIG_SECCOMP_FILTER",
        );
    }
}

fn has_openat2() -> bool {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = openat2(CWD, "/", flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS);
    !matches!(opened, Err(Errno::NOSYS | Errno::PERM))
}

/// Tried with this program's own file; true if that cannot be opened.
fn has_nowait() -> bool {
    let Ok(file) = fs::File::open("/proc/self/exe") else {
        return true;
    };
    let mut byte = [0_u8; 1];
    let read = preadv2(
        &file,
        &mut [IoSliceMut::new(&mut byte)],
        0,
        ReadWriteFlags::NOWAIT,
    );
    !matches!(read, Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL))
}
