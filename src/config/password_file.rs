//! Reads the secret of an account: a password hash or a plain password, on the first line of a file or in
//! an environment variable.
//!
//! Text that begins with `$` is a hash, so a plain password cannot begin with `$`. SIGHUP reads the file
//! again, so it must be a regular file: opening a pipe could block.

use std::io::{self, Read as _};
use std::path::Path;

use rustix::fs::Access;

use crate::auth::{Password, Secret};
use crate::cause::of_path;
use crate::limits::PASSWORD_FILE_BYTES;
use crate::storage::open_operator_file;

/// Written by Windows editors at the start of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the secret in a file.
///
/// # Errors
/// The cause; it does not name the file.
pub fn read(path: &Path) -> Result<Secret, String> {
    let bytes = first_bytes(path).map_err(|error| of_path(&error, path, Access::READ_OK))?;
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    let mut lines = bytes.split(|&b| b == b'\n');
    // `split` yields at least one item, even for an empty file.
    let line = lines.next().unwrap_or_default();
    if lines.next().is_none() && bytes.len() >= PASSWORD_FILE_BYTES {
        return Err(format!(
            "the first line is longer than {PASSWORD_FILE_BYTES} bytes, the maximum"
        ));
    }
    secret(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Parses a hash or a plain password.
///
/// # Errors
/// The text is empty, or a hash that this build cannot verify.
pub fn secret(text: &[u8]) -> Result<Secret, String> {
    if text.is_empty() {
        return Err("the password is empty".to_owned());
    }
    match str::from_utf8(text) {
        // No hash ends in white space.
        Ok(hash) if hash.starts_with('$') => {
            let hashed = Secret::hashed(hash.trim_ascii_end());
            hashed.map_err(|error| format!("a plain password cannot begin with $, and {error}"))
        }
        _ => Ok(Secret::Plain(Password::from(text))),
    }
}

fn first_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_operator_file(path)?
        .take(PASSWORD_FILE_BYTES as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Reads a file with this content.
    fn read_of(bytes: &[u8]) -> Result<Secret, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        read(file.path())
    }

    fn plain(text: &[u8]) -> Secret {
        Secret::Plain(text.into())
    }

    #[test]
    fn password_is_the_first_line_byte_for_byte() {
        for (bytes, password) in [
            (&b"secret"[..], &b"secret"[..]),
            (b"secret\nand a remark\n", b"secret"),
            (b"secret\r\n", b"secret"),
            (b" secret \n", b" secret "),
            (b"\xef\xbb\xbfsecret\n", b"secret"),
            (b"p\xe4ss\n", b"p\xe4ss"),
        ] {
            assert_eq!(read_of(bytes), Ok(plain(password)));
        }
    }

    #[cfg(feature = "hashed-passwords")]
    #[test]
    fn hash_is_recognized_in_file_and_variable() {
        let hash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
        for end in ["", "\n", "\r\n", " \t\n", "\nremark"] {
            let read = read_of(format!("{hash}{end}").as_bytes());
            assert_eq!(read, Ok(Secret::hashed(hash).unwrap()), "{end:?}");
        }
        assert_eq!(secret(hash.as_bytes()), Ok(Secret::hashed(hash).unwrap()));
        for text in [&b"$1$abc$def"[..], b"$ecret"] {
            let error = read_of(text).unwrap_err();
            let expected =
                "a plain password cannot begin with $, and a hash begins with $argon2id$";
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn empty_or_overlong_password_is_refused() {
        assert_eq!(read_of(b"").unwrap_err(), "the password is empty");
        assert_eq!(read_of(b"\nsecret").unwrap_err(), "the password is empty");
        let longest = vec![b'p'; PASSWORD_FILE_BYTES - 1];
        assert_eq!(read_of(&longest), Ok(plain(&longest)));
        let line = [&longest[..], b"\n", b"more"].concat();
        assert_eq!(read_of(&line), Ok(plain(&longest)));
        let longer = read_of(&vec![b'p'; PASSWORD_FILE_BYTES]).unwrap_err();
        assert!(longer.contains("first line"), "{longer}");
    }

    #[test]
    fn special_file_is_refused_without_blocking() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(read(&pipe).unwrap_err(), "not a regular file");
        assert!(read(directory.path()).is_err());
        assert!(
            read(&directory.path().join("none"))
                .unwrap_err()
                .contains("No such file")
        );
    }
}
