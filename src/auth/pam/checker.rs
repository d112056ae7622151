//! A checker: a process that asks PAM once, and is gone, with all that a module has done to it.
//!
//! It has a question on its standard input, a verdict to write to its standard output, and only so
//! much time. What modules want to know of a client they get: its address (`PAM_RHOST`) and that it
//! comes by FTP (`PAM_TTY`). Sessions of PAM (`pam_open_session(3)`) are not opened.

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

use super::question::{QUESTION_BYTES, Question, Verdict};
use crate::auth::Password;
use crate::cause::cause;
use crate::limits::{PAM_TIME, THREAD_STACK_BYTES};
use crate::privsep::complain;

/// What comes by FTP has no terminal; this is what FTP servers say instead.
const TERMINAL: &str = "ftp";

/// Answers the question on the standard input.
pub(crate) fn run() -> ExitCode {
    let _ = rustix::thread::set_name(c"mioftpd-pam");
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(super::ROLE.worker, &cause(&error));
            ExitCode::FAILURE
        }
    }
}

fn answer() -> io::Result<()> {
    keep_memory_private();
    // Nobody waits for it after that.
    let clock = thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    clock.spawn(|| {
        thread::sleep(PAM_TIME);
        std::process::exit(1);
    })?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(QUESTION_BYTES));
    io::stdin()
        .take(QUESTION_BYTES as u64)
        .read_to_end(&mut bytes)?;
    let question = Question::parse(&bytes).ok_or(io::ErrorKind::InvalidData)?;
    let verdict = match ask(question) {
        Ok(()) => Verdict::Yes,
        Err(error) => Verdict::No(cause(&error).to_string()),
    };
    io::stdout().write_all(&verdict.print())
}

/// There is a password in it. Where that cannot be had, PAM is asked all the same.
fn keep_memory_private() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

fn ask(question: Question) -> Result<(), ErrorCode> {
    let Question {
        service,
        name,
        password,
        from,
    } = question;
    let name = OsStr::from_bytes(&name);
    let mut pam = TransactionBuilder::new_with_service(&service)
        .username(name)
        .build(Answers(password))?;
    let from = OsString::from(from.to_string());
    pam.items_mut().set_remote_host(Some(&from))?;
    pam.items_mut().set_tty_name(Some(OsStr::new(TERMINAL)))?;
    let flags = AuthnFlags::SILENT | AuthnFlags::DISALLOW_NULL_AUTHTOK;
    pam.authenticate(flags)?;
    // A password that must be changed first is an error too: FTP has no way to.
    pam.account_management(flags)
}

/// What a client has said already: it cannot be asked anything else.
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
