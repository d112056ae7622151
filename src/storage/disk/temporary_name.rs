//! The reserved names: those of temporary files, which are hidden from clients.
//!
//! It owns their form, by which the sweep knows them, too. It opens no file.

use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _, RandomState};

const PREFIX: &[u8] = b".mioftpd-";
const SUFFIX: &[u8] = b".tmp";

/// Hexadecimal digits between prefix and suffix.
const DIGITS: usize = 16;

/// Between the digits and a name that is tried.
const TRIED: &[u8] = b"-";

/// Whether the name is hidden from clients.
pub(super) fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Whether the name is that of a temporary file: a subset of the reserved names.
pub(super) fn is_temporary(name: &[u8]) -> bool {
    let number = name
        .strip_prefix(PREFIX)
        .and_then(|name| name.strip_suffix(SUFFIX));
    let number = number.and_then(|number| number.split_at_checked(DIGITS));
    number.is_some_and(|(number, tried)| {
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        number.iter().all(is_digit) && (tried.is_empty() || tried.starts_with(TRIED))
    })
}

/// The name of a temporary file.
pub(super) fn temporary_name(number: u64) -> Vec<u8> {
    with_part(number, b"")
}

/// As [`temporary_name`], and it contains `name`, to see whether that is allowed.
pub(super) fn trial_name(name: &[u8]) -> Vec<u8> {
    with_part(random(), &[TRIED, name].concat())
}

fn with_part(number: u64, part: &[u8]) -> Vec<u8> {
    let digits = format!("{number:0DIGITS$x}");
    [PREFIX, digits.as_bytes(), part, SUFFIX].concat()
}

/// A number that no other process guesses.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(0_u64)
}

/// The same in all processes of one build. If another build hashes differently, two uploads may reserve
/// one name; then the second commit fails with [`Error::Exists`](crate::storage::Error::Exists).
pub(super) fn stable_hash(name: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(name);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_include_temporary_names() {
        assert!(is_reserved(b".mioftpd-0123456789abcdef.tmp"));
        assert!(!is_reserved(b".mioftpd-0123456789abcdef"));
        assert!(!is_reserved(b"mioftpd-0123456789abcdef.tmp"));
        assert!(!is_reserved(b"x.tmp"));
        assert!(is_temporary(b".mioftpd-0123456789abcdef.tmp"));
        assert!(is_temporary(b".mioftpd-0123456789abcdef-a:b.tmp"));
        for other in [
            &b".mioftpd-.tmp"[..],
            b".mioftpd-notes.tmp",
            b".mioftpd-0123456789abcde.tmp",
            b".mioftpd-0123456789abcdef0.tmp",
            b".mioftpd-0123456789ABCDEF.tmp",
            b"0123456789abcdef",
        ] {
            assert!(!is_temporary(other));
        }
    }
}
