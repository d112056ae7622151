//! What the process may ask of the kernel: the calls that an FTP server makes (seccomp(2)).
//!
//! There are two filters, because there are two kinds of calls that are not made. Those on the
//! *forbidden* list are for taking over a machine: executing, tracing, mounting, changing who one is.
//! No version of this program has a use for them, so whoever makes one is not this program any more,
//! and the kernel ends the process (and says so in its audit log). A call that is on neither list may
//! be a new C library's, or one that was forgotten here: it fails with `ENOSYS`, as on an old kernel,
//! for which libraries have another way. A server must not die of an update.
//!
//! Both filters look at numbers alone, but for the few calls in [`conditions`]; so the kernel decides
//! beforehand which calls pass (Linux 5.11), and the usual ones cost nothing.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::Plan;
use crate::cause::cause;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// The calls of every processor that are allowed whatever their arguments are.
const ALLOWED: &[c_long] = &[
    // Bytes.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_sendfile,
    libc::SYS_splice,
    libc::SYS_copy_file_range,
    // Files and their names.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_capget, // what rename(2) asks for in a sticky directory
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fadvise64,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_utimensat,
    libc::SYS_umask,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_sync_file_range,
    libc::SYS_syncfs,
    // Sockets; `socket` itself has a condition.
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    // Clocks: where the kernel's page for them (vdso(7)) is not used.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    // Memory; what makes code of it has a condition.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads, and how they begin and end; `clone` has a condition.
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_setpriority,
    libc::SYS_membarrier,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // About the process.
    libc::SYS_getpid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// What C libraries use on one processor besides: older forms, mostly.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_chmod,
    libc::SYS_epoll_wait,
    libc::SYS_fchmodat2,
    libc::SYS_link,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// What the C library's resolver uses besides: its questions for both kinds of addresses go out in
/// one call. All else that it asks for (netlink(7), the sockets of a caching service) it does
/// without.
const ALLOWED_FOR_NAMES: &[c_long] = &[libc::SYS_sendmmsg, libc::SYS_recvmmsg];

/// The calls that end the process.
const FORBIDDEN: &[c_long] = &[
    // Other programs, and other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    // Who one is, and where.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    // The kernel, and what it was broken by before.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
];

/// `FIONBIO`: the C libraries do not agree on its type.
const SET_NONBLOCKING: u64 = 0x5421;

/// Puts the filters before every call, of all threads.
pub(super) fn filter(plan: &Plan) -> Result<String, String> {
    // The second does not allow a third.
    for program in [forbid(), allow(plan)] {
        let program = program.map_err(|error| format!("system calls: {}", cause(&error)))?;
        seccompiler::apply_filter_all_threads(&program).map_err(|error| {
            let why = cause(&error);
            format!("the kernel does not filter system calls: {why}")
        })?;
    }
    Ok("system calls filtered".to_owned())
}

fn forbid() -> Result<BpfProgram, BackendError> {
    let rules = FORBIDDEN.iter().map(|&call| (call, Vec::new())).collect();
    compile(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

fn allow(plan: &Plan) -> Result<BpfProgram, BackendError> {
    let for_names = if plan.names { ALLOWED_FOR_NAMES } else { &[] };
    let calls = ALLOWED.iter().chain(ALLOWED_HERE).chain(for_names);
    let mut rules: Rules = calls.map(|&call| (call, Vec::new())).collect();
    rules.append(&mut conditions(plan.local_sockets)?);
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    compile(rules, unknown, SeccompAction::Allow)
}

fn compile(
    rules: Rules,
    others: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let processor = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, others, listed, processor)?.try_into()
}

/// The calls that are allowed for some arguments.
fn conditions(local_sockets: bool) -> Result<Rules, BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq};
    let own = u64::from(std::process::id());
    let thread = bits(libc::CLONE_THREAD);
    let code = bits(libc::PROT_EXEC);
    let one_of = |call, argument, values: &[u64]| {
        let rules = values.iter().map(|&value| when(argument, Eq, value));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        Ok((call, rules))
    };
    let families = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX].map(bits);
    let families = match &families {
        all if local_sockets => all.as_slice(),
        [internet @ .., _] => internet,
    };
    Ok(Rules::from([
        // Threads, not processes. What clone3(2) makes is told in memory, which a filter cannot
        // read: it is not allowed, and the C libraries then use this.
        (libc::SYS_clone, vec![when(0, MaskedEq(thread), thread)?]),
        // No data becomes code.
        (libc::SYS_mmap, vec![when(2, MaskedEq(code), 0)?]),
        (libc::SYS_mprotect, vec![when(2, MaskedEq(code), 0)?]),
        one_of(libc::SYS_socket, 0, families)?,
        one_of(libc::SYS_ioctl, 1, &[SET_NONBLOCKING])?,
        one_of(
            libc::SYS_prctl,
            0,
            &[bits(libc::PR_SET_NAME), bits(libc::PR_SET_VMA)],
        )?,
        // To itself: an abort, and asking for its own limits.
        one_of(libc::SYS_tgkill, 0, &[own])?,
        one_of(libc::SYS_prlimit64, 0, &[0, own])?,
    ]))
}

/// One argument compared; its lower half, which is all that the kernel looks at in these.
fn when(argument: u8, comparison: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    let length = SeccompCmpArgLen::Dword;
    let condition = SeccompCondition::new(argument, length, comparison, value)?;
    SeccompRule::new(vec![condition])
}

/// A constant of the C library as a filter compares it.
fn bits(constant: i32) -> u64 {
    u64::from(constant.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_on_two_lists() {
        let conditions = conditions(false).unwrap();
        let usual = ALLOWED.iter().chain(ALLOWED_HERE);
        for call in ALLOWED_FOR_NAMES {
            assert!(!usual.clone().any(|one| one == call), "{call}");
        }
        for call in usual.chain(ALLOWED_FOR_NAMES) {
            assert!(!FORBIDDEN.contains(call), "{call}");
            assert!(!conditions.contains_key(call), "{call}");
        }
        assert!(!FORBIDDEN.iter().any(|call| conditions.contains_key(call)));
    }

    #[test]
    fn the_filters_can_be_compiled() {
        for needed in [false, true] {
            let plan = Plan {
                names: needed,
                local_sockets: needed,
                ..Plan::default()
            };
            assert!(!allow(&plan).unwrap().is_empty());
        }
        assert!(!forbid().unwrap().is_empty());
    }
}
