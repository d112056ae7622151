//! Restricts the process to the system calls that an FTP server makes (seccomp(2)).
//!
//! There are two filters. Calls on the *forbidden* list serve to take over a machine: executing,
//! tracing, mounting, changing identity. No version of this program needs them, so one of them means
//! that the process runs foreign code: the kernel kills it and writes to the audit log. A call on
//! neither list may come from a newer C library or be missing here: it fails with `ENOSYS`, as on an
//! old kernel, and libraries fall back. An update must not kill a server.
//!
//! Except for the few calls in [`conditions`] the filters depend on the call number alone, so the
//! kernel caches the decision (Linux 5.11) and the usual calls cost nothing.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use super::SandboxPlan;
use crate::cause::cause;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// A list of system calls.
macro_rules! calls {
    ($($call:ident)*) => { &[$(libc::$call),*] };
}

/// Calls that are allowed with any arguments, on every architecture.
const ALLOWED: &[c_long] = calls![
    // Reading and writing.
    SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv SYS_pwritev
    SYS_preadv2 SYS_pwritev2 SYS_lseek SYS_sendfile SYS_splice SYS_copy_file_range
    // Files and their names.
    SYS_openat SYS_openat2 SYS_close SYS_fcntl SYS_flock SYS_fstat SYS_newfstatat SYS_statx
    SYS_statfs SYS_fstatfs SYS_getdents64 SYS_getcwd SYS_readlinkat SYS_faccessat SYS_faccessat2
    SYS_mkdirat SYS_unlinkat SYS_renameat SYS_renameat2 SYS_linkat SYS_symlinkat SYS_ftruncate
    SYS_fallocate SYS_fadvise64 SYS_fchmod SYS_fchmodat SYS_utimensat SYS_umask SYS_fsync
    SYS_fdatasync SYS_sync_file_range SYS_syncfs SYS_sync
    // The server checks its capabilities before a rename in a sticky directory.
    SYS_capget
    // Sockets; `socket` itself has a condition.
    SYS_bind SYS_listen SYS_accept SYS_accept4 SYS_connect SYS_shutdown SYS_getsockname
    SYS_getpeername SYS_getsockopt SYS_setsockopt SYS_sendto SYS_recvfrom SYS_sendmsg
    SYS_recvmsg
    // Waiting.
    SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_eventfd2 SYS_pipe2
    SYS_ppoll SYS_futex SYS_nanosleep SYS_clock_nanosleep SYS_restart_syscall
    // Clocks, where vdso(7) is not available.
    SYS_clock_gettime SYS_clock_getres SYS_gettimeofday
    // Memory; the calls that can make it executable have a condition.
    SYS_brk SYS_munmap SYS_mremap SYS_madvise
    // Threads; `clone` has a condition.
    SYS_set_robust_list SYS_rseq SYS_sigaltstack SYS_rt_sigaction SYS_rt_sigprocmask
    SYS_rt_sigreturn SYS_sched_getaffinity SYS_sched_yield SYS_setpriority SYS_membarrier
    SYS_gettid SYS_exit SYS_exit_group
    // Information about the process and the system.
    SYS_getpid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_getrandom SYS_getrusage
    SYS_sysinfo SYS_uname
];

/// Further calls of C libraries on one architecture, mostly older forms.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = calls![
    SYS_access SYS_chmod SYS_epoll_wait SYS_fchmodat2 SYS_link SYS_lstat SYS_mkdir SYS_open
    SYS_poll SYS_readlink SYS_rename SYS_rmdir SYS_stat SYS_time SYS_unlink
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = calls![];

/// Further calls of the C library's resolver, which sends its A and AAAA queries in one call. It does
/// without what else it tries: netlink(7), the socket of a caching service.
const ALLOWED_FOR_NAMES: &[c_long] = calls![SYS_sendmmsg SYS_recvmmsg];

/// The calls for which the kernel kills the process.
const FORBIDDEN: &[c_long] = calls![
    // Executing programs, and access to other processes.
    SYS_execve SYS_execveat SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev
    SYS_process_madvise SYS_pidfd_getfd
    // Identity, namespaces and mounts.
    SYS_setuid SYS_setgid SYS_setreuid SYS_setregid SYS_setresuid SYS_setresgid SYS_setfsuid
    SYS_setfsgid SYS_setgroups SYS_capset SYS_personality SYS_setns SYS_unshare SYS_chroot
    SYS_pivot_root SYS_mount SYS_umount2 SYS_open_tree SYS_move_mount SYS_fsopen SYS_fsconfig
    SYS_fsmount SYS_mount_setattr SYS_open_by_handle_at
    // Kernel configuration, and interfaces with a history of kernel exploits.
    SYS_bpf SYS_perf_event_open SYS_userfaultfd SYS_io_uring_setup SYS_keyctl SYS_add_key
    SYS_request_key SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load SYS_reboot
    SYS_swapon SYS_swapoff SYS_acct SYS_settimeofday SYS_clock_settime SYS_sethostname
];

/// `FIONBIO`, whose type differs between C libraries.
const SET_NONBLOCKING: u64 = 0x5421;

/// Installs both filters on all threads.
pub(super) fn filter(plan: &SandboxPlan) -> Result<String, String> {
    // In this order: the second filter does not allow the installation of another.
    for program in [forbid(), allow(plan)] {
        let program = program
            .map_err(|error| format!("the system call filter is invalid: {}", cause(&error)))?;
        seccompiler::apply_filter_all_threads(&program).map_err(|error| {
            let why = cause(&error);
            format!("the system call filter cannot be installed: {why}")
        })?;
    }
    Ok("system calls filtered".to_owned())
}

fn forbid() -> Result<BpfProgram, BackendError> {
    let rules = FORBIDDEN.iter().map(|&call| (call, Vec::new())).collect();
    compile(rules, SeccompAction::Allow, SeccompAction::KillProcess)
}

fn allow(plan: &SandboxPlan) -> Result<BpfProgram, BackendError> {
    let for_names = if plan.names { ALLOWED_FOR_NAMES } else { &[] };
    let calls = ALLOWED.iter().chain(ALLOWED_HERE).chain(for_names);
    let mut rules: Rules = calls.map(|&call| (call, Vec::new())).collect();
    rules.append(&mut conditions(plan.local_sockets)?);
    let unlisted = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    compile(rules, unlisted, SeccompAction::Allow)
}

fn compile(
    rules: Rules,
    unlisted: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, unlisted, listed, architecture)?.try_into()
}

/// Calls that are allowed only with certain arguments.
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
        // Threads, not processes. clone3(2) passes its flags in memory, which a filter cannot read:
        // it fails with ENOSYS, and C libraries fall back to clone(2).
        (libc::SYS_clone, vec![when(0, MaskedEq(thread), thread)?]),
        // No executable memory.
        (libc::SYS_mmap, vec![when(2, MaskedEq(code), 0)?]),
        (libc::SYS_mprotect, vec![when(2, MaskedEq(code), 0)?]),
        one_of(libc::SYS_socket, 0, families)?,
        one_of(libc::SYS_ioctl, 1, &[SET_NONBLOCKING])?,
        one_of(
            libc::SYS_prctl,
            0,
            &[bits(libc::PR_SET_NAME), bits(libc::PR_SET_VMA)],
        )?,
        // On itself only: abort(3), and getrlimit(2).
        one_of(libc::SYS_tgkill, 0, &[own])?,
        one_of(libc::SYS_prlimit64, 0, &[0, own])?,
    ]))
}

/// Compares the lower 32 bits of an argument; the kernel ignores the upper half for these calls.
fn when(argument: u8, comparison: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    let length = SeccompCmpArgLen::Dword;
    let condition = SeccompCondition::new(argument, length, comparison, value)?;
    SeccompRule::new(vec![condition])
}

/// A C constant as a filter compares it.
fn bits(constant: i32) -> u64 {
    u64::from(constant.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_of_calls_are_disjoint() {
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
    fn both_filters_compile() {
        for needed in [false, true] {
            let plan = SandboxPlan {
                names: needed,
                local_sockets: needed,
                ..SandboxPlan::default()
            };
            assert!(!allow(&plan).unwrap().is_empty());
        }
        assert!(!forbid().unwrap().is_empty());
    }
}
