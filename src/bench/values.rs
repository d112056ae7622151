//! The values of command-line options that `mioftpd bench` and `mioftpd probe` share: times, command
//! arguments, the URL, and files.
//!
//! What becomes the argument of a command must not end it; no error repeats a password.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::time::Duration;

use super::url::ServerUrl;

/// The largest file that is read whole.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// A number with its unit, from `us` to `h`; `None` if it is not one.
pub(crate) fn time(value: &OsStr) -> Option<Duration> {
    let text = value.to_str()?;
    let units = [
        ("us", 1),
        ("ms", 1000),
        ("s", 1_000_000),
        ("m", 60_000_000),
        ("h", 3_600_000_000),
    ];
    let mut units = units.iter();
    let (number, unit) = units.find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))?;
    let micros = number.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Duration::from_micros(micros))
}

/// The value of `--name` as the argument of a command.
///
/// # Errors
/// In words, if it contains CR, LF or NUL.
pub(crate) fn line(value: OsString, name: &str) -> Result<Vec<u8>, String> {
    let bytes = value.into_vec();
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        let why = "it has a CR, LF or NUL, which would end a command";
        return Err(format!("--{name}: {why}"));
    }
    Ok(bytes)
}

/// A URL, for the program `bench` or `probe`.
///
/// # Errors
/// In words. The text is not repeated, as it may contain a password.
pub(crate) fn url(text: &OsStr, program: &str) -> Result<ServerUrl, String> {
    let wrong = |error| format!("{program}: the URL is wrong: {error}");
    ServerUrl::parse(&text.to_string_lossy()).map_err(wrong)
}

/// A file that the operator has named, such as a list of certificates or earlier results.
///
/// # Errors
/// It cannot be read, or has more than [`MOST_BYTES`].
pub(crate) fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other("it has more than 64 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_unit() {
        for (text, micros) in [
            ("0s", Some(0)),
            ("7us", Some(7)),
            ("500ms", Some(500_000)),
            ("10s", Some(10_000_000)),
            ("5m", Some(300_000_000)),
            ("2h", Some(7_200_000_000)),
            ("10", None),
            ("1.5s", None),
            ("-1s", None),
            ("99999999999999999999h", None),
            ("9999999999999999h", None),
        ] {
            let expected = micros.map(Duration::from_micros);
            assert_eq!(time(OsStr::new(text)), expected, "{text}");
        }
    }

    #[test]
    fn endless_file_is_refused() {
        let error = read_bounded(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.to_string(), "it has more than 64 MiB");
    }

    #[test]
    fn command_argument_with_line_end_is_refused() {
        let error = line("a\nDELE x".into(), "write").unwrap_err();
        assert!(
            error.starts_with("--write: it has a CR, LF or NUL"),
            "{error}"
        );
        assert_eq!(line("a b".into(), "write"), Ok(b"a b".to_vec()));
    }
}
