//! The helper process: keeps the privileges that the server drops, and only starts workers.
//!
//! It receives pairs of pipes and never reads a byte of a request, so there is nothing to parse and
//! nothing to exploit. It exits when the server does.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::{Role, THIS_PROGRAM, write_to_stderr};
use crate::cause::cause;
use crate::limits::THREAD_STACK_BYTES;

/// Starts a worker for each pair of pipes received on standard input, until the server exits.
pub fn run_helper(role: &Role) -> ExitCode {
    // Shown by ps(1); `killall mioftpd`, meant for the server, must not match.
    let _ = rustix::thread::set_name(c"mioftpd-helper");
    // SIGHUP is the server's request to reload; ignore it here. A handler, unlike SIG_IGN, is not
    // inherited by the workers.
    let ignored = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, ignored);
    // Each worker's thread holds a clone: the number of workers is the count minus one.
    let running = Arc::new(());
    loop {
        match receive() {
            Ok(None) => return ExitCode::SUCCESS,
            // Too many workers: dropping the pipes makes the request fail at once.
            Ok(Some(_)) if Arc::strong_count(&running) > role.at_once => {}
            Ok(Some(pair)) => {
                if let Err(error) = start_worker(role, pair, Arc::clone(&running)) {
                    write_to_stderr(
                        role.name,
                        &format_args!("cannot start a worker process: {}", cause(&error)),
                    );
                }
            }
            Err(error) => {
                write_to_stderr(role.name, &cause(&error));
                return ExitCode::FAILURE;
            }
        }
    }
}

/// Starts a worker, and a thread that reaps it and then drops `running`.
fn start_worker(role: &Role, pair: [OwnedFd; 2], running: Arc<()>) -> io::Result<()> {
    let [request, response] = pair;
    let mut worker = Command::new(THIS_PROGRAM)
        .arg0(role.worker)
        .args(std::env::args_os().skip(1))
        .stdin(request)
        .stdout(response)
        .spawn()?;
    let reaper = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    reaper.spawn(move || {
        let _ = worker.wait();
        drop(running);
    })?;
    Ok(())
}

/// The next pair; `None` at the end of the stream: the server has exited. Other messages are skipped.
fn receive() -> io::Result<Option<[OwnedFd; 2]>> {
    loop {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut passed = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut message = [IoSliceMut::new(&mut byte)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = match recvmsg(io::stdin(), &mut message, &mut passed, flags) {
            Err(Errno::INTR) => continue,
            received => received?,
        };
        if received.bytes == 0 {
            return Ok(None);
        }
        let rights = passed.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let descriptors: Vec<OwnedFd> = rights.flatten().collect();
        if let Ok(pair) = descriptors.try_into() {
            return Ok(Some(pair));
        }
    }
}
