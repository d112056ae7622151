//! Formats operating system errors for the operator: the cause in words and, if known, the remedy;
//! never the error number.
//!
//! Every operating system error in the log or on a terminal is formatted here. [`of_path`] calls
//! access(2) to find the missing permission, so it may block: do not call it on the event loop.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::io::Errno;

/// The standard library appends the error number like this, and a closing parenthesis.
const NUMBER: &str = " (os error ";

/// Displays an error without its number.
pub fn cause(error: &dyn Display) -> Cause<'_> {
    Cause(error)
}

/// See [`cause`].
pub struct Cause<'a>(&'a dyn Display);

/// The number can be anywhere in the text, because libraries embed operating system errors in their own.
impl Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        let mut parts = text.split(NUMBER);
        // There is always a first part.
        f.write_str(parts.next().unwrap_or_default())?;
        parts.try_for_each(|part| f.write_str(part.split_once(')').map_or("", |(_, rest)| rest)))
    }
}

/// Why a configured file or directory cannot be accessed as `wanted`.
pub fn of_path(error: &io::Error, path: &Path, wanted: Access) -> String {
    let text = cause(error);
    let remedy = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS) => missing_permission(path, wanted),
        Some(Errno::ROFS) => Some("under systemd, ReadWritePaths= makes it writable".to_owned()),
        _ => None,
    };
    match remedy {
        Some(remedy) => format!("{text}: {remedy}"),
        None => text.to_string(),
    }
}

/// The permission that is missing. access(2) ignores Landlock: if it grants everything, Landlock or
/// another security module has denied the access.
fn missing_permission(path: &Path, wanted: Access) -> Option<String> {
    let is_denied = |path: &Path, wanted| access(path, wanted) == Err(Errno::ACCESS);
    let path = std::path::absolute(path).ok()?;
    // Fails for a file that does not exist yet.
    let path = path.canonicalize().unwrap_or(path);
    let user = rustix::process::geteuid().as_raw();
    let ancestors: Vec<&Path> = path.ancestors().skip(1).collect();
    let mut from_root = ancestors.into_iter().rev();
    if let Some(closed) = from_root.find(|directory| is_denied(directory, Access::EXEC_OK)) {
        let closed = closed.display();
        return Some(format!("user {user} may not enter {closed}; try chmod +x"));
    }
    // A file that does not exist is to be created in its parent.
    let parent = path.parent().filter(|_| !path.exists());
    let wanted = parent.map_or(wanted, |_| Access::WRITE_OK | Access::EXEC_OK);
    let checked = parent.unwrap_or(&path);
    if is_denied(checked, wanted) {
        let verb = if wanted.contains(Access::WRITE_OK) {
            "write to"
        } else if wanted == Access::EXEC_OK {
            "run"
        } else {
            "read"
        };
        let shown = checked.display();
        return Some(format!(
            "user {user} may not {verb} {shown}; try chown or chmod"
        ));
    }
    let text = "its permissions allow it, a sandbox does not; the sandbox of this server is fixed at \
                its start, so restart it (or check AppArmor or SELinux)";
    Some(text.to_owned())
}

/// Why the server cannot listen on a `port`, such as `port 21`.
pub fn of_listening(error: &io::Error, port: &dyn Display) -> String {
    let text = cause(error);
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ACCESS) => format!(
            "{text}: {port} needs the capability CAP_NET_BIND_SERVICE (in systemd \
             AmbientCapabilities=CAP_NET_BIND_SERVICE, or setcap cap_net_bind_service+ep on the \
             program), a socket from systemd, or a lower sysctl net.ipv4.ip_unprivileged_port_start"
        ),
        Some(Errno::ADDRINUSE) => {
            format!("{text}, by another server or an earlier instance of this one: see ss -ltnp")
        }
        Some(Errno::AFNOSUPPORT) => {
            format!(
                "{text}: this kernel has no IPv6; listen at an address of IPv4, such as 0.0.0.0"
            )
        }
        Some(Errno::ADDRNOTAVAIL) => {
            format!("{text}: no interface of this host has this address; see ip address")
        }
        _ => text.to_string(),
    }
}

/// Why accept(2) failed.
pub fn of_accepting(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => {
            let text = cause(error);
            format!(
                "{text}: raise ulimit -n (LimitNOFILE= in systemd), or lower limits.connections"
            )
        }
        _ => of_event_loop(error),
    }
}

/// Why a call failed for which the event loop has no substitute.
pub fn of_event_loop(error: &io::Error) -> String {
    let text = cause(error);
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSYS) => format!(
            "{text}: the kernel, or a filter of system calls around the server, must allow \
             epoll_create1, eventfd2 and accept4"
        ),
        _ => text.to_string(),
    }
}

/// Why the process cannot switch to another user.
pub fn of_identity(error: &io::Error) -> String {
    let text = cause(error);
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::PERM) => format!(
            "{text}: switching users needs root, or CAP_SETUID and CAP_SETGID; if the server is \
             started as that user already (as by User= of systemd), leave run-as out"
        ),
        Some(Errno::INVAL) => {
            format!("{text}: this user namespace does not map the id; see /proc/self/uid_map")
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
    fn error_number_is_removed_anywhere_in_the_text() {
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
    fn listening_errors_name_the_remedy() {
        let text = |errno| of_listening(&os(errno), &"port 21");
        let denied = text(Errno::ACCESS);
        for remedy in [
            "Permission denied: port 21 needs the capability CAP_NET_BIND_SERVICE",
            "AmbientCapabilities=",
            "setcap cap_net_bind_service+ep",
            "a socket from systemd",
            "net.ipv4.ip_unprivileged_port_start",
        ] {
            assert!(denied.contains(remedy), "{remedy} in {denied}");
        }
        assert!(text(Errno::ADDRINUSE).starts_with("Address already in use, by "));
        assert!(text(Errno::ADDRNOTAVAIL).contains("no interface of this host has this address"));
        assert_eq!(text(Errno::MFILE), "Too many open files");
        assert!(
            of_accepting(&os(Errno::MFILE)).starts_with("Too many open files: raise ulimit -n")
        );
        let missing = of_accepting(&os(Errno::NOSYS));
        assert!(
            missing.ends_with("epoll_create1, eventfd2 and accept4"),
            "{missing}"
        );
        assert_eq!(of_event_loop(&os(Errno::NOMEM)), "Cannot allocate memory");
    }

    #[test]
    fn identity_errors_name_the_remedy() {
        let text = of_identity(&os(Errno::PERM));
        assert!(text.contains("CAP_SETUID and CAP_SETGID"), "{text}");
        assert!(of_identity(&os(Errno::INVAL)).contains("uid_map"));
        assert_eq!(
            of_identity(&os(Errno::AGAIN)),
            "Resource temporarily unavailable"
        );
    }

    /// Only Landlock and the like deny what access(2) grants.
    #[test]
    fn denial_despite_permissions_is_blamed_on_a_sandbox() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = of_path(&os(Errno::ACCESS), file.path(), Access::READ_OK);
        assert!(text.contains("a sandbox does not"), "{text}");
        let missing = file.path().with_extension("none");
        let text = of_path(&os(Errno::ACCESS), &missing, Access::WRITE_OK);
        assert!(text.contains("a sandbox does not"), "{text}");
        let text = of_path(&os(Errno::ROFS), file.path(), Access::WRITE_OK);
        assert!(text.contains("ReadWritePaths="), "{text}");
        let text = of_path(&os(Errno::NOENT), &missing, Access::READ_OK);
        assert_eq!(text, "No such file or directory");
    }
}
