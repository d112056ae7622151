//! Restricts the process to the system calls that an FTP server makes (seccomp(2)).
//!
//! There are two filters. Calls on the *forbidden* list serve to take over a machine: executing,
//! tracing, mounting, changing identity. No version of this program needs them, so one of them means
//! that the process runs foreign code: the kernel kills it and writes to the audit log. A call on
//! neither list may come from a newer C library or be missing here: it fails with `ENOSYS`, as on an
//! old kernel, and libraries fall back. An update must not kill a server.
//!
//! Except for the few calls in [`conditions`] the filters depend on the call number alone, so the
//! kernel caches the decision (Linux 5.11) and the usual calls cost nothing. Older kernels run both
//! filters for each call, one comparison after the other: the [`FREQUENT`] calls come first.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

use super::SandboxPlan;
use crate::cause::cause;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// A list of system calls.
macro_rules! calls {
    ($($call:ident)*) => { &[$(libc::$call),*] };
}

/// The allowed calls of a command, of a slice of a transfer and of an entry of a listing.
const FREQUENT: &[c_long] = calls![
    SYS_recvfrom SYS_sendto SYS_statx SYS_sendfile SYS_splice SYS_read SYS_write SYS_pwrite64 SYS_futex
    SYS_openat2 SYS_close SYS_preadv2
];

/// Calls that are allowed with any arguments, on every architecture.
const ALLOWED: &[c_long] = calls![
    // Reading and writing.
    SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv SYS_pwritev
    SYS_preadv2 SYS_pwritev2 SYS_lseek SYS_sendfile SYS_splice SYS_copy_file_range
    // Files and their names.
    SYS_openat SYS_openat2 SYS_close SYS_fcntl SYS_flock SYS_fstat SYS_newfstatat SYS_statx
    SYS_statfs SYS_fstatfs SYS_getdents64 SYS_getcwd SYS_readlinkat SYS_faccessat SYS_faccessat2
    SYS_mkdirat SYS_unlinkat SYS_renameat2 SYS_linkat SYS_symlinkat SYS_ftruncate
    SYS_fallocate SYS_fadvise64 SYS_fchmod SYS_fchmodat SYS_utimensat SYS_umask SYS_fsync
    SYS_fdatasync SYS_sync_file_range SYS_syncfs SYS_sync
    // The standard streams, after a start in the background.
    SYS_dup3
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

/// Further calls of C libraries on one architecture: older forms, and the more of them the older it is.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = calls![
    SYS_access SYS_chmod SYS_dup2 SYS_epoll_wait SYS_fchmodat2 SYS_link SYS_lstat SYS_mkdir SYS_open
    SYS_poll SYS_readlink SYS_rename SYS_renameat SYS_rmdir SYS_stat SYS_time SYS_unlink
];
#[cfg(target_arch = "aarch64")]
const ALLOWED_HERE: &[c_long] = calls![SYS_renameat];
#[cfg(target_arch = "riscv64")]
const ALLOWED_HERE: &[c_long] = calls![];

/// The call in which the loop waits.
#[cfg(target_arch = "x86_64")]
const WAITING: c_long = libc::SYS_epoll_wait;
#[cfg(not(target_arch = "x86_64"))]
const WAITING: c_long = libc::SYS_epoll_pwait;

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
        let mut program = program
            .map_err(|error| format!("the system call filter is invalid: {}", cause(&error)))?;
        allow_frequent_first(&mut program);
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

/// Inserts comparisons with the frequent calls behind the loading of the call number.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "codes are below 256, and so is the number of the calls; theirs are below 1000"
)]
fn allow_frequent_first(program: &mut BpfProgram) {
    let statement = |code: u32, jt, k| sock_filter {
        code: code as u16,
        jt,
        jf: 0,
        k,
    };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let is_load = |one: &sock_filter| u32::from(one.code) == load && one.k == 0;
    let Some(loaded) = program.iter().position(is_load) else {
        debug_assert!(false, "a filter loads the call number");
        return;
    };
    // A jump leads from the one that is equal over those that follow, and over the jump to the rest.
    let calls = std::iter::once(&WAITING).chain(FREQUENT);
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let over = (1..=FREQUENT.len() as u8 + 1).rev();
    let first = calls
        .zip(over)
        .map(|(&call, over)| statement(equal, over, call as u32));
    let to_rest = statement(libc::BPF_JMP | libc::BPF_JA, 0, 1);
    let allow = statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW);
    let behind = loaded + 1;
    program.splice(behind..behind, first.chain([to_rest, allow]));
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

    /// Runs a filter for a call whose arguments are zero: its decision, and the number of instructions.
    fn run(program: &BpfProgram, call: u32) -> (u32, usize) {
        let architecture = program[1].k;
        let (mut at, mut value) = (0, 0);
        for count in 1.. {
            let one = &program[at];
            at += 1;
            match u32::from(one.code) {
                code if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    value = match one.k {
                        0 => call,
                        4 => architecture,
                        _ => 0,
                    };
                }
                code if code == libc::BPF_JMP | libc::BPF_JA => at += one.k as usize,
                code if code == libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K => {
                    at += usize::from(if value == one.k { one.jt } else { one.jf });
                }
                code if code == libc::BPF_ALU | libc::BPF_AND | libc::BPF_K => value &= one.k,
                code if code == libc::BPF_RET | libc::BPF_K => return (one.k, count),
                code => panic!("{code:#x}"),
            }
        }
        unreachable!("a filter has an end");
    }

    #[test]
    fn frequent_calls_are_decided_first_and_others_as_before() {
        for program in [allow(&SandboxPlan::default()), forbid()] {
            let before = program.unwrap();
            let mut program = before.clone();
            allow_frequent_first(&mut program);
            for call in 0..600 {
                let (decision, _) = run(&before, call);
                assert_eq!(run(&program, call).0, decision, "{call}");
            }
            for &call in FREQUENT.iter().chain(&[WAITING]) {
                let (decision, count) = run(&program, u32::try_from(call).unwrap());
                assert_eq!(decision, libc::SECCOMP_RET_ALLOW, "{call}");
                assert!(count <= FREQUENT.len() + 6, "{call}: {count}");
            }
        }
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
