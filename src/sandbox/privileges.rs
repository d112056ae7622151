//! Drops the process's own privileges: identity, capabilities (capabilities(7)), new privileges, and
//! access to its memory, which holds passwords, by other processes.
//!
//! Everything here affects the calling thread only: these are plain system calls, without the
//! signals by which the C library changes all threads. Threads started later inherit the result.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Gid, Resource, Rlimit, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::identity::UserIdentity;
use super::{Reason, SandboxPlan};
use crate::cause::cause;

/// The capabilities that the process keeps.
#[derive(Clone, Copy)]
pub(super) struct KeptCapabilities(CapabilitySet);

impl KeptCapabilities {
    /// A process that stays root keeps its access to the files of all users; after a switch the new
    /// user's permissions apply. `CAP_NET_BIND_SERVICE` is kept in both cases if the plan needs it.
    pub(super) fn by(plan: &SandboxPlan) -> Self {
        let files =
            CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH | CapabilitySet::FOWNER;
        let mut kept = CapabilitySet::empty();
        kept.set(files, plan.run_as.is_none());
        kept.set(CapabilitySet::NET_BIND_SERVICE, plan.low_ports);
        Self(kept)
    }
}

/// Checks a switch of identity; `None` if there is nothing to switch.
pub(super) fn check_switch(wanted: UserIdentity) -> Result<Option<UserIdentity>, Reason> {
    // An unprivileged process that runs as this user already needs no switch.
    if !is_root() && rustix::process::geteuid().as_raw() == wanted.uid {
        return Ok(None);
    }
    match other_threads() {
        0 => Ok(Some(wanted)),
        others => Err(Reason::Threads(others)),
    }
}

/// Sets the supplementary groups, then the group, then the user: each needs a privilege that the
/// next step drops. Then it verifies the result. Returns the new identity for the report.
pub(super) fn switch(
    to: UserIdentity,
    kept: KeptCapabilities,
    made: &[PathBuf],
) -> Result<String, Reason> {
    use rustix::thread::{
        set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
    };
    let UserIdentity { uid, gid, groups } = to;
    let refused = |call| move |errno: Errno| Reason::Refused(call, errno.into());
    let groups: Vec<Gid> = groups.into_iter().map(Gid::from_raw).collect();
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    change_owner(made, uid, gid);
    set_thread_groups(&groups).map_err(refused("setgroups"))?;
    set_thread_res_gid(group, group, group).map_err(refused("setresgid"))?;
    // Otherwise the kernel clears all capabilities when the user changes.
    let keeps = !kept.0.is_empty();
    set_keep_capabilities(keeps).map_err(refused("keeping capabilities"))?;
    set_thread_res_uid(user, user, user).map_err(refused("setresuid"))?;
    if keeps {
        // CAP_SETUID, which is as good as root, has survived too: drop it before `verify`.
        set(kept).map_err(refused("capset"))?;
        set_keep_capabilities(false).map_err(refused("keeping capabilities"))?;
    }
    verify(user, group, &groups)?;
    Ok(format!("user {uid}, group {gid}"))
}

/// Gives files that root has created for the server to the user that has to open them again.
/// Symbolic links are skipped: their target may belong to another program.
fn change_owner(made: &[PathBuf], user: u32, group: u32) {
    for path in made {
        let is_roots =
            |found: fs::Metadata| found.uid() == 0 && (found.is_file() || found.is_dir());
        if !fs::symlink_metadata(path).is_ok_and(is_roots) {
            continue;
        }
        if let Err(error) = std::os::unix::fs::lchown(path, Some(user), Some(group)) {
            log::warn!(
                "Cannot change the owner of {} to {user}:{group}: {}",
                path.display(),
                cause(&error)
            );
        }
    }
}

/// Checks that the switch is complete and cannot be undone.
fn verify(user: Uid, group: Gid, groups: &[Gid]) -> Result<(), Reason> {
    use rustix::process::{getegid, geteuid, getgid, getgroups, getuid};
    if (getuid(), geteuid()) != (user, user) {
        return Err(Reason::NotHeld("the process still has another user"));
    }
    if (getgid(), getegid()) != (group, group) {
        return Err(Reason::NotHeld("the process still has another group"));
    }
    let held = getgroups().map_err(|errno| Reason::Refused("getgroups", errno.into()))?;
    let has_other = held.iter().any(|group| !groups.contains(group));
    if has_other || held.len() != groups.len() {
        return Err(Reason::NotHeld(
            "the process still has other supplementary groups",
        ));
    }
    // Succeeds if the saved user is still root.
    if rustix::thread::set_thread_res_uid(None, Uid::ROOT, None).is_ok() {
        return Err(Reason::NotHeld("the process can become root again"));
    }
    Ok(())
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The number of threads besides this one; 0 if /proc is not available.
pub(super) fn other_threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count().saturating_sub(1))
}

/// Removes every other capability from the bounding set, so that no executed program can regain it.
/// Without the privilege to do so (`CAP_SETPCAP`) it has no effect; the system call filter, which
/// forbids execve(2), still applies.
pub(super) fn shrink_bounding_set(kept: KeptCapabilities) {
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        if kept.0.contains(one) {
            continue;
        }
        // The first error is a capability that this kernel does not know, or the missing privilege.
        if rustix::thread::remove_capability_from_bounding_set(one).is_err() {
            return;
        }
    }
}

pub(super) fn drop_capabilities(kept: KeptCapabilities) -> Result<String, String> {
    // Fails on a kernel without ambient capabilities (before Linux 4.3).
    let _ = rustix::thread::clear_ambient_capability_set();
    let done = set(kept).map(|left| {
        if left.is_empty() {
            "no capabilities"
        } else {
            "capabilities for files and ports only"
        }
    });
    line(done, "the capabilities cannot be dropped")
}

/// The line for the report: what is in force, or else what failed and why.
fn line(done: Result<&str, Errno>, failed: &str) -> Result<String, String> {
    done.map(str::to_owned)
        .map_err(|errno| format!("{failed}: {}", cause(&errno)))
}

/// Reduces the permitted set to those kept, makes them effective, and returns them.
fn set(kept: KeptCapabilities) -> Result<CapabilitySet, Errno> {
    let permitted = rustix::thread::capabilities(None)?.permitted & kept.0;
    let sets = CapabilitySets {
        effective: permitted,
        permitted,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets)?;
    Ok(permitted)
}

/// Sets `no_new_privs` (prctl(2)), which seccomp(2) and landlock(7) require.
pub(super) fn set_no_new_privileges() -> Result<String, String> {
    let done = rustix::thread::set_no_new_privs(true).map(|()| "no new privileges");
    line(done, "the kernel cannot rule out new privileges")
}

/// Disables core dumps, and ptrace(2) by other processes of the same user. The size limit alone is not
/// enough: the kernel ignores it if dumps are piped to a program (core(5)).
pub(super) fn keep_memory_private() -> Result<String, String> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = rustix::process::setrlimit(Resource::Core, none);
    let hidden = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let done = limited.and(hidden).map(|()| "no core dumps");
    line(done, "core dumps cannot be ruled out")
}
