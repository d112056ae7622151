//! The user and group of `run-as`: names looked up in /etc/passwd and /etc/group (passwd(5),
//! group(5)), or numeric ids.
//!
//! The files are parsed here and not by the C library, whose look-up loads NSS modules and queries
//! services, which a static binary cannot. It only resolves names, rejects root, and evaluates
//! permission bits; `privileges` does the switch.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::{Error, Reason};
use crate::cause::cause;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

// Permission bits of one octal digit of a mode.
const EXECUTE: u32 = 0o1;
const WRITE: u32 = 0o2;
const READ: u32 = 0o4;

/// A user and an optional group, as configured: `ftp`, `ftp:ftp`, `1000:1000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAs {
    /// Name or uid.
    pub user: String,
    /// Name or gid; `None`: the user's primary group.
    pub group: Option<String>,
}

impl fmt::Display for RunAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{}:{group}", self.user),
            None => f.write_str(&self.user),
        }
    }
}

impl FromStr for RunAs {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        if user.is_empty() || group.is_some_and(str::is_empty) {
            return Err(());
        }
        Ok(Self {
            user: user.to_owned(),
            group: group.map(str::to_owned),
        })
    }
}

impl RunAs {
    /// Checks that the user exists and is not root.
    ///
    /// # Errors
    /// If not, or if the files cannot be read.
    pub fn check(&self) -> Result<(), Error> {
        let resolved = self.resolve();
        resolved.map(drop).map_err(|reason| self.failed(reason))
    }

    /// Whether the permissions of a directory, and of those above it, allow this user to list it,
    /// and with `to_write` to change its entries; `None` if the user or the directory cannot be looked
    /// up. Access control lists (acl(5)) are not considered.
    pub fn may_reach(&self, directory: &Path, to_write: bool) -> Option<bool> {
        self.may(directory, READ | EXECUTE | if to_write { WRITE } else { 0 })
    }

    /// The highest directory above this one that this user may not pass through; `None` if there is none, or
    /// it cannot be looked up.
    pub fn stopped_at(&self, directory: &Path) -> Option<PathBuf> {
        let identity = self.resolve().ok()?;
        let directory = fs::canonicalize(directory).ok()?;
        let may_pass = |above: &Path| {
            let found = fs::metadata(above);
            found.map_or(true, |found| identity.may(&found, EXECUTE))
        };
        let above: Vec<_> = directory.ancestors().skip(1).collect();
        let stopped = above.into_iter().rev().find(|above| !may_pass(above));
        stopped.map(Path::to_owned)
    }

    /// As [`may_reach`](Self::may_reach), for creating files in a directory.
    pub fn may_create_in(&self, directory: &Path) -> Option<bool> {
        self.may(directory, WRITE | EXECUTE)
    }

    /// As [`may_reach`](Self::may_reach), for reading or writing a file.
    pub fn may_use(&self, file: &Path, to_write: bool) -> Option<bool> {
        self.may(file, if to_write { WRITE } else { READ })
    }

    pub(super) fn failed(&self, reason: Reason) -> Error {
        Error {
            run_as: self.clone(),
            reason,
        }
    }

    fn may(&self, path: &Path, wanted: u32) -> Option<bool> {
        let identity = self.resolve().ok()?;
        let path = fs::canonicalize(path).ok()?;
        let may = |path: &Path, wanted| Some(identity.may(&fs::metadata(path).ok()?, wanted));
        for above in path.ancestors().skip(1) {
            if !may(above, EXECUTE)? {
                return Some(false);
            }
        }
        may(&path, wanted)
    }

    /// Looks up the ids.
    pub(super) fn resolve(&self) -> Result<UserIdentity, Reason> {
        // Numeric ids do not need the files: a container may have none.
        let read = |path: &'static str, needed: bool| match fs::read(path) {
            Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(_) if !needed => Ok(String::new()),
            Err(error) => Err(Reason::File(path, error)),
        };
        let is_group_numeric = self.group.as_deref().is_some_and(|g| number(g).is_some());
        let is_numeric = number(&self.user).is_some() && is_group_numeric;
        let passwd = read(PASSWD, !is_numeric)?;
        let group = read(GROUP, self.group.is_some() && !is_group_numeric)?;
        self.look_up(&passwd, &group).map_err(Reason::Unknown)
    }

    fn look_up(&self, passwd: &str, group: &str) -> Result<UserIdentity, String> {
        let user = &self.user;
        let numeric = number(user);
        let users = || {
            let lines = passwd.lines().filter_map(Line::parse);
            lines.filter_map(|user| Some((user.name, user.id, number(user.last)?)))
        };
        // As in chown(1), a numeric name takes precedence over the id.
        let named = users().find(|(name, ..)| name == user);
        let found = named.or_else(|| users().find(|(_, id, _)| Some(*id) == numeric));
        let (uid, own_group) = match (found, numeric) {
            (Some((_, id, group)), _) => (id, Some(group)),
            (None, Some(uid)) => (uid, None),
            (None, None) => return Err(format!("no user '{user}' in {PASSWD}")),
        };
        if uid == 0 {
            return Err(format!("'{user}' is root"));
        }
        let lines = || group.lines().filter_map(Line::parse);
        let gid = match (&self.group, own_group) {
            (Some(name), _) => {
                let named = lines().find(|group| group.name == name);
                let found = named.map(|group| group.id).or_else(|| number(name));
                found.ok_or_else(|| format!("no group '{name}' in {GROUP}"))?
            }
            (None, Some(own)) => own,
            (None, None) => {
                return Err(format!(
                    "{user} is not in {PASSWD}: add a group, as in {user}:{user}"
                ));
            }
        };
        // An id without a name has no supplementary groups.
        let is_member = |group: &Line<'_>| {
            found.is_some_and(|(name, ..)| group.last.split(',').any(|member| member == name))
        };
        let mut groups = vec![gid];
        for group in lines().filter(is_member) {
            if !groups.contains(&group.id) {
                groups.push(group.id);
            }
        }
        Ok(UserIdentity { uid, gid, groups })
    }
}

/// The id of a group, by its name or as a number.
///
/// # Errors
/// The reason in words.
pub fn group_id(name: &str) -> Result<u32, String> {
    if let Some(id) = number(name) {
        return Ok(id);
    }
    let text = fs::read(GROUP).map_err(|error| format!("{GROUP}: {}", cause(&error)))?;
    let text = String::from_utf8_lossy(&text);
    let mut groups = text.lines().filter_map(Line::parse);
    let found = groups.find(|group| group.name == name);
    found
        .map(|group| group.id)
        .ok_or_else(|| format!("no group '{name}' in {GROUP}"))
}

/// The ids of a user other than root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserIdentity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The primary group and the supplementary ones, without duplicates.
    pub(super) groups: Vec<u32>,
}

impl UserIdentity {
    /// Whether the mode grants all of `wanted`: by the digit of the owner, else the group, else others.
    fn may(&self, file: &Metadata, wanted: u32) -> bool {
        let shift = if file.uid() == self.uid {
            6
        } else if self.groups.contains(&file.gid()) {
            3
        } else {
            0
        };
        (file.mode() >> shift) & wanted == wanted
    }
}

/// Digits only; not -1 as `u32`, which means "unchanged" (setresuid(2)).
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = digits.then(|| text.parse().ok()).flatten()?;
    (number != u32::MAX).then_some(number)
}

/// A line of /etc/passwd or /etc/group: `name:password:id:last`, and further fields.
struct Line<'t> {
    name: &'t str,
    id: u32,
    /// The primary group of a user; the members of a group, separated by commas.
    last: &'t str,
}

impl<'t> Line<'t> {
    /// `None` if it is malformed.
    fn parse(line: &'t str) -> Option<Self> {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let id = number(fields.nth(1)?)?;
        // A line of a group may end after the id.
        let last = fields.next().unwrap_or("");
        Some(Self { name, id, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\n\
        # a remark\n\
        ftp:x:14:50:FTP:/srv/ftp:/usr/sbin/nologin\n\
        toor::0:0::/:\n\
        broken:x:-1:0::/:\n\
        huge:x:4294967295:50::/:\n\
        77:x:78:79::/:\n";
    const GROUPS: &str = "root:x:0:\nftp:x:50:\nmedia:x:600:ann,ftp\nothers:x:601:ftpx\n";

    fn look_up(text: &str) -> Result<UserIdentity, String> {
        text.parse::<RunAs>().unwrap().look_up(USERS, GROUPS)
    }

    fn found(text: &str) -> (u32, u32, Vec<u32>) {
        let UserIdentity { uid, gid, groups } = look_up(text).unwrap();
        (uid, gid, groups)
    }

    #[test]
    fn names_and_numeric_ids_are_resolved() {
        assert_eq!(found("ftp"), (14, 50, vec![50, 600]));
        assert_eq!(found("14"), (14, 50, vec![50, 600]));
        assert_eq!(found("ftp:media"), (14, 600, vec![600]));
        assert_eq!(found("ftp:7"), (14, 7, vec![7, 600]));
        assert_eq!(found("1234:5678"), (1234, 5678, vec![5678]));
    }

    #[test]
    fn a_numeric_name_takes_precedence_over_the_id() {
        assert_eq!(found("77"), (78, 79, vec![79]));
    }

    #[test]
    fn root_is_refused_under_any_name() {
        for text in ["root", "toor", "0", "00:5"] {
            assert!(look_up(text).unwrap_err().contains("is root"), "{text}");
        }
    }

    #[test]
    fn unknown_or_malformed_users_are_refused() {
        for text in [
            "nobody",
            "ftp:none",
            "1234",
            "broken",
            "huge",
            "4294967295:1",
            "-1:1",
            "+14:1",
            "ftp:4294967295",
        ] {
            assert!(look_up(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_empty_user_or_group_is_rejected() {
        for text in ["", ":", "ftp:", ":ftp"] {
            assert_eq!(text.parse::<RunAs>(), Err(()), "{text}");
        }
    }
}
