//! What is done when an upload is over: a program is run, a line is said at a socket, or both.
//!
//! Threads of their own do it, as many as programs may run at once, and with them the digest of
//! what was stored; they take from one bounded channel. Nothing of it delays a transfer: what is
//! too much is left out, and said. What an account stored is read through that account's files.

use std::ffi::OsString;
use std::fs;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::command::{self, Ended, Facts};
use super::event_socket::EventSocket;
use super::event_worker;
use super::json;
use super::mailbox::Mailbox;
use super::record::TransferRecord;
use crate::cause::cause;
use crate::file_task::{Algorithm, FileTask, TaskResult, TaskSpec, TaskStep};
use crate::limits::{self, CHUNK_BYTES, WORKER_NICENESS};
use crate::privsep::Helper;
use crate::storage::{Storage, Wait};
use crate::transfer::Scratch;

/// Who hears of uploads, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// A program, by its absolute path, and its arguments; empty for none. It is run for each
    /// upload, whole or not, without a shell, and finds in its environment: `MIOFTPD_VERB` (STOR,
    /// STOU or APPE), `MIOFTPD_PATH` (as the client sees it), `MIOFTPD_BYTES`, `MIOFTPD_SECONDS`,
    /// `MIOFTPD_OUTCOME` (`complete`, or why not in a word), `MIOFTPD_ACCOUNT`, `MIOFTPD_PEER`,
    /// `MIOFTPD_TLS` (yes or no); of complete ones `MIOFTPD_FILE` (as this host sees it) and, with
    /// [`digest`](Self::digest), `MIOFTPD_SHA256`. Names are the client's choice: quote them. It
    /// is run beside the server by a [helper](crate::Config::helpers), as the same user and out of
    /// its sandbox; without one it has the process's own rights.
    pub command: Vec<OsString>,
    /// A Unix socket, datagram or stream, where a line of JSON is said for each upload.
    pub socket: Option<PathBuf>,
    /// Whether the SHA-256 of what was stored is told; needs the Cargo feature `digests`. It is
    /// read for it once more, as it is by then.
    pub digest: bool,
    /// The most programs at once.
    pub at_once: usize,
    /// How long one may take before it is killed.
    pub time: Duration,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            socket: None,
            digest: false,
            at_once: limits::EVENT_COMMANDS,
            time: limits::EVENT_COMMAND_TIME,
        }
    }
}

impl Events {
    /// Whether anybody wants to hear of uploads.
    pub(super) const fn is_wanted(&self) -> bool {
        !self.command.is_empty() || self.socket.is_some()
    }

    /// How many threads tell of them.
    pub(super) fn threads(&self) -> usize {
        if self.command.is_empty() {
            1
        } else {
            self.at_once.max(1)
        }
    }

    /// Whether it can be as it is wanted, or why not. A socket may come later.
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
                Err(format!("events.socket: {shown} is there, and is no socket"))
            }
            _ => Ok(()),
        }
    }
}

/// An upload to tell of, and the files in which it is.
pub(super) struct Upload {
    pub(super) record: Arc<TransferRecord>,
    pub(super) storage: Arc<dyn Storage>,
}

/// What the threads share.
pub(super) struct Teller {
    events: Events,
    socket: Option<Mutex<EventSocket>>,
    /// What runs the program; `None`: this process itself.
    privsep: Option<Helper>,
    mailbox: Mutex<Mailbox<Upload>>,
}

impl Teller {
    pub(super) fn new(events: Events, privsep: Option<Helper>, mailbox: Mailbox<Upload>) -> Self {
        let socket = events.socket.as_deref().map(EventSocket::new);
        Self {
            socket: socket.map(Mutex::new),
            privsep,
            mailbox: Mutex::new(mailbox),
            events,
        }
    }

    /// Says what may keep programs from being run, now that every right is given up that will be.
    pub(super) fn warn_of_restraints(&self) {
        let runs_here = !self.events.command.is_empty() && self.privsep.is_none();
        if runs_here && command::is_filtered() {
            log::warn!("System calls are filtered: the event command runs only if that allows it");
        }
    }

    /// One thread's work: tells of what comes, until nothing will come any more.
    pub(super) fn tell_all(&self) {
        // As with the workers, the loop comes first; what is run here inherits it.
        let _ = rustix::process::setpriority_process(None, WORKER_NICENESS);
        let mut scratch = Scratch::new(if self.events.digest { CHUNK_BYTES } else { 0 });
        while let Some(upload) = self.next() {
            self.tell(&upload, &mut scratch);
        }
    }

    fn next(&self) -> Option<Upload> {
        let mailbox = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        let upload = mailbox.take();
        let lost = mailbox.lost();
        if lost > 0 {
            log::warn!("Nobody was told of {lost} uploads: they came too fast");
        }
        upload
    }

    fn tell(&self, upload: &Upload, scratch: &mut Scratch) {
        let record = upload.record.as_ref();
        let digest = if self.events.digest && record.is_complete() {
            digest_of(upload, scratch)
        } else {
            None
        };
        if let Some(socket) = &self.socket {
            let line = json::line(record, digest.as_deref());
            let mut socket = socket.lock().unwrap_or_else(PoisonError::into_inner);
            socket.say(line.as_bytes(), record.ended);
        }
        if self.events.command.is_empty() {
            return;
        }
        let file = if record.is_complete() {
            name_on_this_host(upload)
        } else {
            None
        };
        let facts = Facts {
            record,
            file: file.as_deref(),
            digest: digest.as_deref(),
        };
        let (variables, time) = (facts.variables(), self.events.time);
        let ended = match &self.privsep {
            Some(privsep) => event_worker::ask(privsep, &variables, time),
            None => command::run(&self.events.command, &variables, time),
        };
        let path = &record.path;
        match ended {
            Ok(Ended::By(status)) if status.success() => {}
            Ok(Ended::By(status)) => log::warn!("The event command for {path} ended: {status}"),
            Ok(Ended::Killed) => log::warn!("The event command for {path} was killed: too slow"),
            Err(error) => {
                log::error!("Cannot run the event command for {path}: {}", cause(&error));
            }
        }
    }
}

fn digest_of(upload: &Upload, scratch: &mut Scratch) -> Option<String> {
    let path = upload.record.path.clone();
    let mut file_task = FileTask::new(
        TaskSpec::Digest {
            path: path.clone(),
            algorithm: Algorithm::Sha256,
            range: None,
        },
        None,
    );
    loop {
        match file_task.slice(&upload.storage, scratch) {
            TaskStep::More => {}
            TaskStep::Over(Ok(TaskResult::Digest { value, .. })) => return Some(json::hex(&value)),
            TaskStep::Over(Ok(_)) => return None,
            TaskStep::Over(Err(error)) => {
                log::warn!("No digest of {path} for its event: {}", error.reason());
                return None;
            }
        }
    }
}

/// The kernel knows it, whatever links led there; where /proc is out of reach nobody does.
fn name_on_this_host(upload: &Upload) -> Option<OsString> {
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
