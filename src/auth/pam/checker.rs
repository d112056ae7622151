//! The checker: a process that asks PAM once and exits, so that no state of a PAM module survives.
//!
//! It reads a [`PamRequest`] from the standard input, writes a [`PamAnswer`] to the standard output, and
//! exits after [`PAM_TIMEOUT`] in any case. Modules get the client address (`PAM_RHOST`) and `ftp` as the
//! terminal (`PAM_TTY`). No PAM session is opened (`pam_open_session(3)`).

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::ExitCode;
use std::thread;

use nonstick::conv::Exchange;
use nonstick::items::ItemsMut as _;
use nonstick::{
    AuthnFlags, Conversation, ErrorCode, PamShared as _, Transaction as _, TransactionBuilder,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use zeroize::Zeroizing;

use super::request::{PamAnswer, PamRequest, REQUEST_BYTES};
use crate::auth::Password;
use crate::cause::cause;
use crate::limits::{PAM_TIMEOUT, THREAD_STACK_BYTES};
use crate::privsep::write_to_stderr;

/// FTP has no terminal; this is the usual value for FTP servers.
const TERMINAL: &str = "ftp";

pub(crate) fn run() -> ExitCode {
    let _ = rustix::thread::set_name(c"mioftpd-pam");
    match serve_request() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            write_to_stderr(super::ROLE.worker, &cause(&error));
            ExitCode::FAILURE
        }
    }
}

fn serve_request() -> io::Result<()> {
    forbid_core_dumps();
    // The server waits no longer.
    let watchdog = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    watchdog.spawn(|| {
        thread::sleep(PAM_TIMEOUT);
        std::process::exit(1);
    })?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(REQUEST_BYTES));
    io::stdin()
        .take(REQUEST_BYTES as u64)
        .read_to_end(&mut bytes)?;
    let request = PamRequest::decode(&bytes).ok_or(io::ErrorKind::InvalidData)?;
    let answer = match ask_pam(request) {
        Ok(()) => PamAnswer::Accepted,
        Err(error) => PamAnswer::Refused(cause(&error).to_string()),
    };
    io::stdout().write_all(&answer.encode())
}

/// Keeps the password out of core dumps and from other processes of the user (ptrace). Best effort.
fn forbid_core_dumps() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

fn ask_pam(request: PamRequest) -> Result<(), ErrorCode> {
    let PamRequest {
        service,
        name,
        password,
        from,
    } = request;
    let name = OsStr::from_bytes(&name);
    let mut pam = TransactionBuilder::new_with_service(&service)
        .username(name)
        .build(Answers(password))?;
    let from = OsString::from(from.to_string());
    pam.items_mut().set_remote_host(Some(&from))?;
    pam.items_mut().set_tty_name(Some(OsStr::new(TERMINAL)))?;
    let flags = AuthnFlags::SILENT | AuthnFlags::DISALLOW_NULL_AUTHTOK;
    pam.authenticate(flags)?;
    // An expired password is an error too: FTP has no way to change it.
    pam.account_management(flags)
}

/// Answers the prompts of modules with the password of the client, which has nothing else to give.
struct Answers(Password);

impl Conversation for Answers {
    fn communicate(&self, messages: &[Exchange<'_>]) {
        for message in messages {
            match message {
                Exchange::MaskedPrompt(prompt) => {
                    prompt.set_answer(Ok(OsString::from_vec(self.0.as_bytes().to_vec())));
                }
                Exchange::Info(info) => info.set_answer(Ok(())),
                Exchange::Error(error) => error.set_answer(Ok(())),
                other => other.set_error(ErrorCode::ConversationError),
            }
        }
    }
}
