//! The mounts in the text of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
//!
//! It has the format and nothing else: it opens no file. A line that it does not understand is left out.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The type of the file system that a path is on: that of the last mount at the longest of its parents.
pub(super) fn type_at(text: &str, path: &Path) -> Option<String> {
    let mounts = text.lines().filter_map(mount);
    let above = mounts.filter(|(point, _)| path.starts_with(point));
    let (_, kind) = above.max_by_key(|(point, _)| point.as_os_str().len())?;
    Some(kind.to_owned())
}

/// The mount point and the type of the file system.
fn mount(line: &str) -> Option<(PathBuf, &str)> {
    let (own, of_type) = line.split_once(" - ")?;
    let point = own.split(' ').nth(4)?;
    let kind = of_type.split(' ').next()?;
    Some((PathBuf::from(OsString::from_vec(unescaped(point))), kind))
}

/// Replaces `\ooo`, an octal number of three digits, by its byte.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        let (byte, after) = match (first, escaped) {
            (b'\\', Some(byte)) => (byte, after.get(3..).unwrap_or_default()),
            _ => (*first, after),
        };
        bytes.push(byte);
        rest = after;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn longest_mount_point_has_the_path() {
        let text = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
22 21 0:20 / /srv rw - btrfs /dev/sdb rw
23 22 0:21 / /srv/a\\040b rw master:1 - nfs4 host:/x rw
bad line";
        for (path, expected) in [
            ("/etc", Some("ext4")),
            ("/srv/f", Some("btrfs")),
            ("/srv/a b/f", Some("nfs4")),
            ("/srv2", Some("ext4")),
            ("relative", None),
        ] {
            let found = type_at(text, Path::new(path));
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn malformed_text_is_left_out(text in "[\\\\0-9 é/-]{0,60}") {
            let _ = type_at(&text, Path::new("/a"));
            prop_assert!(unescaped(&text).len() <= text.len());
        }
    }
}
