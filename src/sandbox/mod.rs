//! Drops privileges and confines the process once its sockets are bound.
//!
//! The binary calls [`enforce`] after binding and before it starts a second thread. The library never
//! does: the effect is process-wide and irreversible, so a host program has to call it itself. This
//! file owns the order of the steps; [`RunAs`] is the user to switch to, `privileges` handles
//! identity and capabilities, `files` Landlock (landlock(7)), `system_calls` seccomp(2). Nothing
//! here knows what is served: a [`SandboxPlan`] lists paths.
//!
//! Identity, capabilities and Landlock rules are per thread on Linux, and a new thread inherits them.
//! The order is therefore essential: bind, [`enforce`], then start the threads for the log and the
//! workers. If other threads exist, the identity is not changed at all.

#[cfg_attr(not(feature = "sandbox"), path = "no_files.rs")]
mod files;
mod identity;
mod names;
mod privileges;
#[cfg_attr(
    not(all(
        feature = "sandbox",
        any(
            target_arch = "x86_64",
            target_arch = "aarch64",
            target_arch = "riscv64"
        )
    )),
    path = "no_system_calls.rs"
)]
mod system_calls;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use identity::{RunAs, group_id};
pub use names::resolver_paths;

use crate::cause::{cause, of_identity};
use files::PathRules;
use privileges::KeptCapabilities;

/// The privileges that the process keeps; it gives up all others.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a separate privilege"
)]
#[derive(Clone, Debug, Default)]
pub struct SandboxPlan {
    /// The user that the process switches to, if it is root.
    pub run_as: Option<RunAs>,
    /// Whether the process is confined; if not, only `run_as` has an effect.
    pub confine: bool,
    /// Files and directories to read, now and after a reload. A file that is replaced by a rename,
    /// such as a certificate, is covered by listing its directory.
    pub readable: Vec<PathBuf>,
    /// Files and directories to read and to modify.
    pub writable: Vec<PathBuf>,
    /// Files and directories that did not exist before the start and may since have been created by
    /// root. Their owner becomes `run_as`, which has to open them again.
    pub made: Vec<PathBuf>,
    /// Whether the process connects to Unix sockets.
    pub local_sockets: bool,
    /// Whether the process resolves host names; `readable` must include [`resolver_paths`] then.
    pub names: bool,
    /// Whether the process binds ports below 1024 later, for data connections.
    pub low_ports: bool,
}

impl SandboxPlan {
    /// What `other` needs and a process confined by this plan cannot do, as one clause each.
    pub fn lacking_for(&self, other: &Self) -> Vec<String> {
        if !self.confine {
            return Vec::new();
        }
        let is_below = |paths: &[PathBuf], path: &Path| {
            let path = resolved(path);
            paths.iter().any(|one| path.starts_with(resolved(one)))
        };
        let is_readable = |path| is_below(&self.readable, path);
        let is_writable = |path| is_below(&self.writable, path);
        let mut lacking = Vec::new();
        for path in other.readable.iter().chain(&other.writable) {
            if !is_readable(path) && !is_writable(path) {
                lacking.push(format!("{} cannot be read", path.display()));
            }
        }
        for path in &other.writable {
            if is_readable(path) && !is_writable(path) {
                lacking.push(format!("nothing in {} can be changed", path.display()));
            }
        }
        if other.names && !self.names {
            lacking.push("names of hosts cannot be looked up".to_owned());
        }
        lacking
    }
}

/// The absolute path with symbolic links resolved; as given if the file does not exist.
fn resolved(path: &Path) -> PathBuf {
    let resolved = path.canonicalize().or_else(|_| std::path::absolute(path));
    resolved.unwrap_or_else(|_| path.to_owned())
}

/// Why the process cannot switch to another user.
#[derive(Debug)]
pub struct Error {
    /// The user.
    pub run_as: RunAs,
    /// The cause.
    pub reason: Reason,
}

/// The cause of an [`Error`].
#[derive(Debug)]
pub enum Reason {
    /// There is no such user or group.
    Unknown(String),
    /// `/etc/passwd` or `/etc/group` cannot be read.
    File(&'static str, io::Error),
    /// A system call failed.
    Refused(&'static str, io::Error),
    /// So many other threads exist, and would keep their identity.
    Threads(usize),
    /// The system calls succeeded, but verification failed.
    NotHeld(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot run as {} (run-as): ", self.run_as)?;
        match &self.reason {
            Reason::Unknown(text) => f.write_str(text),
            Reason::File(path, error) => {
                write!(
                    f,
                    "{path}: {}; or give numbers, such as 1000:1000",
                    cause(error)
                )
            }
            Reason::Refused(call, error) => write!(f, "{call}: {}", of_identity(error)),
            Reason::Threads(others) => {
                write!(f, "{others} other threads would keep their privileges")
            }
            Reason::NotHeld(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.reason {
            Reason::File(_, error) | Reason::Refused(_, error) => Some(error),
            Reason::Unknown(_) | Reason::Threads(_) | Reason::NotHeld(_) => None,
        }
    }
}

/// The measures that [`enforce`] has put in force, and those that it could not.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// A few words for each measure.
    pub in_force: Vec<String>,
    /// A sentence for each measure that this system or this build does not support.
    pub lacking: Vec<String>,
}

impl Report {
    /// Logs one line for the measures in force, and a warning for each that is not.
    pub fn log(&self) {
        if self.in_force.is_empty() {
            log::info!("Sandbox: none");
        } else {
            log::info!("Sandbox: {}", self.in_force.join(", "));
        }
        for text in &self.lacking {
            log::warn!("Sandbox: {text}");
        }
    }

    fn add(&mut self, outcome: Result<String, String>) {
        match outcome {
            Ok(done) => self.in_force.push(done),
            Err(lacking) => self.lacking.push(lacking),
        }
    }
}

/// Gives up every privilege that is not in the plan, for the whole process and irreversibly.
///
/// Call it after all sockets are bound and before other threads are started.
///
/// # Errors
/// When the process cannot switch to `run_as`; it must exit then. A measure that the kernel does not
/// support is not an error: it is listed in the report.
pub fn enforce(plan: &SandboxPlan) -> Result<Report, Error> {
    let mut report = Report::default();
    // Opened before the switch: the new user may not be able to reach the paths.
    let rules = plan.confine.then(|| PathRules::of(plan));
    let identity = match &plan.run_as {
        Some(user) => {
            let checked = user.resolve().and_then(privileges::check_switch);
            checked.map_err(|reason| user.failed(reason))?
        }
        None => None,
    };
    let kept = KeptCapabilities::by(plan);
    if plan.confine {
        privileges::shrink_bounding_set(kept);
    }
    if let (Some(user), Some(identity)) = (&plan.run_as, identity) {
        let switched = privileges::switch(identity, kept, &plan.made);
        let switched = switched.map_err(|reason| user.failed(reason))?;
        report.in_force.push(switched);
    } else if privileges::is_root() {
        let text = "the process keeps the privileges of root; --run-as USER drops them";
        report.lacking.push(text.to_owned());
    }
    let Some(rules) = rules else {
        return Ok(report);
    };
    report.add(privileges::drop_capabilities(kept));
    report.add(privileges::set_no_new_privileges());
    report.add(privileges::keep_memory_private());
    let others = privileges::other_threads();
    if others > 0 {
        let text =
            format!("threads that started before it are not confined to its paths: {others}");
        report.lacking.push(text);
    }
    report.lacking.extend(rules.unreachable());
    report.add(rules.enforce());
    // Last: the filter forbids the calls of the steps above.
    report.add(system_calls::filter(plan));
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_plan_enforces_nothing() {
        let status = || {
            let text = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let lines = text.lines();
            let ours = lines.filter(|l| l.starts_with("Cap") || l.starts_with("NoNew"));
            ours.map(str::to_owned).collect::<Vec<_>>()
        };
        let before = status();
        let report = enforce(&SandboxPlan::default()).unwrap();
        assert_eq!(report.in_force, <Vec<String>>::new());
        assert_eq!(status(), before);
    }

    #[test]
    fn privileges_missing_for_another_plan_are_listed() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        let plan = |readable, writable, names| SandboxPlan {
            confine: true,
            readable: paths(readable),
            writable: paths(writable),
            names,
            ..SandboxPlan::default()
        };
        let first = plan(&["/srv/a", "/etc/x"], &["/srv/b"], false);
        assert_eq!(first.lacking_for(&first), <Vec<String>>::new());
        let less = plan(&["/srv/a/below", "/srv/b"], &["/srv/b/below"], false);
        assert_eq!(first.lacking_for(&less), <Vec<String>>::new());
        let more = plan(&["/srv/ab"], &["/srv/a", "/srv/c"], true);
        let expected = [
            "/srv/ab cannot be read",
            "/srv/c cannot be read",
            "nothing in /srv/a can be changed",
            "names of hosts cannot be looked up",
        ];
        assert_eq!(first.lacking_for(&more), expected);
        // Relative paths with and without `.` are equal.
        let here = plan(&["."], &["./out", "in"], false);
        let expected = ["nothing in new can be changed"];
        assert_eq!(
            here.lacking_for(&plan(&["new"], &[], false)),
            <Vec<String>>::new()
        );
        assert_eq!(
            here.lacking_for(&plan(&[], &["new", "out/a", "./in"], false)),
            expected
        );
        let free = SandboxPlan::default();
        assert_eq!(free.lacking_for(&more), <Vec<String>>::new());
    }

    #[test]
    fn errors_name_the_user_and_the_cause() {
        let user: RunAs = "ftp:7".parse().unwrap();
        let error = user.failed(Reason::Threads(2)).to_string();
        let expected = "cannot run as ftp:7 (run-as): 2 other threads would keep their privileges";
        assert_eq!(error, expected);
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let error = user
            .failed(Reason::File("/etc/passwd", missing))
            .to_string();
        assert!(error.contains("/etc/passwd: "), "{error}");
        assert!(
            error.ends_with("; or give numbers, such as 1000:1000"),
            "{error}"
        );
    }
}
