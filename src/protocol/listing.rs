//! Formats the lines of LIST and NLST (RFC 959 §4.1.3).
//!
//! RFC 959 does not define the format of LIST; clients parse that of `ls -l`: mode, links, owner,
//! group, size, date, name. Each function appends one line. This module knows neither the source
//! and order of the entries, nor the current time.

use std::borrow::Cow;

use super::date;
use super::decimal;
use super::entry::{Entry, Kind, Metadata, Special};
use super::zone::Zone;

/// Appends one line of LIST in the format of `ls -l`, with numeric owners and the date in `zone`.
/// `encode` converts a name to the client's charset.
pub fn write_ls_line(
    out: &mut Vec<u8>,
    entry: &Entry,
    now: i64,
    zone: Zone,
    encode: impl for<'n> Fn(&'n [u8]) -> Cow<'n, [u8]>,
) {
    let metadata = &entry.metadata;
    write_mode(out, metadata);
    out.push(b' ');
    // Some clients cannot parse 0, which a file system without link counts reports.
    decimal::write_right(out, metadata.links.max(1), 4);
    out.push(b' ');
    decimal::write_left(out, u64::from(metadata.owner), 8);
    out.push(b' ');
    decimal::write_left(out, u64::from(metadata.group), 8);
    out.push(b' ');
    decimal::write_right(out, metadata.size, 12);
    out.push(b' ');
    date::write_ls_date(out, zone.local(metadata.modified), zone.local(now));
    out.push(b' ');
    write_shown_name(out, &encode(&entry.name));
    if let Some(target) = &entry.target {
        out.extend_from_slice(b" -> ");
        write_shown_name(out, &encode(target));
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends one line of NLST. If the name contains CR, LF or NUL, appends nothing and returns `false`:
/// clients pass the names to RETR, so an escaped one would be wrong.
pub fn write_name_line(out: &mut Vec<u8>, name: &[u8]) -> bool {
    if name.iter().any(|&byte| breaks_line(byte)) {
        return false;
    }
    out.extend_from_slice(name);
    out.extend_from_slice(b"\r\n");
    true
}

/// Appends a name with `?` in place of CR, LF and NUL.
pub fn write_shown_name(out: &mut Vec<u8>, name: &[u8]) {
    out.extend(
        name.iter()
            .map(|&byte| if breaks_line(byte) { b'?' } else { byte }),
    );
}

const fn breaks_line(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// Appends the ten characters of type and permissions.
fn write_mode(out: &mut Vec<u8>, metadata: &Metadata) {
    let mode = metadata.mode;
    out.push(match metadata.kind {
        Kind::File => b'-',
        Kind::Directory => b'd',
        Kind::Link => b'l',
        Kind::Other(Special::Pipe) => b'p',
        Kind::Other(Special::Socket) => b's',
        Kind::Other(Special::CharacterDevice) => b'c',
        Kind::Other(Special::BlockDevice) => b'b',
    });
    // The set-user-ID, set-group-ID and sticky bits replace the x.
    for (shift, special, letter) in [(6, 0o4000, b's'), (3, 0o2000, b's'), (0, 0o1000, b't')] {
        let bits = mode >> shift;
        out.push(if bits & 4 == 0 { b'-' } else { b'r' });
        out.push(if bits & 2 == 0 { b'-' } else { b'w' });
        out.push(match (bits & 1 != 0, mode & special != 0) {
            (false, false) => b'-',
            (true, false) => b'x',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &[u8]) -> Entry {
        Entry::for_test(name, Kind::File)
    }

    fn line(entry: &Entry) -> String {
        let mut out = Vec::new();
        write_ls_line(&mut out, entry, 0, Zone::UTC, |name| Cow::Borrowed(name));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn file_line_has_the_format_of_ls() {
        let expected = "-rw-r-----    1 1000     100              1234 Jan  1 00:00 a b\r\n";
        assert_eq!(line(&entry(b"a b")), expected);
    }

    #[test]
    fn link_line_shows_its_target() {
        let mut link = entry(b"l");
        link.metadata.kind = Kind::Link;
        link.metadata.mode = 0o777;
        link.target = Some(b"../t\n".to_vec());
        let shown = line(&link);
        assert!(shown.starts_with("lrwxrwxrwx "), "{shown}");
        assert!(shown.ends_with(" l -> ../t?\r\n"), "{shown}");
    }

    #[test]
    fn large_numbers_keep_the_fields_separated() {
        let mut large = entry(b"x");
        large.metadata.size = u64::MAX;
        large.metadata.owner = u32::MAX;
        large.metadata.links = u64::MAX;
        let line = line(&large);
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        assert_eq!(fields.len(), 9);
        assert_eq!(fields[4], u64::MAX.to_string());
    }

    #[test]
    fn types_and_mode_bits_are_shown() {
        for (kind, mode, expected) in [
            (Kind::Directory, 0o755, "drwxr-xr-x"),
            (Kind::Directory, 0o1777, "drwxrwxrwt"),
            (Kind::Directory, 0o1776, "drwxrwxrwT"),
            (Kind::File, 0o6711, "-rws--s--x"),
            (Kind::File, 0o6600, "-rwS--S---"),
            (Kind::File, 0, "----------"),
            (Kind::Other(Special::Pipe), 0o666, "prw-rw-rw-"),
            (Kind::Other(Special::Socket), 0o1755, "srwxr-xr-t"),
            (Kind::Other(Special::CharacterDevice), 0o620, "crw--w----"),
            (Kind::Other(Special::BlockDevice), 0o660, "brw-rw----"),
        ] {
            let mut shown = entry(b"x");
            shown.metadata.kind = kind;
            shown.metadata.mode = mode;
            assert!(line(&shown).starts_with(expected), "{expected}");
        }
    }

    #[test]
    fn line_breaks_in_names_are_escaped_or_skipped() {
        assert!(line(&entry(b"a\r\nb\0")).ends_with(" a??b?\r\n"));
        let mut out = Vec::new();
        for name in [&b"a\rb"[..], b"a\nb", b"a\0b"] {
            assert!(!write_name_line(&mut out, name));
        }
        assert!(out.is_empty());
        assert!(write_name_line(&mut out, b" \xe9 "));
        assert_eq!(out, b" \xe9 \r\n");
    }
}
