//! The transfer logs and the audit log: files with a line for each transfer that is over, or for each
//! command that changed something or was refused.
//!
//! They are opened at the start, so that one that cannot be is known then, and written by a thread
//! of their own, so that a slow disk keeps nobody waiting. Asked to reopen them, as logrotate(8)
//! does after it has renamed them, the thread opens the same names again. A line is one write
//! behind the end (`O_APPEND`): several servers may share a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Access, OFlags, fcntl_getfl, fcntl_setfl};

use super::audit::AuditRecord;
use super::complaints::Complaints;
use super::mailbox::Mailbox;
use super::record::TransferRecord;
use super::{Waker, json, xferlog};
use crate::cause::{cause, of_path};

/// How a transfer log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The fields of wu-ftpd, xferlog(5).
    Xferlog,
    /// JSON, an object a line.
    Json,
    /// JSON, an object a line for each [`AuditRecord`], and none for a [`TransferRecord`].
    Audit,
}

impl FromStr for Format {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "xferlog" => Ok(Self::Xferlog),
            "json" => Ok(Self::Json),
            _ => Err(()),
        }
    }
}

/// One file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferLog {
    /// Its name; it is made where it is missing. Its directory should be one in which the server's
    /// user may make files, or it cannot be opened again after a rotation.
    pub file: PathBuf,
    /// How.
    pub format: Format,
}

/// What the thread is told.
pub(super) enum Entry {
    Record(Arc<TransferRecord>),
    Audit(Box<AuditRecord>),
    /// The names are to be opened again; which is counted in [`Reopening`] too, in case that there
    /// is no room for this.
    Reopen,
}

/// How often the files were to be opened again, and have been.
#[derive(Default)]
pub(super) struct Reopening {
    pub(super) asked: AtomicU32,
    done: AtomicU32,
    /// What went wrong the last time. It is held for as long as it takes to copy it.
    mistake: Mutex<Option<String>>,
}

impl Reopening {
    pub(super) fn is_done(&self) -> bool {
        self.asked.load(Ordering::Acquire) == self.done.load(Ordering::Acquire)
    }

    pub(super) fn mistake(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.mistake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files, opened.
pub(super) struct Writer {
    logs: Vec<Open>,
    reopening: Arc<Reopening>,
    waker: Waker,
}

struct Open {
    log: TransferLog,
    file: File,
    /// The last line is there in part.
    torn: bool,
    complaints: Complaints,
}

impl Writer {
    /// Opens all of them, or says which cannot be.
    pub(super) fn open(
        logs: &[TransferLog],
        reopening: Arc<Reopening>,
        waker: Waker,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let open = |log: &TransferLog| match open_file(&log.file) {
            Ok(file) => Ok(Open {
                log: log.clone(),
                file,
                torn: false,
                complaints: Complaints::default(),
            }),
            Err(error) => Err((log.file.clone(), error)),
        };
        Ok(Self {
            logs: logs.iter().map(open).collect::<Result<_, _>>()?,
            reopening,
            waker,
        })
    }

    /// Writes what comes, until nothing will come any more.
    pub(super) fn write_all(mut self, mailbox: &Mailbox<Entry>) {
        while let Some(entry) = mailbox.take() {
            self.reopen_where_asked();
            for log in &mut self.logs {
                if let Some((line, time)) = log.line(&entry) {
                    log.write(line, time);
                }
            }
            let lost = mailbox.lost();
            if lost > 0 {
                log::warn!(
                    "{lost} records are not in the transfer or audit logs: their disk is too slow"
                );
            }
        }
    }

    fn reopen_where_asked(&mut self) {
        let asked = self.reopening.asked.load(Ordering::Acquire);
        if self.reopening.done.load(Ordering::Relaxed) == asked {
            return;
        }
        let mut mistakes = Vec::new();
        for open in &mut self.logs {
            let name = open.log.file.display();
            match open_file(&open.log.file) {
                Ok(file) => {
                    open.file = file;
                    open.torn = false;
                    log::info!("Opened the log {name} again");
                }
                Err(error) => {
                    let why = of_path(&error, &open.log.file, Access::WRITE_OK);
                    let mistake = format!(
                        "Cannot open the log {name} again: {why}. Its lines go on into the file that was \
                         open"
                    );
                    log::error!("{mistake}");
                    mistakes.push(mistake);
                }
            }
        }
        *self.reopening.lock() = (!mistakes.is_empty()).then(|| mistakes.join(". "));
        self.reopening.done.store(asked, Ordering::Release);
        (self.waker)();
    }
}

impl Open {
    /// What this file has of it, and when that was; `None`: nothing.
    fn line(&self, entry: &Entry) -> Option<(Vec<u8>, i64)> {
        Some(match (self.log.format, entry) {
            (Format::Xferlog, Entry::Record(record)) => (xferlog::line(record), record.ended),
            (Format::Json, Entry::Record(record)) => {
                (json::line(record, None).into_bytes(), record.ended)
            }
            (Format::Audit, Entry::Audit(record)) => {
                (json::audit_line(record).into_bytes(), record.time)
            }
            _ => return None,
        })
    }

    fn write(&mut self, line: Vec<u8>, time: i64) {
        match self.append(line) {
            Ok(()) => {}
            Err(error) => {
                if let Some(count) = self.complaints.count(time) {
                    let name = self.log.file.display();
                    let why = cause(&error);
                    log::error!("Cannot write the log {name} ({count} times): {why}");
                }
            }
        }
    }

    fn append(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        if self.torn {
            line.insert(0, b'\n');
        }
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    rest = rest.get(count..).unwrap_or_default();
                    self.torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Readable for the group, as logs are: the names of files can be private.
fn open_file(path: &Path) -> io::Result<File> {
    let at_once = OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(at_once.bits().cast_signed())
        .open(path)?;
    // A pipe that no program reads is an error now; one that is read slowly is waited for.
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags.difference(at_once))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::examples::upload;
    use super::super::mailbox::mailbox;
    use super::*;
    use std::fs;

    fn writer(logs: &[TransferLog]) -> Writer {
        Writer::open(logs, Arc::default(), Arc::new(|| {})).unwrap()
    }

    fn write(writer: &mut Writer, path: &str) {
        let entry = Entry::Record(Arc::new(upload(path)));
        let (line, time) = writer.logs[0].line(&entry).unwrap();
        writer.logs[0].write(line, time);
    }

    #[test]
    fn a_line_for_each_record_in_each_file_behind_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let logs =
            [("x", Format::Xferlog), ("j", Format::Json)].map(|(name, format)| TransferLog {
                file: directory.path().join(name),
                format,
            });
        fs::write(&logs[0].file, "old\n").unwrap();
        let (sender, mailbox) = mailbox(8);
        for path in ["/a", "/b"] {
            assert!(sender.leave(Entry::Record(Arc::new(upload(path)))));
        }
        drop(sender);
        writer(&logs).write_all(&mailbox);
        let xferlog = fs::read_to_string(&logs[0].file).unwrap();
        let lines: Vec<_> = xferlog.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "old"));
        assert!(lines[1].contains(" /a ") && lines[2].contains(" /b "));
        let json = fs::read_to_string(&logs[1].file).unwrap();
        assert_eq!(json.lines().count(), 2);
    }

    #[test]
    fn a_name_that_cannot_be_opened_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("none/log");
        let format = Format::Json;
        let log = TransferLog {
            file: file.clone(),
            format,
        };
        let opened = Writer::open(&[log], Arc::default(), Arc::new(|| {}));
        assert_eq!(opened.err().unwrap().0, file);
    }

    #[test]
    fn the_rest_of_a_torn_line_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x");
        let format = Format::Xferlog;
        let mut writer = writer(&[TransferLog {
            file: file.clone(),
            format,
        }]);
        fs::write(&file, "Tue No").unwrap();
        writer.logs[0].torn = true;
        write(&mut writer, "/a");
        write(&mut writer, "/b");
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "Tue No"));
    }

    #[test]
    fn a_full_disk_is_a_failure_and_no_end() {
        let file = PathBuf::from("/dev/full");
        let format = Format::Json;
        let mut writer = writer(&[TransferLog { file, format }]);
        write(&mut writer, "/a");
        // It has been said.
        assert_eq!(writer.logs[0].complaints.count(upload("/a").ended), None);
    }
}
