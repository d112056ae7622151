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

/// Calls that are allowed with any arguments, on every architecture.
const ALLOWED: &[c_long] = &[
    // Reading and writing.
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
    libc::SYS_capget, // the server checks its capabilities before a rename in a sticky directory
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
    // Clocks, where vdso(7) is not available.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    // Memory; the calls that can make it executable have a condition.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Threads; `clone` has a condition.
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
    // Information about the process and the system.
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

/// Further calls of C libraries on one architecture, mostly older forms.
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

/// Further calls of the C library's resolver, which sends its A and AAAA queries in one call. It does
/// without what else it tries: netlink(7), the socket of a caching service.
const ALLOWED_FOR_NAMES: &[c_long] = &[libc::SYS_sendmmsg, libc::SYS_recvmmsg];

/// The calls for which the kernel kills the process.
const FORBIDDEN: &[c_long] = &[
    // Executing programs, and access to other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    // Identity, namespaces and mounts.
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
    // Kernel configuration, and interfaces with a history of kernel exploits.
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
