//! The file that traces of the event loop are written to: at the end, and at SIGUSR1. Also the threads that
//! write traces for clients of the status service.
//!
//! The loop gives its ring away and goes on with a new one; a thread of its own writes the file, under a
//! temporary name that is renamed when it is complete. It must not know what a trace has.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::fs::{Access, access};

use super::Error;
use crate::cause::{cause, of_path};
use crate::config::{Config, directory_of};
use crate::limits::{THREAD_STACK_BYTES, TRACE_FLUSH_TIMEOUT};
use crate::metrics::Trace;
use crate::observe::thread_group::ThreadGroup;
use crate::reactor::Reactor;

/// Whether the Cargo feature `status` is on.
pub(super) const IS_BUILT_IN: bool = true;

/// Fails if a start could not write the trace of this configuration. Writes nothing.
pub(super) fn may_write(config: &Config) -> Result<(), Error> {
    let Some(path) = config.trace.as_deref() else {
        return Ok(());
    };
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    let checked =
        check_kind(path).and_then(|()| access(directory_of(path), wanted).map_err(io::Error::from));
    checked.map_err(|error| Error::Trace(why(&error, path)))
}

/// Dropping it waits for a trace that is being written.
pub(super) struct TraceFile {
    path: Option<PathBuf>,
    names: bool,
    writing: ThreadGroup,
    /// What has become of the last trace.
    written: Arc<Mutex<Result<(), String>>>,
}

impl TraceFile {
    /// Begins the trace that the configuration asks for.
    pub(super) fn start(config: &Config, reactor: &mut Reactor) -> Self {
        let file = Self {
            path: config.trace.clone(),
            names: config.trace_names,
            writing: ThreadGroup::default(),
            written: Arc::new(Mutex::new(Ok(()))),
        };
        if file.path.is_some() {
            reactor.start_trace(reactor.trace_settings(file.names));
        }
        file
    }

    /// Fails if the file could not be written. Called with the privileges that are kept.
    pub(super) fn check(&self) -> Result<(), Error> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let checked = create_temporary(path).and_then(|(_, temporary)| fs::remove_file(temporary));
        checked.map_err(|error| Error::Trace(why(&error, path)))
    }

    /// Waits for the trace that is being written. Fails if the last one is not.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        if !self.writing.wait(TRACE_FLUSH_TIMEOUT) {
            // Dropping this does not wait for it again.
            self.writing = ThreadGroup::default();
        }
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.clone().map_err(Error::Trace)
    }

    /// Has the trace written so far, and goes on with a new one.
    pub(super) fn write(&self, reactor: &mut Reactor) {
        let Some(path) = self.path.clone() else {
            return;
        };
        // The last one is written in any case.
        let patience = if reactor.is_running() {
            Duration::ZERO
        } else {
            TRACE_FLUSH_TIMEOUT
        };
        if !self.writing.wait(patience) {
            let path = path.display();
            return log::warn!("The trace before is still being written to {path}");
        }
        let Some(trace) = reactor.take_trace() else {
            return;
        };
        reactor.start_trace(reactor.trace_settings(self.names));
        let seconds = TRACE_FLUSH_TIMEOUT.as_secs();
        let late = io::Error::other(format!("no thread has done so within {seconds} s"));
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Err(why(&late, &path));
        let (member, written) = (self.writing.add(), Arc::clone(&self.written));
        spawn(move || {
            let _member = member;
            let result = write(&trace, &path).map_err(|error| why(&error, &path));
            match &result {
                Ok(()) => log::info!("Wrote the trace {}", path.display()),
                Err(why) => log::error!("{why}"),
            }
            *written.lock().unwrap_or_else(PoisonError::into_inner) = result;
        });
    }
}

/// Has a trace written for the client that has asked for it. An exit does not wait for that.
pub(super) fn answer(reactor: &mut Reactor) {
    if let Some(job) = reactor.next_trace() {
        spawn(move || job.run());
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().name("trace".to_owned());
    if let Err(error) = thread.stack_size(THREAD_STACK_BYTES).spawn(work) {
        let error = cause(&error);
        log::error!("Cannot start a thread that writes the trace: {error}");
    }
}

impl Drop for TraceFile {
    fn drop(&mut self) {
        if !self.writing.wait(TRACE_FLUSH_TIMEOUT) {
            let seconds = TRACE_FLUSH_TIMEOUT.as_secs();
            log::warn!("Exiting after {seconds} s although the trace is not written");
        }
    }
}

fn why(error: &io::Error, path: &Path) -> String {
    let directory = directory_of(path);
    let cause = match error.kind() {
        io::ErrorKind::NotFound => {
            let directory = directory.display();
            format!("there is no directory {directory}; create it, or name another one")
        }
        _ => of_path(error, &directory, Access::WRITE_OK | Access::EXEC_OK),
    };
    format!("--trace: cannot write {}: {cause}", path.display())
}

fn write(trace: &Trace, path: &Path) -> io::Result<()> {
    let (file, temporary) = create_temporary(path)?;
    let written = trace
        .write(file)
        .and_then(|()| fs::rename(&temporary, path));
    written.inspect_err(|_| {
        // The error before it counts.
        let _ = fs::remove_file(&temporary);
    })
}

/// Fails for what a file must not replace, such as a device.
fn check_kind(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("it exists, and is no regular file"));
    }
    Ok(())
}

/// A file beside the one of this path, which only the user of the server can read. It is to be renamed to it.
fn create_temporary(path: &Path) -> io::Result<(File, PathBuf)> {
    check_kind(path)?;
    let number = RandomState::new().hash_one(0_u64);
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{number:016x}.tmp"));
    let temporary = PathBuf::from(temporary);
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600);
    Ok((file.open(&temporary)?, temporary))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(create_temporary(&path).is_err());
        assert!(create_temporary(directory.path()).is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "an earlier one").unwrap();
        assert!(create_temporary(&path).is_ok());
    }
}
