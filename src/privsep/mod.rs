//! Privilege separation: a helper process keeps the privileges that the server drops, and starts one
//! kind of worker process, one for each request.
//!
//! A [`Helper`] starts before privileges are dropped. The server sends it the ends of two pipes and
//! nothing else; request and response go through the pipes, past the helper. An attacker who controls
//! the server can therefore only have the workers of its [`Role`] started. Helper and worker are this
//! program again, with the role's name as `argv[0]`.
//!
//! ```text
//!   server ──two pipes──▶ helper ──starts, with the pipes as its standard streams──▶ worker
//!      └───────────────────────────── request ──────────────────────────────────────▶┘ │
//!      ▲───────────────────────────── response ────────────────────────────────────────┘
//! ```
//!
//! Nothing here knows what requests contain.

mod helper;

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

pub use helper::run_helper;

/// This very program, even if its file has been replaced.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// The longest response; further bytes are dropped.
const RESPONSE_BYTES: u64 = 512;

/// Variables of the server's environment that helpers must not inherit.
const OWN_VARIABLES: [&str; 7] = [
    "MIOFTPD_PASSWORD",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
];

/// A kind of helper.
#[derive(Debug)]
pub struct Role {
    /// `argv[0]` of the helper.
    pub name: &'static str,
    /// `argv[0]` of its workers.
    pub worker: &'static str,
    /// The maximum of concurrent workers, which the server cannot exceed.
    pub at_once: usize,
}

/// Writes an error to stderr, which is where the server's log goes: helpers have no log of their own.
/// A failed write is ignored.
pub(crate) fn write_to_stderr(name: &str, why: &dyn fmt::Display) {
    let _ = writeln!(io::stderr(), "{name}: {why}");
}

/// A connection to a helper. The process exits when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Helper {
    link: Arc<OwnedFd>,
}

impl Helper {
    /// Starts a helper with the privileges of this process; it and its workers get these arguments.
    ///
    /// # Errors
    /// When the system cannot start a process; and in a program that does not call
    /// [`run_helper_if_requested`](crate::run_helper_if_requested) first, which would start itself forever.
    pub fn start(role: &Role, arguments: &[OsString]) -> io::Result<Self> {
        if std::env::args_os().next().as_deref() == Some(OsStr::new(role.name)) {
            let text = "this program does not call run_helper_if_requested first";
            return Err(io::Error::other(text));
        }
        let flags = SocketFlags::CLOEXEC;
        let (link, helper_end) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let mut command = Command::new(THIS_PROGRAM);
        for variable in OWN_VARIABLES {
            command.env_remove(variable);
        }
        command
            .arg0(role.name)
            .args(arguments)
            .current_dir("/")
            // Terminal signals must reach the server only; the helper exits after it.
            .process_group(0)
            .stdin(helper_end)
            .stdout(Stdio::null())
            .spawn()?;
        let link = Arc::new(link);
        Ok(Self { link })
    }

    /// Starts a worker, sends it the request, and waits for its response. Blocking.
    ///
    /// # Errors
    /// When no worker starts, or none responds within `timeout`.
    pub fn ask(&self, request: &[u8], timeout: Duration) -> io::Result<Vec<u8>> {
        let (request_end, request_pipe) = pipe_with(PipeFlags::CLOEXEC)?;
        let (response_pipe, response_end) = pipe_with(PipeFlags::CLOEXEC)?;
        self.send(&request_end, &response_end)?;
        // The worker must hold the only copies, or its exit would not be seen as end-of-file.
        drop((request_end, response_end));
        match File::from(request_pipe).write_all(request) {
            // The worker has exited early: there is no response then, which is an error below.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written?,
        }
        let mut polled = [PollFd::new(&response_pipe, PollFlags::IN)];
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        if poll(&mut polled, Some(&timeout))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut response = Vec::new();
        File::from(response_pipe)
            .take(RESPONSE_BYTES)
            .read_to_end(&mut response)?;
        if response.is_empty() {
            return Err(io::Error::other("the worker process sent no answer"));
        }
        Ok(response)
    }

    /// Sends the worker's ends of both pipes to the helper.
    fn send(&self, request: &OwnedFd, response: &OwnedFd) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut passed = SendAncillaryBuffer::new(&mut space);
        let ends = [request.as_fd(), response.as_fd()];
        passed.push(SendAncillaryMessage::ScmRights(&ends));
        // An idle helper always has room in its socket buffer: a full one means that it hangs.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(&self.link, &[IoSlice::new(b"?")], &mut passed, flags) {
            Ok(_) => Ok(()),
            Err(Errno::PIPE | Errno::CONNRESET) => {
                let text = "the helper process has exited; restart the server";
                Err(io::Error::other(text))
            }
            Err(error) => Err(error.into()),
        }
    }
}
