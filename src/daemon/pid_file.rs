//! The file with the process id: one line, locked (flock(2)) while the process runs.
//!
//! The lock decides whether a server runs: a file without one is of a server that was killed, and is taken
//! over. At the end the file is removed, or emptied where privileges were given up that removing it needs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mioftpd::internals::cause;
use rustix::fs::{Access, FlockOperation, OFlags, flock};
use rustix::io::Errno;

/// The longest text of a process id that is read.
const PID_BYTES: u64 = 20;

/// Starts that are tried while other servers remove the file.
const TRIES: usize = 16;

/// A locked file with the id of this process.
pub(super) struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// # Errors
    /// When the file cannot be written, or a running process has locked it.
    pub(super) fn claim(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let failed = |error: &io::Error| {
            let why = cause::of_path(error, path, Access::WRITE_OK);
            format!("--pid-file {shown}: {why}")
        };
        for _ in 0..TRIES {
            let file = open(path).map_err(|error| failed(&error))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => {
                    let pid = pid_in(&file);
                    return Err(format!(
                        "--pid-file {shown}: the server with process id {pid} is running; stop it, or \
                         choose another file"
                    ));
                }
                // A file system without locks tells no two servers apart.
                Ok(()) | Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::NOLCK) => {}
                Err(error) => return Err(failed(&error.into())),
            }
            // The server that has just ended may have removed it.
            if is_at(&file, path) {
                write(&file).map_err(|error| failed(&error))?;
                let path = path.to_owned();
                return Ok(Self { path, file });
            }
        }
        Err(format!(
            "--pid-file {shown}: other servers keep removing it"
        ))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let options = options.mode(0o644).custom_flags(flags.bits().cast_signed());
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

fn is_at(file: &File, path: &Path) -> bool {
    let id = |found: fs::Metadata| (found.dev(), found.ino());
    let opened = file.metadata().map(id);
    matches!((opened, fs::symlink_metadata(path).map(id)), (Ok(one), Ok(other)) if one == other)
}

fn pid_in(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(PID_BYTES).read_to_string(&mut text);
    match text.trim().parse::<u32>() {
        Ok(pid) if read.is_ok() => pid.to_string(),
        _ => "(unknown)".to_owned(),
    }
}

/// The new line first, then the rest of a longer old one is cut: a reader never finds the file empty.
fn write(file: &File) -> io::Result<()> {
    let line = format!("{}\n", std::process::id());
    file.write_all_at(line.as_bytes(), 0)?;
    file.set_len(line.len() as u64)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if is_at(&self.file, &self.path) && fs::remove_file(&self.path).is_err() {
            let _ = self.file.set_len(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn file_has_the_process_id_while_it_is_claimed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pid");
        let own = format!("{}\n", std::process::id());
        // A longer one of a server that was killed.
        fs::write(&path, "12345678901\n").unwrap();
        let file = PidFile::claim(&path).unwrap();
        assert_eq!(content(&path), own);
        let mode = fs::metadata(&path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o644);
        let error = PidFile::claim(&path).err().unwrap();
        assert!(
            error.contains(&format!("process id {} is running", own.trim())),
            "{error}"
        );
        assert_eq!(content(&path), own);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn other_files_are_not_claimed() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("target", &link).unwrap();
        let missing = directory.path().join("no/pid");
        for path in [directory.path(), &link, &missing, Path::new("/dev/null")] {
            let error = PidFile::claim(path).err().unwrap();
            assert!(error.starts_with("--pid-file "), "{error}");
        }
        assert!(!directory.path().join("target").exists());
    }
}
