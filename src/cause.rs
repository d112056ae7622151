//! What the system refuses, as an operator reads it: the cause in words and, where one is known, the
//! remedy; never the number of an error.
//!
//! Everything that shows an error of the system, in the log or on a terminal, shows it by this. It
//! asks the system once more what a path's permissions are, so it is for where something has failed,
//! and not for the loop.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

/// How the standard library puts the number behind the words.
const NUMBER: &str = " (os error ";

/// An error in words, without its number.
pub fn cause(error: &dyn Display) -> Cause<'_> {
    Cause(error)
}

/// See [`cause`].
pub struct Cause<'a>(&'a dyn Display);

/// The number may stand anywhere, because libraries put errors of the system into their own.
impl Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let mut parts = text.split(NUMBER);
        f.write_str(parts.next().unwrap_or_default())?;
        parts.try_for_each(|part| f.write_str(part.split_once(')').map_or("", |(_, rest)| rest)))
    }
}

/// Why a file or a directory that the operator has named cannot be used for what is `wanted`.
pub fn of_path(error: &io::Error, path: &Path, wanted: Access) -> String {
    let text = cause(error);
    let remedy = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS) => obstacle(path, wanted),
        Some(Errno::ROFS) => Some("under systemd, ReadWritePaths= makes it writable".to_owned()),
        _ => None,
    };
    match remedy {
        Some(remedy) => format!("{text}: {remedy}"),
        None => text.to_string(),
    }
}

/// What is in the way. Landlock has no say in access(2): where that finds nothing, it is Landlock, or
/// another that refuses besides the permissions.
fn obstacle(path: &Path, wanted: Access) -> Option<String> {
    let is_denied = |path: &Path, wanted| access(path, wanted) == Err(Errno::ACCESS);
    let path = std::path::absolute(path).ok()?;
    let path = path.canonicalize().unwrap_or(path);
    let user = rustix::process::geteuid().as_raw();
    let above: Vec<&Path> = path.ancestors().skip(1).collect();
    let mut above = above.into_iter().rev();
    if let Some(closed) = above.find(|directory| is_denied(directory, Access::EXEC_OK)) {
        let closed = closed.display();
        return Some(format!("user {user} may not enter {closed}; try chmod +x"));
    }
    let parent = path.parent().filter(|_| !path.exists());
    let wanted = parent.map_or(wanted, |_| Access::WRITE_OK | Access::EXEC_OK);
    let looked_at = parent.unwrap_or(&path);
    if is_denied(looked_at, wanted) {
        let verb = if wanted.contains(Access::WRITE_OK) {
            "write to"
        } else if wanted == Access::EXEC_OK {
            "run"
        } else {
            "read"
        };
        let shown = looked_at.display();
        return Some(format!(
            "user {user} may not {verb} {shown}; try chown or chmod"
        ));
    }
    let text = "its permissions allow it, a sandbox does not; that of this server holds what it was \
                started with, so restart it (or see AppArmor, SELinux)";
    Some(text.to_owned())
}

/// Why nothing can listen at a `port`, as in `port 21`.
pub fn of_listening(error: &io::Error, port: &dyn Display) -> String {
    let text = cause(error);
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS) => format!(
            "{text}: {port} needs the capability CAP_NET_BIND_SERVICE (in systemd \
             AmbientCapabilities=CAP_NET_BIND_SERVICE, or setcap cap_net_bind_service+ep on the \
             program), a socket from systemd, or a lower sysctl net.ipv4.ip_unprivileged_port_start"
        ),
        Some(Errno::ADDRINUSE) => {
            format!("{text}, by another server or an earlier one of this: see ss -ltnp")
        }
        Some(Errno::ADDRNOTAVAIL) => {
            format!("{text}: no interface of this host has it; see ip address")
        }
        _ => text.to_string(),
    }
}

/// Why no connection can be accepted.
pub fn of_accepting(error: &io::Error) -> String {
    let text = cause(error);
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => {
            format!(
                "{text}: raise ulimit -n (LimitNOFILE= in systemd), or lower limits.connections"
            )
        }
        _ => text.to_string(),
    }
}

/// Why the process cannot become another user.
pub fn of_identity(error: &io::Error) -> String {
    let text = cause(error);
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::PERM) => format!(
            "{text}: only root, or CAP_SETUID and CAP_SETGID, can; started as that user already (as by \
             systemd's User=), leave run-as out"
        ),
        Some(Errno::INVAL) => {
            format!("{text}: this user namespace has no such number; see /proc/self/uid_map")
        }
        _ => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(errno: Errno) -> io::Error {
        errno.into()
    }

    #[test]
    fn no_number_is_shown_wherever_it_stands() {
        let cause = |error: &dyn Display| cause(error).to_string();
        assert_eq!(cause(&os(Errno::NOENT)), "No such file or directory");
        assert_eq!(cause(&Errno::ACCESS), "Permission denied");
        let nested = format!("open \"x\": {}, twice: {}", Errno::ACCESS, Errno::PERM);
        let words = "open \"x\": Permission denied, twice: Operation not permitted";
        assert_eq!(cause(&nested), words);
        assert_eq!(cause(&io::Error::other("its own words")), "its own words");
        assert_eq!(cause(&"cut (os error 1"), "cut");
    }

    #[test]
    fn a_port_says_who_may_have_it() {
        let said = |errno| of_listening(&os(errno), &"port 21");
        let denied = said(Errno::ACCESS);
        for remedy in [
            "Permission denied: port 21 needs the capability CAP_NET_BIND_SERVICE",
            "AmbientCapabilities=",
            "setcap cap_net_bind_service+ep",
            "a socket from systemd",
            "net.ipv4.ip_unprivileged_port_start",
        ] {
            assert!(denied.contains(remedy), "{remedy} in {denied}");
        }
        assert!(said(Errno::ADDRINUSE).starts_with("Address already in use, by "));
        assert!(said(Errno::ADDRNOTAVAIL).contains("no interface of this host has it"));
        assert_eq!(said(Errno::MFILE), "Too many open files");
        assert!(
            of_accepting(&os(Errno::MFILE)).starts_with("Too many open files: raise ulimit -n")
        );
    }

    #[test]
    fn another_user_says_what_is_needed() {
        let said = of_identity(&os(Errno::PERM));
        assert!(said.contains("CAP_SETUID and CAP_SETGID"), "{said}");
        assert!(of_identity(&os(Errno::INVAL)).contains("uid_map"));
        assert_eq!(
            of_identity(&os(Errno::AGAIN)),
            "Resource temporarily unavailable"
        );
    }

    /// Landlock refuses what the permissions allow.
    #[test]
    fn what_the_permissions_allow_is_refused_by_a_sandbox() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let said = of_path(&os(Errno::ACCESS), file.path(), Access::READ_OK);
        assert!(said.contains("a sandbox does not"), "{said}");
        let missing = file.path().with_extension("none");
        let said = of_path(&os(Errno::ACCESS), &missing, Access::WRITE_OK);
        assert!(said.contains("a sandbox does not"), "{said}");
        let said = of_path(&os(Errno::ROFS), file.path(), Access::WRITE_OK);
        assert!(said.contains("ReadWritePaths="), "{said}");
        let said = of_path(&os(Errno::NOENT), &missing, Access::READ_OK);
        assert_eq!(said, "No such file or directory");
    }
}
