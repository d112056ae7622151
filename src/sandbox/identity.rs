//! The user and group of `run-as`: names looked up in /etc/passwd and /etc/group (passwd(5),
//! group(5)), or numeric ids.
//!
//! The files are parsed here and not by the C library, whose look-up loads NSS modules and queries
//! services, which a static binary cannot. It only resolves names, rejects root, and evaluates
//! permission bits; `privileges` does the switch.

use std::fmt;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr;

use super::{Error, Reason};

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
        // As in chown(1), a numeric name takes precedence over the id.
        let named = users(passwd).find(|entry| entry.name == user);
        let entry = named.or_else(|| users(passwd).find(|entry| Some(entry.id) == numeric));
        let (uid, own_group) = match (&entry, numeric) {
            (Some(entry), _) => (entry.id, Some(entry.group)),
            (None, Some(uid)) => (uid, None),
            (None, None) => return Err(format!("no user '{user}' in {PASSWD}")),
        };
        if uid == 0 {
            return Err(format!("'{user}' is root"));
        }
        let gid = match (&self.group, own_group) {
            (Some(name), _) => group_number(name, group)?,
            (None, Some(own)) => own,
            (None, None) => {
                return Err(format!(
                    "{user} is not in {PASSWD}: add a group, as in {user}:{user}"
                ));
            }
        };
        // An id without a name has no supplementary groups.
        let member_of = |name| groups(group).filter(move |group| group.has(name));
        let entry = entry.iter();
        let mut groups: Vec<u32> = entry
            .flat_map(|entry| member_of(entry.name))
            .map(|group| group.id)
            .collect();
        groups.push(gid);
        groups.sort_unstable();
        groups.dedup();
        Ok(UserIdentity { uid, gid, groups })
    }
}

/// The ids of a user other than root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UserIdentity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The supplementary groups and the primary one; sorted, without duplicates.
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

fn group_number(name: &str, group: &str) -> Result<u32, String> {
    let named = groups(group).find(|entry| entry.name == name);
    let found = named.map(|entry| entry.id).or_else(|| number(name));
    found.ok_or_else(|| format!("no group '{name}' in {GROUP}"))
}

struct User<'t> {
    name: &'t str,
    id: u32,
    group: u32,
}

/// The well-formed lines `name:password:uid:gid:…`.
fn users(passwd: &str) -> impl Iterator<Item = User<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let id = number(fields.nth(1)?)?;
        let group = number(fields.next()?)?;
        Some(User { name, id, group })
    })
}

struct Group<'t> {
    name: &'t str,
    id: u32,
    members: &'t str,
}

impl Group<'_> {
    fn has(&self, user: &str) -> bool {
        self.members.split(',').any(|member| member == user)
    }
}

/// The well-formed lines `name:password:gid:member,member`.
fn groups(group: &str) -> impl Iterator<Item = Group<'_>> {
    group.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let id = number(fields.nth(1)?)?;
        // A line may end after the gid.
        let members = fields.next().unwrap_or("");
        Some(Group { name, id, members })
    })
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
