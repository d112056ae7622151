//! What compiles, and works beyond 2038, on 64-bit machines only: 64-bit atomics, the clock of std, and
//! arithmetic on C's types, whose widths differ by platform.
//!
//! Compilers of the other platforms find the first and the third too, but not every machine has them.

use super::sources::{assert_none, sources};

/// Words that the product's code must not contain, and the reason.
const FORBIDDEN: [(&str, &str); 4] = [
    ("AtomicU64", "MIPS and old ARM have no 64-bit atomics"),
    ("AtomicI64", "MIPS and old ARM have no 64-bit atomics"),
    ("SystemTime", "32-bit seconds on 32-bit musl; use `clock`"),
    ("UnixTime::now", "it reads `SystemTime`"),
];

/// The prefixes of the fields with C's types in the structures of `libc` and `rustix`.
const PLATFORM_FIELDS: [&str; 4] = [".tv_", ".st_", ".ru_", ".rlim_"];

#[test]
fn product_code_is_portable() {
    let mut found = Vec::new();
    for source in sources("src") {
        for (number, line) in source.product() {
            let words = FORBIDDEN.iter().filter(|(word, _)| line.contains(word));
            found.extend(
                words.map(|(word, why)| format!("{}:{number}: {word}: {why}", source.path)),
            );
            if computes_with_field(line) {
                let why = "convert the field first: its type differs by platform";
                found.push(format!("{}:{number}: {why}", source.path));
            }
        }
    }
    assert_none("code that depends on the platform", &found);
}

/// Whether a field of a C type stands next to an operator, or has a method of numbers called.
fn computes_with_field(line: &str) -> bool {
    let fields = PLATFORM_FIELDS
        .into_iter()
        .flat_map(|prefix| line.match_indices(prefix));
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_operator = |c: char| "+-*/%<>&|^".contains(c);
    fields.into_iter().any(|(at, prefix)| {
        let after = line[at + prefix.len()..].trim_start_matches(is_word);
        let before = line[..at].trim_end_matches(|c| is_word(c) || c == '.');
        // Spaces stand around an operator of two numbers, and none behind a `&` that borrows.
        let follows = before.ends_with(' ') && before.trim_end().ends_with(is_operator);
        let follows = follows && !before.ends_with("=> ");
        let precedes = after.starts_with(' ') && after.trim_start().starts_with(is_operator);
        follows || precedes || after.starts_with('.') && !after.starts_with(".into()")
    })
}

#[test]
fn arithmetic_on_platform_fields_is_detected() {
    for line in [
        "now.tv_sec * 1_000_000",
        "seconds + now.tv_nsec",
        "a.st_size.saturating_mul(2)",
        "x - (y / stat.st_blksize)",
        "if stat.st_size < 4 {",
    ] {
        assert!(computes_with_field(line), "{line}");
    }
    for line in [
        "u32::try_from(read.tv_nsec)",
        "i64::from(now.tv_sec) * 1_000_000",
        "modified: found.stx_mtime.tv_sec,",
        "mode: u32::from(stat.st_mode) & 0o7777,",
        "links: found.st_nlink.into(),",
        "if stat.st_nlink == 0 {",
        "Ok(stat) => stat.st_size,",
        "stat.f_bavail.saturating_mul(stat.f_frsize)",
    ] {
        assert!(!computes_with_field(line), "{line}");
    }
}
