//! Least privilege: what the process may still do once it listens.
//!
//! The binary calls [`enforce`] after the sockets are bound and before there is a second thread. A
//! library does not: what is given up here is given up by the whole process and for ever, so a host
//! program has to ask. This file owns the order of the steps; [`RunAs`] is who the process becomes,
//! `privileges` what it gives up, `files` what it may open (landlock(7)), `system_calls` what it may
//! call (seccomp(2)). Nothing here knows what is served; it is told paths.
//!
//! Linux keeps identity, capabilities and Landlock's rules for each thread, and a new thread gets
//! its parent's. So the order is the whole protection: bind, [`enforce`], then the log's thread and
//! the workers. Where other threads run already, an identity is not changed at all.

#[cfg_attr(not(feature = "sandbox"), path = "no_files.rs")]
mod files;
mod identity;
mod names;
mod privileges;
#[cfg_attr(
    not(all(
        feature = "sandbox",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )),
    path = "no_system_calls.rs"
)]
mod system_calls;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use identity::RunAs;
pub use names::resolver_paths;

use crate::cause::{cause, of_identity};
use files::Fence;
use privileges::{Change, Kept};

/// What the process needs from now on; it loses the rest.
#[allow(clippy::struct_excessive_bools, reason = "a need is one")]
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Who the process becomes, where it is root.
    pub run_as: Option<RunAs>,
    /// Whether it is confined; without, only `run_as` counts.
    pub confine: bool,
    /// Files and directories to read, now and after a reload. What is to be replaced by a rename
    /// (a certificate, say) is named by its directory.
    pub readable: Vec<PathBuf>,
    /// Files and directories to read and to change.
    pub writable: Vec<PathBuf>,
    /// Files and directories that were not there, and may have been made meanwhile: they become
    /// those of `run_as`, who will have to open them again.
    pub made: Vec<PathBuf>,
    /// Whether Unix sockets will be connected to.
    pub local_sockets: bool,
    /// Whether names of hosts will be looked up; [`resolver_paths`] are to be read then.
    pub names: bool,
    /// Whether ports below 1024 will be taken later, for data connections.
    pub low_ports: bool,
}

impl Plan {
    /// What another plan has need of and a process that is held to this one cannot do, a sentence
    /// for each.
    pub fn lacking_for(&self, other: &Self) -> Vec<String> {
        if !self.confine {
            return Vec::new();
        }
        let is_below = |paths: &[PathBuf], path: &Path| {
            let path = whole(path);
            paths.iter().any(|one| path.starts_with(whole(one)))
        };
        let unread = other.readable.iter().chain(&other.writable);
        let unread = unread
            .filter(|path| !is_below(&self.readable, path) && !is_below(&self.writable, path));
        let unread = unread.map(|path| format!("{} cannot be read", path.display()));
        let unchanged = other.writable.iter();
        let unchanged = unchanged
            .filter(|path| is_below(&self.readable, path) && !is_below(&self.writable, path));
        let unchanged =
            unchanged.map(|path| format!("nothing in {} can be changed", path.display()));
        let mut lacking: Vec<String> = unread.chain(unchanged).collect();
        if other.names && !self.names {
            lacking.push("names of hosts cannot be looked up".to_owned());
        }
        lacking
    }
}

/// A path as the kernel compares it: from the root on, and where links lead.
fn whole(path: &Path) -> PathBuf {
    let whole = path.canonicalize().or_else(|_| std::path::absolute(path));
    whole.unwrap_or_else(|_| path.to_owned())
}

/// Why the process cannot become what it is to be.
#[derive(Debug)]
pub struct Error {
    /// Who that is.
    pub run_as: RunAs,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong.
#[derive(Debug)]
pub enum Reason {
    /// There is no such user or group.
    Unknown(String),
    /// A file that says who there is cannot be read.
    File(&'static str, io::Error),
    /// The system refuses.
    Refused(&'static str, io::Error),
    /// There are other threads, which would stay what they are.
    Threads(usize),
    /// It seemed to work, and does not hold.
    NotHeld(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot run as {} (run-as): ", self.run_as)?;
        match &self.reason {
            Reason::Unknown(what) => f.write_str(what),
            Reason::File(path, error) => write!(f, "{path}: {}", cause(error)),
            Reason::Refused(what, error) => write!(f, "{what}: {}", of_identity(error)),
            Reason::Threads(others) => {
                write!(f, "{others} other threads would keep their rights")
            }
            Reason::NotHeld(what) => f.write_str(what),
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

/// What is in force, and what is not though it should be.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Each in a few words.
    pub in_force: Vec<String>,
    /// What this system or this build lacks.
    pub lacking: Vec<String>,
}

impl Report {
    /// One line for what is in force, a warning for each thing that is not.
    pub fn log(&self) {
        if self.in_force.is_empty() {
            log::info!("Sandbox: none");
        } else {
            log::info!("Sandbox: {}", self.in_force.join(", "));
        }
        for what in &self.lacking {
            log::warn!("Sandbox: {what}");
        }
    }

    fn add(&mut self, outcome: Result<String, String>) {
        match outcome {
            Ok(done) => self.in_force.push(done),
            Err(lacking) => self.lacking.push(lacking),
        }
    }
}

/// Gives up everything that is not in the plan.
///
/// To be called with all sockets bound and before other threads are started. It binds the whole
/// process, for ever.
///
/// # Errors
/// When the process cannot become who it is to be; it must not go on then. What the kernel lacks
/// for confining it is no error, and stands in the report.
pub fn enforce(plan: &Plan) -> Result<Report, Error> {
    let mut report = Report::default();
    // The new user need not be able to reach the paths: they are opened before.
    let fence = plan.confine.then(|| Fence::around(plan));
    let change = match &plan.run_as {
        Some(user) => {
            let change = user.resolve().and_then(Change::to);
            Some((user, change.map_err(|reason| user.failed(reason))?))
        }
        None => None,
    };
    let kept = Kept::by(plan);
    if plan.confine {
        privileges::shrink_bounding_set(kept);
    }
    let changed = match change {
        Some((user, change)) => {
            let changed = change.carry_out(kept, &plan.made);
            changed.map_err(|reason| user.failed(reason))?
        }
        None => None,
    };
    if let Some(what) = changed {
        report.in_force.push(what);
    } else if privileges::is_root() {
        let text = "the process keeps the rights of root; --run-as USER gives them up";
        report.lacking.push(text.to_owned());
    }
    let Some(fence) = fence else {
        return Ok(report);
    };
    report.add(privileges::drop_capabilities(kept));
    report.add(privileges::renounce_new_ones());
    report.add(privileges::keep_memory_private());
    let others = privileges::other_threads();
    if others > 0 {
        let text = format!("{others} threads were there before it, and can open what they like");
        report.lacking.push(text);
    }
    report.lacking.extend(fence.unreachable());
    report.add(fence.close());
    // The last: what went before is not on the list of calls.
    report.add(system_calls::filter(plan));
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_enforced_that_is_not_asked_for() {
        let status = || {
            let text = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let lines = text.lines();
            let ours = lines.filter(|l| l.starts_with("Cap") || l.starts_with("NoNew"));
            ours.map(str::to_owned).collect::<Vec<_>>()
        };
        let before = status();
        let report = enforce(&Plan::default()).unwrap();
        assert_eq!(report.in_force, <Vec<String>>::new());
        assert_eq!(status(), before);
    }

    #[test]
    fn another_plan_may_need_more() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        let plan = |readable, writable, names| Plan {
            confine: true,
            readable: paths(readable),
            writable: paths(writable),
            names,
            ..Plan::default()
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
        // However they are written.
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
        let free = Plan::default();
        assert_eq!(free.lacking_for(&more), <Vec<String>>::new());
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let user: RunAs = "ftp:7".parse().unwrap();
        let error = user.failed(Reason::Threads(2)).to_string();
        let said = "cannot run as ftp:7 (run-as): 2 other threads would keep their rights";
        assert_eq!(error, said);
    }
}
