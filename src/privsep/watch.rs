//! The helper itself: the process that keeps the rights that the server gives up, and does one thing
//! with them, to start workers.
//!
//! It reads nothing but pairs of pipes, so there is nothing in it to break. It ends when the server
//! does.

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

use super::{Role, THIS_PROGRAM, complain};
use crate::cause::cause;
use crate::limits::THREAD_STACK_BYTES;

/// Starts a worker for each pair of pipes that comes on the standard input, until the server is gone.
pub fn watch(role: &Role) -> ExitCode {
    // For who looks at the list of processes; a signal to the server by its name is not for this.
    let _ = rustix::thread::set_name(c"mioftpd-helper");
    // A reload is not for it either, and must not end it.
    let heard = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGHUP, heard);
    let working = Arc::new(());
    loop {
        match receive() {
            Ok(None) => return ExitCode::SUCCESS,
            // Too many: what is dropped here is an end to who waits at the other.
            Ok(Some(_)) if Arc::strong_count(&working) > role.at_once => {}
            Ok(Some(pair)) => {
                if let Err(error) = start_worker(role, pair, Arc::clone(&working)) {
                    complain(
                        role.name,
                        &format_args!("cannot start a process: {}", cause(&error)),
                    );
                }
            }
            Err(error) => {
                complain(role.name, &cause(&error));
                return ExitCode::FAILURE;
            }
        }
    }
}

/// The worker counts as long as it is there.
fn start_worker(role: &Role, pair: [OwnedFd; 2], counted: Arc<()>) -> io::Result<()> {
    let [question, answer] = pair;
    let mut worker = Command::new(THIS_PROGRAM)
        .arg0(role.worker)
        .args(std::env::args_os().skip(1))
        .stdin(question)
        .stdout(answer)
        .spawn()?;
    let waiting = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    waiting.spawn(move || {
        let _ = worker.wait();
        drop(counted);
    })?;
    Ok(())
}

/// The next pair; `None` when there will be none.
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
