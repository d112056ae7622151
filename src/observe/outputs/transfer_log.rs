//! The transfer logs and the audit log: files with one line per record.
//!
//! They are opened at start-up, so that an error is found then, and written by a thread of their own, so
//! that a slow disk does not block the event loop. On a reload the thread reopens them, for logrotate(8).
//! Each line is one `O_APPEND` write, so that several servers can share a file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{Access, OFlags, fcntl_getfl, fcntl_setfl};

use super::error_throttle::ErrorThrottle;
use super::{json, xferlog};
use crate::cause::{cause, of_path};
use crate::limits::RECORDS_QUEUED;
use crate::observe::LoopWaker;
use crate::observe::audit::AuditRecord;
use crate::observe::lossy_queue::{LossyQueue, QueueClass};
use crate::observe::record::TransferRecord;
use crate::observe::settings::{TransferLog, TransferLogFormat};

/// The class of records in the queue to the thread.
pub(super) const RECORDS: usize = 0;

/// The class of requests to reopen, of which one is enough.
pub(super) const REOPENS: usize = 1;

/// An item of the queue to the thread.
pub(super) enum LogEntry {
    Record(Arc<TransferRecord>),
    Audit(Box<AuditRecord>),
    /// Wakes the thread to reopen the files. The request itself is counted in [`ReopenState`].
    Reopen,
}

/// Requests to reopen the files, and their completion; shared by the loop and the thread.
#[derive(Default)]
pub(super) struct ReopenState {
    pub(super) requested: AtomicU32,
    /// The value of `requested` up to which requests are done.
    done: AtomicU32,
    /// The error of the last request. Locked only to copy it.
    error: Mutex<Option<String>>,
}

impl ReopenState {
    pub(super) fn is_done(&self) -> bool {
        self.requested.load(Ordering::Acquire) == self.done.load(Ordering::Acquire)
    }

    pub(super) fn error(&self) -> Option<String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct LogWriter {
    queue: Arc<LossyQueue<LogEntry>>,
    logs: Vec<OpenLog>,
    reopen: Arc<ReopenState>,
    waker: LoopWaker,
}

struct OpenLog {
    log: TransferLog,
    file: File,
    /// The last write was partial: the file ends in the middle of a line.
    is_torn: bool,
    errors: ErrorThrottle,
}

impl LogWriter {
    /// Opens all files.
    ///
    /// # Errors
    /// When one cannot be opened; with its path.
    pub(super) fn open(
        logs: &[TransferLog],
        reopen: Arc<ReopenState>,
        waker: LoopWaker,
    ) -> Result<Self, (PathBuf, io::Error)> {
        let open = |log: &TransferLog| match open_file(&log.file) {
            Ok(file) => Ok(OpenLog {
                log: log.clone(),
                file,
                is_torn: false,
                errors: ErrorThrottle::default(),
            }),
            Err(error) => Err((log.file.clone(), error)),
        };
        let classes = [RECORDS_QUEUED, 1].map(|capacity| QueueClass {
            capacity,
            is_important: false,
        });
        Ok(Self {
            queue: Arc::new(LossyQueue::with_classes(classes)),
            logs: logs.iter().map(open).collect::<Result<_, _>>()?,
            reopen,
            waker,
        })
    }

    pub(super) const fn queue(&self) -> &Arc<LossyQueue<LogEntry>> {
        &self.queue
    }

    /// The work of the thread: writes records until the queue is closed.
    pub(super) fn run(mut self) {
        while let Some(entry) = self.queue.take() {
            self.reopen_if_requested();
            for log in &mut self.logs {
                if let Some((line, time)) = log.line(&entry) {
                    log.write(line, time);
                }
            }
            let dropped = self.queue.take_lost(RECORDS);
            if dropped > 0 {
                log::warn!(
                    "{dropped} records dropped from the transfer and audit logs: the queue was full, as the \
                     disk is too slow"
                );
            }
        }
    }

    fn reopen_if_requested(&mut self) {
        let requested = self.reopen.requested.load(Ordering::Acquire);
        if self.reopen.done.load(Ordering::Relaxed) == requested {
            return;
        }
        let mut errors = Vec::new();
        for open in &mut self.logs {
            let name = open.log.file.display();
            match open_file(&open.log.file) {
                Ok(file) => {
                    open.file = file;
                    open.is_torn = false;
                    log::info!("Reopened the log {name}");
                }
                Err(error) => {
                    let why = of_path(&error, &open.log.file, Access::WRITE_OK);
                    let error = format!(
                        "Cannot reopen the log {name}: {why}. Its records continue to go to the file that \
                         was open"
                    );
                    log::error!("{error}");
                    errors.push(error);
                }
            }
        }
        *self.reopen.lock() = (!errors.is_empty()).then(|| errors.join(". "));
        self.reopen.done.store(requested, Ordering::Release);
        (self.waker)();
    }
}

impl OpenLog {
    /// The line for this file, and the time of the record; `None` if the file has no such records.
    fn line(&self, entry: &LogEntry) -> Option<(Vec<u8>, i64)> {
        Some(match (self.log.format, entry) {
            (TransferLogFormat::Xferlog, LogEntry::Record(record)) => {
                (xferlog::line(record), record.ended)
            }
            (TransferLogFormat::Json, LogEntry::Record(record)) => {
                (json::line(record, None).into_bytes(), record.ended)
            }
            (TransferLogFormat::Audit, LogEntry::Audit(record)) => {
                (json::audit_line(record).into_bytes(), record.time)
            }
            _ => return None,
        })
    }

    fn write(&mut self, line: Vec<u8>, time: i64) {
        if let Err(error) = self.append(line)
            && let Some(count) = self.errors.record(time)
        {
            let name = self.log.file.display();
            let why = cause(&error);
            log::error!("Cannot write to the log {name} ({count} records lost): {why}");
        }
    }

    fn append(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        if self.is_torn {
            line.insert(0, b'\n');
        }
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    debug_assert!(
                        count <= rest.len(),
                        "write(2) returned more than its buffer"
                    );
                    rest = rest.get(count..).unwrap_or_default();
                    self.is_torn = !rest.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Opens a log file. Mode 640: file names can be confidential, and groups such as adm read logs.
fn open_file(path: &Path) -> io::Result<File> {
    let nonblocking = OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(nonblocking.bits().cast_signed())
        .open(path)?;
    // Opening a FIFO without a reader fails instead of blocking; writes to a slow reader block.
    let flags = fcntl_getfl(&file)?;
    fcntl_setfl(&file, flags.difference(nonblocking))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::super::test_records::{json_log, upload};
    use super::*;
    use std::fs;

    fn writer(logs: &[TransferLog]) -> LogWriter {
        LogWriter::open(logs, Arc::default(), Arc::new(|| {})).unwrap()
    }

    fn write(writer: &mut LogWriter, path: &str) {
        let entry = LogEntry::Record(Arc::new(upload(path)));
        let (line, time) = writer.logs[0].line(&entry).unwrap();
        writer.logs[0].write(line, time);
    }

    #[test]
    fn each_record_is_appended_to_each_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut logs = ["x", "j"].map(|name| json_log(&directory.path().join(name)));
        logs[0].format = TransferLogFormat::Xferlog;
        fs::write(&logs[0].file, "old\n").unwrap();
        let writer = writer(&logs);
        for path in ["/a", "/b"] {
            let entry = LogEntry::Record(Arc::new(upload(path)));
            writer.queue().push(RECORDS, entry);
        }
        writer.queue().close();
        writer.run();
        let xferlog = fs::read_to_string(&logs[0].file).unwrap();
        let lines: Vec<_> = xferlog.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "old"));
        assert!(lines[1].contains(" /a ") && lines[2].contains(" /b "));
        let json = fs::read_to_string(&logs[1].file).unwrap();
        assert_eq!(json.lines().count(), 2);
    }

    #[test]
    fn file_that_cannot_be_opened_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("none/log");
        let opened = LogWriter::open(&[json_log(&file)], Arc::default(), Arc::new(|| {}));
        assert_eq!(opened.err().unwrap().0, file);
    }

    #[test]
    fn torn_line_is_ended_before_the_next_record() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x");
        let mut writer = writer(&[json_log(&file)]);
        fs::write(&file, "Tue No").unwrap();
        writer.logs[0].is_torn = true;
        write(&mut writer, "/a");
        write(&mut writer, "/b");
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (3, "Tue No"));
    }

    #[test]
    fn full_disk_is_logged_and_writing_continues() {
        let mut writer = writer(&[json_log(Path::new("/dev/full"))]);
        write(&mut writer, "/a");
        let repeated = writer.logs[0].errors.record(upload("/a").ended);
        assert_eq!(repeated, None, "the first error has been logged");
    }
}
