//! The served directories: free space and inodes, read-only mounts, what their file systems cannot do.
//!
//! It writes nothing; it locks a directory for a moment, shared with others, to see whether it can.

use std::fs;
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, StatVfs, StatVfsMountFlags, flock, open, statvfs};
use rustix::io::Errno;

use super::mounts::type_at;
use super::report::{Level, Report};
use crate::config::Config;

const TOPIC: &str = "disk";

const MIB: u64 = 1024 * 1024;

/// Less free space than this, or fewer free inodes than [`FEW_INODES`], is soon none.
const LITTLE_SPACE: u64 = 64 * MIB;
const FEW_INODES: u64 = 1000;

/// File systems over a network: the server works on them, and a lost host or local locks can hurt.
const NETWORK_TYPES: [&str; 6] = ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"];

pub(super) fn examine(report: &mut Report, config: &Config) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for (seen, root) in config.roots() {
        // `--check` reports a directory that is not there.
        let Ok(found) = statvfs(root) else { continue };
        let path = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let kind = type_at(&mounts, &path).unwrap_or_else(|| "unknown".to_owned());
        let may_write = config.accounts.may_write(seen);
        let before = report.lines().len();
        if may_write {
            examine_writing(report, root, &found, config.free_space_floor);
        }
        if NETWORK_TYPES.contains(&kind.as_str()) {
            let text = format!(
                "{}: {kind} is a file system over a network: transfers wait while its host does not \
                    answer",
                root.display()
            );
            let remedy = "soft mounts end such waits; with locks that are local to a host set \
                storage.remove-unfinished = false";
            report.add(Level::Note, TOPIC, text, remedy);
        }
        if report.lines().len() == before {
            let free = found.f_bavail.saturating_mul(found.f_frsize) / MIB;
            let text = format!("{}: {kind}, {free} MiB free", root.display());
            report.ok(TOPIC, text);
        }
    }
}

fn examine_writing(report: &mut Report, root: &Path, found: &StatVfs, floor: u64) {
    let shown = root.display();
    if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
        let text = format!(
            "{shown} is mounted read-only, but an account may write there: every upload fails"
        );
        let remedy = format!(
            "mount -o remount,rw, ReadWritePaths={shown} in the systemd unit, or permissions = \"read\""
        );
        report.add(Level::Error, TOPIC, text, remedy);
        return;
    }
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    if free <= floor {
        let (free, floor) = (free / MIB, floor / MIB);
        let text = format!(
            "{shown}: {free} MiB free of the {floor} MiB that uploads must leave: they get 452"
        );
        report.add(
            Level::Error,
            TOPIC,
            text,
            "delete files, or lower storage.free-space-floor",
        );
    } else if free - floor < LITTLE_SPACE {
        let text = format!("{shown}: {} MiB left for uploads", (free - floor) / MIB);
        report.add(
            Level::Warning,
            TOPIC,
            text,
            "delete files or enlarge the file system",
        );
    }
    // Some file systems make inodes as they need them, and say 0.
    if found.f_files > 0 && found.f_favail < FEW_INODES {
        let text = format!(
            "{shown}: {} inodes left, each new file takes one",
            found.f_favail
        );
        report.add(
            Level::Warning,
            TOPIC,
            text,
            "delete small files; df -i shows the inodes",
        );
    }
    if has_no_locks(root) {
        let text = format!(
            "{shown}: its file system has no locks: a start may remove what another server is receiving"
        );
        let remedy = "set storage.remove-unfinished = false if several servers write there";
        report.add(Level::Note, TOPIC, text, remedy);
    }
}

/// Whether the file system refuses flock(2), by which a start knows the temporary files in use.
fn has_no_locks(root: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(directory) = open(root, flags, Mode::empty()) else {
        return false;
    };
    let locked = flock(&directory, FlockOperation::NonBlockingLockShared);
    matches!(locked, Err(Errno::OPNOTSUPP | Errno::NOLCK | Errno::NOSYS))
}
