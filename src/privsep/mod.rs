//! What a server still needs done when it has given up its rights: a process beside it keeps them,
//! and starts one kind of worker, a process for each thing that is to be done.
//!
//! A [`Helper`] is started before anything is given up. The server sends it two ends of pipes and
//! nothing else; what is to be done, and what came of it, go through them past it. So whoever takes
//! over the server can have done what the [`Role`] is for, and no more. A worker is this program
//! again, under another name, by which it knows what it is.
//!
//! ```text
//!   server ──two pipes──▶ helper ──starts, with the pipes as its standard streams──▶ worker
//!      └───────────────────────────── question ─────────────────────────────────────▶┘ │
//!      ▲────────────────────────────── answer ─────────────────────────────────────────┘
//! ```
//!
//! It knows neither what is asked nor who answers.

mod watch;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    sendmsg, socketpair,
};
use rustix::pipe::{PipeFlags, pipe_with};

pub use watch::watch;

/// This program, whatever it was replaced by meanwhile.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The longest answer; what a worker says beyond it is left out.
const ANSWER_BYTES: u64 = 512;

/// What our environment tells us and is for nobody else.
const OWN_VARIABLES: [&str; 7] = [
    "MIOFTPD_PASSWORD",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

/// What a helper is for.
#[derive(Debug)]
pub struct Role {
    /// What it is called (`argv[0]`).
    pub name: &'static str,
    /// What those are called that it starts.
    pub worker: &'static str,
    /// The most of them at once, whatever the server asks for.
    pub at_once: usize,
}

/// Says what is wrong where the server's log goes. These processes have no log of their own, and go
/// on where nobody can be told.
pub(crate) fn complain(name: &str, why: &dyn fmt::Display) {
    let _ = writeln!(io::stderr(), "{name}: {why}");
}

/// The way to a helper. The process ends when the last of these is dropped.
#[derive(Clone, Debug)]
pub struct Helper {
    link: Arc<OwnedFd>,
}

impl Helper {
    /// Starts it, with the rights of this process; it and its workers get these arguments.
    ///
    /// # Errors
    /// When the system has no room for it; and in a program that does not begin with
    /// [`run_helper_if_requested`](crate::run_helper_if_requested), where it would be that program once more.
    pub fn start(role: &Role, arguments: &[OsString]) -> io::Result<Self> {
        if std::env::args_os().next().as_deref() == Some(OsStr::new(role.name)) {
            let text = "this program does not begin with run_helper_if_requested";
            return Err(io::Error::other(text));
        }
        let flags = SocketFlags::CLOEXEC;
        let (link, its_end) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let mut command = Command::new(THIS_PROGRAM);
        for variable in OWN_VARIABLES {
            command.env_remove(variable);
        }
        command
            .arg0(role.name)
            .args(arguments)
            .current_dir("/")
            // A signal from a terminal is for the server, which then lets go of the helper.
            .process_group(0)
            .stdin(its_end)
            .stdout(Stdio::null())
            .spawn()?;
        let link = Arc::new(link);
        Ok(Self { link })
    }

    /// Has a worker do something, and waits for its answer.
    ///
    /// # Errors
    /// When there is no worker to be had, or none that answers in time.
    pub fn ask(&self, question: &[u8], patience: Duration) -> io::Result<Vec<u8>> {
        let (its_question, ours) = pipe_with(PipeFlags::CLOEXEC)?;
        let (answer, its_answer) = pipe_with(PipeFlags::CLOEXEC)?;
        self.send(&its_question, &its_answer)?;
        // Only its own ends tell us that it is gone.
        drop((its_question, its_answer));
        match File::from(ours).write_all(question) {
            // Whoever is gone without having heard it all has no answer either: that is seen below.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
        let mut wanted = [PollFd::new(&answer, PollFlags::IN)];
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        if poll(&mut wanted, Some(&patience))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut bytes = Vec::new();
        File::from(answer)
            .take(ANSWER_BYTES)
            .read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            return Err(io::Error::other("no answer came"));
        }
        Ok(bytes)
    }

    fn send(&self, question: &OwnedFd, answer: &OwnedFd) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut passed = SendAncillaryBuffer::new(&mut space);
        let ends = [question.as_fd(), answer.as_fd()];
        passed.push(SendAncillaryMessage::ScmRights(&ends));
        // It is there to take them, or it is of no use.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(&self.link, &[IoSlice::new(b"?")], &mut passed, flags) {
            Ok(_) => Ok(()),
            Err(Errno::PIPE | Errno::CONNRESET) => {
                let text = "the process for that is gone; a restart brings it back";
                Err(io::Error::other(text))
            }
            Err(error) => Err(error.into()),
        }
    }
}
