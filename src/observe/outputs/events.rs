//! Upload events: a program is run, a line of JSON is sent to a socket, or both.
//!
//! A pool of event threads, one for each concurrent program, takes finished uploads from a bounded queue
//! and also computes their digests. It never delays a transfer: when the queue is full, events are dropped
//! and counted. Files are read through the storage of the account that has stored them.

use std::ffi::OsString;
use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::command::{self, CommandEnd, UploadFacts};
use super::event_socket::EventSocket;
use super::event_worker;
use super::json;
use crate::cause::cause;
use crate::file_task::{Algorithm, FileTask, TaskResult, TaskSpec, TaskStep};
use crate::limits::{CHUNK_BYTES, WORKER_NICENESS};
use crate::observe::lossy_queue::LossyQueue;
use crate::observe::record::TransferRecord;
use crate::observe::settings::Events;
use crate::privsep::Helper;
use crate::protocol::seconds::Seconds;
use crate::storage::{Storage, Wait};
use crate::transfer::Scratch;

impl Events {
    pub(super) fn threads(&self) -> usize {
        if self.command.is_empty() {
            1
        } else {
            self.at_once.max(1)
        }
    }

    /// Checks the configuration at start-up. The socket may be missing: its receiver may start later.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.digest && !cfg!(feature = "digests") {
            let text = "this build has no digests for events; build it with --features digests";
            return Err(text.to_owned());
        }
        if let Some(program) = self.command.first() {
            command::check(Path::new(program))?;
        }
        match &self.socket {
            Some(path) if fs::metadata(path).is_ok_and(|found| !found.file_type().is_socket()) => {
                let shown = path.display();
                Err(format!("events.socket: {shown} exists and is not a socket"))
            }
            _ => Ok(()),
        }
    }
}

/// A finished upload, and the storage that has the file.
pub(super) struct FinishedUpload {
    pub(super) record: Arc<TransferRecord>,
    pub(super) storage: Arc<dyn Storage>,
}

pub(super) struct EventSender {
    events: Events,
    socket: Option<Mutex<EventSocket>>,
    /// Runs the program; `None`: this process does.
    privsep: Option<Helper>,
    queue: Arc<LossyQueue<FinishedUpload>>,
}

impl EventSender {
    pub(super) fn new(
        events: Events,
        privsep: Option<Helper>,
        queue: Arc<LossyQueue<FinishedUpload>>,
    ) -> Self {
        let socket = events.socket.as_deref().map(EventSocket::new);
        Self {
            socket: socket.map(Mutex::new),
            privsep,
            queue,
            events,
        }
    }

    fn warn_if_confined(&self) {
        let runs_here = !self.events.command.is_empty() && self.privsep.is_none();
        if runs_here && command::has_seccomp_filter() {
            log::warn!(
                "This process has a seccomp filter: the event command (events.command) runs only if the \
                 filter allows execve(2)"
            );
        }
    }

    /// The work of one event thread: sends events until the queue is closed. The first one warns of what may
    /// prevent programs from running: the process has dropped its privileges by now.
    pub(super) fn run(&self, is_first: bool) {
        if is_first {
            self.warn_if_confined();
        }
        // Below the event loop, as all worker threads are; the program inherits it.
        let _ = rustix::process::setpriority_process(None, WORKER_NICENESS);
        let mut scratch = Scratch::new(if self.events.digest { CHUNK_BYTES } else { 0 });
        while let Some(upload) = self.next() {
            self.send(&upload, &mut scratch);
        }
    }

    fn next(&self) -> Option<FinishedUpload> {
        let upload = self.queue.take();
        let dropped = self.queue.take_lost(0);
        if dropped > 0 {
            log::warn!(
                "{dropped} upload events dropped: their queue was full; speed up the event command or raise \
                 events.at-once"
            );
        }
        upload
    }

    fn send(&self, upload: &FinishedUpload, scratch: &mut Scratch) {
        let record = upload.record.as_ref();
        let has_digest = self.events.digest && record.is_complete();
        let digest = has_digest.then(|| digest_of(upload, scratch)).flatten();
        if let Some(socket) = &self.socket {
            let line = json::line(record, digest.as_deref());
            let mut socket = socket.lock().unwrap_or_else(PoisonError::into_inner);
            socket.send(line.as_bytes(), record.ended);
        }
        if self.events.command.is_empty() {
            return;
        }
        let is_complete = record.is_complete();
        let file = is_complete.then(|| path_on_this_host(upload)).flatten();
        let facts = UploadFacts {
            record,
            file: file.as_deref(),
            digest: digest.as_deref(),
        };
        let (variables, time) = (facts.variables(), self.events.time);
        let end = match &self.privsep {
            Some(privsep) => event_worker::ask(privsep, &variables, time),
            None => command::run(&self.events.command, &variables, time),
        };
        let path = &record.path;
        match end {
            Ok(CommandEnd::Exited(status)) if status.success() => {}
            Ok(CommandEnd::Exited(status)) => {
                log::warn!("The event command for {path} failed: {status}");
            }
            Ok(CommandEnd::TimedOut) => log::warn!(
                "The event command for {path} was killed after {} s (events.time)",
                Seconds(time)
            ),
            Err(error) => {
                log::error!("Cannot run the event command for {path}: {}", cause(&error));
            }
        }
    }
}

fn digest_of(upload: &FinishedUpload, scratch: &mut Scratch) -> Option<String> {
    let path = upload.record.path.clone();
    let spec = TaskSpec::Digest {
        path: path.clone(),
        algorithm: Algorithm::Sha256,
        range: None,
    };
    let mut file_task = FileTask::new(spec, None);
    loop {
        match file_task.slice(&upload.storage, scratch) {
            TaskStep::More => {}
            TaskStep::Over(Ok(TaskResult::Digest { value, .. })) => return Some(json::hex(&value)),
            TaskStep::Over(Ok(_)) => return None,
            TaskStep::Over(Err(error)) => {
                log::warn!("Cannot compute the digest of {path}: {}", error.reason());
                return None;
            }
        }
    }
}

/// The path of the stored file on this host, with symbolic links resolved; `None` where `/proc` cannot be
/// read, or the file has been removed since.
fn path_on_this_host(upload: &FinishedUpload) -> Option<OsString> {
    let (file, _) = upload
        .storage
        .open(&upload.record.path, Wait::Allowed)
        .ok()?;
    let descriptor = file.descriptor()?;
    if rustix::fs::fstat(descriptor).ok()?.st_nlink == 0 {
        return None;
    }
    let link = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    let name = rustix::fs::readlink(link, Vec::new()).ok()?;
    Some(OsString::from_vec(name.into_bytes()))
}
