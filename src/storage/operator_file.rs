//! Files that the operator names: a configuration, a certificate, a password.
//!
//! They are read again while the server runs, so only regular files are taken: opening a pipe would
//! wait for its other end, and a second reading would find nothing.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a regular file to be read; links are followed. It never waits for the other end of a pipe.
pub fn open_operator_file(path: &Path) -> io::Result<File> {
    let at_once = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(at_once)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(Errno::ISDIR.into());
    }
    if !kind.is_file() {
        return Err(io::Error::other("this is no regular file"));
    }
    Ok(file)
}
