//! Accounts of the system: whether a password is theirs is asked of PAM (pam(3)), beside the server.
//!
//! PAM runs code of others, which reads what only root may read, starts programs and waits for
//! networks: all of what the sandbox takes from the server. So a *monitor* is started before
//! anything is given up, and it keeps its rights. For each question it starts a *checker*, a
//! process that asks PAM once. The server sends the monitor two ends of pipes and nothing else;
//! question and verdict go through them past it.
//!
//! ```text
//!   server ──two pipes──▶ monitor ──starts, with the pipes as its standard streams──▶ checker
//!      └───────────────────────────── question ──────────────────────────────────────▶┘ │
//!      ▲───────────────────────────── verdict ──────────────────────────────────────────┘
//! ```
//!
//! Whoever takes over the server can ask whether a password is right, as its clients can, and
//! learns nothing else there. A checker that hangs or dies is a login that fails.

mod checker;
mod monitor;
mod question;

use std::ffi::OsStr;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::limits::PAM_TIME;
pub(super) use question::Question;
use question::{VERDICT_BYTES, Verdict};

/// This program, whatever it was replaced by meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// What the processes are called, by which they know what they are.
const MONITOR: &str = "mioftpd: PAM monitor";
const CHECKER: &str = "mioftpd: PAM checker";

/// Does what this process was started for, where that is not to serve: it is the monitor then, or
/// one that asks PAM. To be called before anything else by a program that has accounts of the
/// system; `None`: it is the program.
pub fn serve_if_asked() -> Option<ExitCode> {
    let name = std::env::args_os().next()?;
    if name == MONITOR {
        return Some(monitor::run());
    }
    (name == CHECKER).then(checker::run)
}

/// The way to the monitor. It ends when the last of these is dropped.
#[derive(Clone, Debug)]
pub struct Monitor {
    link: Arc<OwnedFd>,
}

impl Monitor {
    /// Starts it, with the rights of this process.
    ///
    /// # Errors
    /// When the system has no room for it; and in a program that does not call
    /// [`serve_if_asked`], where it would be that program once more.
    pub fn start() -> io::Result<Self> {
        if std::env::args_os().next().as_deref() == Some(OsStr::new(MONITOR)) {
            return Err(io::Error::other(
                "this program does not begin with serve_if_asked",
            ));
        }
        let flags = SocketFlags::CLOEXEC;
        let (link, its_end) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Command::new(THIS_PROGRAM)
            .arg0(MONITOR)
            // What modules are told by the environment stays; what is ours does not.
            .env_remove("MIOFTPD_PASSWORD")
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .env_remove("LISTEN_FDS")
            .env_remove("LISTEN_PID")
            .env_remove("LISTEN_FDNAMES")
            .current_dir("/")
            // A signal from a terminal is for the server, which then lets go of the monitor.
            .process_group(0)
            .stdin(its_end)
            .stdout(Stdio::null())
            .spawn()?;
        let link = Arc::new(link);
        Ok(Self { link })
    }

    /// Asks whether it is so. It takes as long as PAM does, some seconds where the answer is no.
    ///
    /// # Errors
    /// Why it is not, or why nobody can say: a sentence for the log.
    pub(super) fn ask(&self, question: &Question) -> Result<(), String> {
        let (service, name) = (&question.service, question.name.escape_ascii());
        match self.verdict(question) {
            Ok(Verdict::Yes) => Ok(()),
            Ok(Verdict::No(reason)) => {
                let reason = reason.escape_debug();
                Err(format!("PAM ({service}) says no to {name}: {reason}"))
            }
            Err(error) => Err(format!("Cannot ask PAM ({service}) about {name}: {error}")),
        }
    }

    fn verdict(&self, question: &Question) -> io::Result<Verdict> {
        let (its_question, ours) = pipe_with(PipeFlags::CLOEXEC)?;
        let (verdict, its_verdict) = pipe_with(PipeFlags::CLOEXEC)?;
        self.send(&its_question, &its_verdict)?;
        // Only its own ends tell us that it is gone.
        drop((its_question, its_verdict));
        std::fs::File::from(ours).write_all(&question.print())?;
        let mut wanted = [PollFd::new(&verdict, PollFlags::IN)];
        let time = Timespec::try_from(PAM_TIME).map_err(io::Error::other)?;
        if poll(&mut wanted, Some(&time))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut bytes = Vec::with_capacity(VERDICT_BYTES);
        let verdict = std::fs::File::from(verdict);
        verdict.take(VERDICT_BYTES as u64).read_to_end(&mut bytes)?;
        let parsed = Verdict::parse(&bytes);
        parsed.ok_or_else(|| io::Error::other("it gave no answer"))
    }

    fn send(&self, question: &OwnedFd, verdict: &OwnedFd) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut passed = SendAncillaryBuffer::new(&mut space);
        let ends = [question.as_fd(), verdict.as_fd()];
        passed.push(SendAncillaryMessage::ScmRights(&ends));
        // It is there to take them, or it is of no use.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(&self.link, &[IoSlice::new(b"?")], &mut passed, flags) {
            Ok(_) => Ok(()),
            Err(Errno::PIPE | Errno::CONNRESET) => Err(io::Error::other(
                "its monitor is gone; a restart brings it back",
            )),
            Err(error) => Err(error.into()),
        }
    }
}
