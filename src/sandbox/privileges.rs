//! What a process gives up about itself: the user it was, capabilities (capabilities(7)), new
//! privileges, and that others may read its memory, where passwords are.
//!
//! All of it is the calling thread's alone: the C library would carry it to the other threads by
//! signals, which these plain system calls do not. Who is to be covered is started later.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Gid, Resource, Rlimit, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use super::identity::Identity;
use super::{Plan, Reason};
use crate::cause::cause;

/// The capabilities that stay.
#[derive(Clone, Copy)]
pub(super) struct Kept(CapabilitySet);

impl Kept {
    /// Without another user the process goes on serving the files of all users, if it could; with
    /// one it serves what that user may. For low ports it must be able to bind either way.
    pub(super) fn by(plan: &Plan) -> Self {
        let files =
            CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH | CapabilitySet::FOWNER;
        let ports = CapabilitySet::NET_BIND_SERVICE;
        let nothing = CapabilitySet::empty();
        let files = if plan.run_as.is_none() {
            files
        } else {
            nothing
        };
        Self(files | if plan.low_ports { ports } else { nothing })
    }
}

/// From one user to another.
pub(super) enum Change {
    None,
    To(Identity),
}

impl Change {
    /// What is to be done to become `wanted`.
    pub(super) fn to(wanted: Identity) -> Result<Self, Reason> {
        // Who is that user already, and cannot change groups, need not.
        if !is_root() && rustix::process::geteuid().as_raw() == wanted.uid {
            return Ok(Self::None);
        }
        match other_threads() {
            0 => Ok(Self::To(wanted)),
            others => Err(Reason::Threads(others)),
        }
    }

    /// Groups before the group and the group before the user: each takes the right to the next.
    /// Then it looks whether it holds. What it has become, in words.
    pub(super) fn carry_out(self, kept: Kept, made: &[PathBuf]) -> Result<Option<String>, Reason> {
        use rustix::thread::{
            set_keep_capabilities, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
        };
        let Self::To(Identity { uid, gid, groups }) = self else {
            return Ok(None);
        };
        let refused = |what| move |errno: Errno| Reason::Refused(what, errno.into());
        let groups: Vec<Gid> = groups.into_iter().map(Gid::from_raw).collect();
        let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
        hand_over(made, uid, gid);
        set_thread_groups(&groups).map_err(refused("setgroups"))?;
        set_thread_res_gid(group, group, group).map_err(refused("setresgid"))?;
        // They go with the user else, also the one for low ports.
        let keeps = !kept.0.is_empty();
        set_keep_capabilities(keeps).map_err(refused("keeping capabilities"))?;
        set_thread_res_uid(user, user, user).map_err(refused("setresuid"))?;
        if keeps {
            // Until they are dropped, a process that may take any identity is root.
            set(kept).map_err(refused("capset"))?;
            set_keep_capabilities(false).map_err(refused("keeping capabilities"))?;
        }
        verify(user, group, &groups)?;
        Ok(Some(format!("user {uid}, group {gid}")))
    }
}

/// What root has made for the server the user has to open again. Links are left as they are: who
/// knows where they lead.
fn hand_over(made: &[PathBuf], user: u32, group: u32) {
    for path in made {
        let is_ours = |found: fs::Metadata| found.uid() == 0 && (found.is_file() || found.is_dir());
        if !fs::symlink_metadata(path).is_ok_and(is_ours) {
            continue;
        }
        if let Err(error) = std::os::unix::fs::lchown(path, Some(user), Some(group)) {
            log::warn!("{} stays root's: {}", path.display(), cause(&error));
        }
    }
}

/// Trust is good.
fn verify(user: Uid, group: Gid, groups: &[Gid]) -> Result<(), Reason> {
    use rustix::process::{getegid, geteuid, getgid, getgroups, getuid};
    if (getuid(), geteuid()) != (user, user) {
        return Err(Reason::NotHeld("it is another user still"));
    }
    if (getgid(), getegid()) != (group, group) {
        return Err(Reason::NotHeld("it has another group still"));
    }
    let mut held = getgroups().map_err(|errno| Reason::Refused("getgroups", errno.into()))?;
    held.sort_unstable_by_key(|group| group.as_raw());
    if held != groups {
        return Err(Reason::NotHeld("it has other groups still"));
    }
    // This asks the saved identity too.
    if rustix::thread::set_thread_res_uid(None, Uid::ROOT, None).is_ok() {
        return Err(Reason::NotHeld("it can become root again"));
    }
    Ok(())
}

/// Whether the process has all rights by its user.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// How many threads there are besides this one; none where /proc cannot say.
pub(super) fn other_threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count().saturating_sub(1))
}

/// No program that is executed can get back what is not in this set. That nothing can be executed
/// at all is another lock on the same door; where the right to close this one is missing, it does.
pub(super) fn shrink_bounding_set(kept: Kept) {
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        if kept.0.contains(one) {
            continue;
        }
        // The first that this kernel does not know is the end.
        if rustix::thread::remove_capability_from_bounding_set(one).is_err() {
            return;
        }
    }
}

/// All but those that are kept.
pub(super) fn drop_capabilities(kept: Kept) -> Result<String, String> {
    // An old kernel has no ambient ones.
    let _ = rustix::thread::clear_ambient_capability_set();
    match set(kept) {
        Ok(left) if left.is_empty() => Ok("no capabilities".to_owned()),
        Ok(_) => Ok("capabilities for files and ports only".to_owned()),
        Err(errno) => {
            let why = cause(&errno);
            Err(format!("the capabilities cannot be dropped: {why}"))
        }
    }
}

/// Those of the process that are kept, and which they are.
fn set(kept: Kept) -> Result<CapabilitySet, Errno> {
    let permitted = rustix::thread::capabilities(None)?.permitted & kept.0;
    let sets = CapabilitySets {
        effective: permitted,
        permitted,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets)?;
    Ok(permitted)
}

/// No program that is executed gets more rights than this one; seccomp(2) and landlock(7) ask for
/// it.
pub(super) fn renounce_new_ones() -> Result<String, String> {
    match rustix::thread::set_no_new_privs(true) {
        Ok(()) => Ok("no new privileges".to_owned()),
        Err(errno) => Err(format!(
            "the kernel cannot rule out new privileges: {}",
            cause(&errno)
        )),
    }
}

/// No core dumps, and no process of the same user that attaches to this one (ptrace(2)). Where dumps
/// go to a program, the limit of their size counts for nothing (core(5)).
pub(super) fn keep_memory_private() -> Result<String, String> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = rustix::process::setrlimit(Resource::Core, none);
    let hidden = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    match limited.and(hidden) {
        Ok(()) => Ok("no core dumps".to_owned()),
        Err(errno) => {
            let why = cause(&errno);
            Err(format!("core dumps cannot be ruled out: {why}"))
        }
    }
}
