//! Tests of a session without a reactor, as dialogues: commands, events and time in, replies and actions
//! out. [`TestSession::play`] has the notation.

mod closing;
mod commands;
mod login;
mod names;
mod refusals;
mod reloads;
mod rights;
mod status;
mod transfers;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::auth::{
    Account, AuthenticatedUser, Denial, EVERY_REVOCATION, LoginFailure, Permissions,
};
use crate::clock::Instant;
use crate::file_task::TaskResult;
use crate::metrics::Counts;
use crate::observe::AuditRecord;
use crate::protocol::line::Line;
use crate::storage::{Answer, Error};
use crate::transfer::Opened;

/// A session with the state that the reactor holds for it.
struct TestSession {
    session: Session,
    settings: Settings,
    outbox: Outbox,
    actions: VecDeque<Action>,
    deadlines: Deadlines,
    counts: Counts,
    now: Instant,
    unix_time: i64,
}

/// The errors of opening a file.
const ERRORS: [Error; 18] = [
    Error::NotFound,
    Error::Exists,
    Error::IsDirectory,
    Error::NotDirectory,
    Error::NotEmpty,
    Error::NotRegular,
    Error::Denied,
    Error::Forbidden,
    Error::ReadOnly,
    Error::BadName,
    Error::BeyondEnd,
    Error::TooLarge,
    Error::NoSpace,
    Error::QuotaExceeded,
    Error::NotCounted,
    Error::Exhausted,
    Error::Busy,
    Error::Device,
];

const ENDINGS: [Ending; 12] = [
    Ending::Complete,
    Ending::NotConnected,
    Ending::NotSecured,
    Ending::Cut,
    Ending::Malformed,
    Ending::Bounded,
    Ending::Stalled,
    Ending::Aborted,
    Ending::Abandoned,
    Ending::Stopped,
    Ending::Revoked,
    Ending::EndedByOperator,
];

const DENIALS: [Denial; 6] = [
    Denial::WrongCredentials,
    Denial::Expired,
    Denial::SessionLimit,
    Denial::Busy,
    Denial::NoMemory,
    Denial::Banned,
];

/// The value with this name in the code.
fn named<T: Debug + Copy>(all: &[T], name: &str) -> T {
    let found = all.iter().find(|one| format!("{one:?}") == name);
    *found.unwrap_or_else(|| panic!("no value is named {name}"))
}

/// The error with this name; without a name `value`.
fn result<T>(name: &str, value: T) -> Result<T, Error> {
    if name.is_empty() {
        return Ok(value);
    }
    Err(named(&ERRORS, name))
}

fn anonymous() -> AuthenticatedUser {
    Account::anonymous(Permissions::ALL).into()
}

impl TestSession {
    fn new() -> Self {
        Self::with_mode(ServerMode::Serving)
    }

    fn with_mode(mode: ServerMode) -> Self {
        let peer = "127.0.0.1:9999".parse().unwrap();
        let mut test = Self {
            session: Session::new(peer),
            settings: Settings {
                mode,
                ..Settings::default()
            },
            outbox: Outbox::default(),
            actions: VecDeque::new(),
            deadlines: Deadlines::default(),
            counts: Counts::default(),
            now: Instant::now(),
            unix_time: 0,
        };
        test.with(|session, cx| session.greet(cx));
        assert_eq!(test.replies(), "220 Service ready for new user.\r\n");
        test
    }

    fn logged_in() -> Self {
        Self::logged_in_as(Account::anonymous(Permissions::ALL))
    }

    fn logged_in_as(account: Account) -> Self {
        let mut test = Self::new();
        test.play("USER ftp\n PASS x -> => Verify");
        test.handle(SessionEvent::Verified(Ok(account.into())));
        test
    }

    /// A logged-in session with these permissions.
    fn permitted(permissions: &str) -> Self {
        Self::logged_in_as(Account::anonymous(permissions.parse().unwrap()))
    }

    /// A session with a passive listener.
    fn with_listener() -> Self {
        let mut test = Self::logged_in();
        test.play("EPSV\n @listening -> 229");
        test
    }

    /// A session whose upload has got its 150.
    fn with_upload_open() -> Self {
        let mut test = Self::with_listener();
        test.play("STOR f ->\n @opened -> 150");
        test
    }

    fn with<T>(&mut self, call: impl FnOnce(&mut Session, &mut Context<'_>) -> T) -> T {
        let mut cx = Context {
            now: self.now,
            unix_time: self.unix_time,
            settings: &self.settings,
            outbox: &mut self.outbox,
            actions: &mut self.actions,
            deadlines: &mut self.deadlines,
            counts: &mut self.counts,
        };
        call(&mut self.session, &mut cx)
    }

    /// Plays a dialogue with a step in each line: `input -> replies => actions`.
    ///
    /// The input is a command, or `@` and an [event](Self::event). A reply is its code, its whole line, or
    /// the beginning of it and `...`; several are separated by ` | `. An action is a part of its debug form,
    /// several are separated by ` & `, and audit records are none. `->` with nothing behind it is no reply,
    /// `=>` no action; without them neither is checked.
    #[track_caller]
    fn play(&mut self, dialogue: &str) {
        for step in dialogue.lines().filter(|line| !line.trim().is_empty()) {
            let (rest, actions) = split(step, "=>", " & ");
            let (input, replies) = split(rest, "->", " | ");
            self.actions.clear();
            let got = match input.strip_prefix('@') {
                Some(event) => self.event(event),
                None => self.send(input),
            };
            let lines: Vec<_> = got.lines().map(str::to_owned).collect();
            assert_all(step, replies, &lines, |reply, line| {
                match reply.strip_suffix("...") {
                    Some(start) => line.starts_with(start),
                    None => {
                        line == reply || reply.len() == 3 && line.starts_with(&format!("{reply} "))
                    }
                }
            });
            let actions_taken = self.actions.iter().map(|action| format!("{action:?}"));
            let taken: Vec<_> = actions_taken
                .filter(|one| !one.starts_with("Audit"))
                .collect();
            assert_all(step, actions, &taken, |part, action| action.contains(part));
        }
    }

    /// An event of a dialogue: that of the reactor with its argument, a call of the session, the time in
    /// seconds, or `ready`, `busy` and `closing`, which check the state.
    fn event(&mut self, event: &str) -> String {
        let (name, argument) = event.split_once(' ').unwrap_or((event, ""));
        let address = || match argument {
            "" => SocketAddr::from(([127, 0, 0, 1], 5000)),
            address => address.parse().unwrap(),
        };
        let number = || argument.parse().unwrap();
        self.handle(match name {
            "wait" => return self.wait(Duration::from_secs_f64(argument.parse().unwrap())),
            "ready" | "busy" => {
                assert_eq!(self.session.accepts_command(), name == "ready");
                return String::new();
            }
            "closing" => {
                assert!(self.session.is_closing() && !self.session.accepts_command());
                return String::new();
            }
            "abort" => return self.call(Session::abort),
            "stop" => return self.call(Session::stop),
            "stop-now" => return self.call(Session::stop_now),
            "input-ended" => return self.call(Session::input_ended),
            "leave" => return self.call(|session, cx| session.leave(Ending::Abandoned, cx)),
            "too-long" => return self.call(|session, cx| session.execute(&Line::TooLong, cx)),
            "revoke" => {
                let reason = named(&EVERY_REVOCATION, argument);
                return self.call(|session, cx| session.revoke(reason, cx));
            }
            "verified" => SessionEvent::Verified(Ok(anonymous())),
            "denied" => SessionEvent::Verified(Err(LoginFailure {
                denial: named(&DENIALS, argument),
                failures: 1,
            })),
            "switching" => SessionEvent::Switching(true),
            "secured" => SessionEvent::Secured(None),
            "cleared" => SessionEvent::Cleared,
            "listening" => SessionEvent::Listening(Ok(address())),
            "no-ipv4" => SessionEvent::Listening(Err(NoListener::Ipv4)),
            "lost" => SessionEvent::DataConnectionLost,
            "answered" => SessionEvent::StorageAnswered(result(argument, Answer::Done)),
            "count-pending" => SessionEvent::CountPending,
            "count-retried" => SessionEvent::CountRetried,
            "task-advanced" => SessionEvent::TaskAdvanced,
            "task-dropped" => SessionEvent::TaskDropped,
            "task-finished" => SessionEvent::TaskFinished(result(argument, TaskResult::Combined)),
            "opened" => SessionEvent::Opened(result(argument, Opened::default())),
            "connected" => SessionEvent::Connected,
            "moved" => SessionEvent::Moved(number()),
            ending => SessionEvent::Ended {
                ending: named(&ENDINGS, ending),
                bytes: number(),
                kept: None,
            },
        })
    }

    fn send(&mut self, line: &str) -> String {
        self.call(|session, cx| session.execute(&Line::Text(line.as_bytes()), cx))
    }

    fn handle(&mut self, event: SessionEvent) -> String {
        self.call(|session, cx| session.handle(event, cx))
    }

    /// Replaces the account, as a reload does.
    fn renew(&mut self, change: impl FnOnce(&mut Account)) -> String {
        let mut account = Account::anonymous(Permissions::ALL);
        change(&mut account);
        self.call(|session, cx| session.renew(&Arc::new(account), cx))
    }

    /// Lets the session act, and takes its replies.
    fn call(&mut self, act: impl FnOnce(&mut Session, &mut Context<'_>)) -> String {
        self.with(act);
        self.replies()
    }

    /// Advances the clock and handles the deadlines that are due.
    fn wait(&mut self, time: Duration) -> String {
        self.now += time;
        while let Some(deadline) = self.deadlines.take_due(self.now) {
            self.with(|session, cx| session.expired(deadline, cx));
        }
        self.replies()
    }

    /// The audit record of the last step.
    fn audit(&self) -> Option<&AuditRecord> {
        self.actions.iter().find_map(|action| match action {
            Action::Audit(record) => Some(record.as_ref()),
            _ => None,
        })
    }

    fn replies(&mut self) -> String {
        let text = String::from_utf8(self.outbox.unsent().to_vec()).unwrap();
        self.outbox.wrote(text.len());
        text
    }
}

/// Splits a step at a mark into what is before it and the parts behind it; `None` without the mark.
fn split<'a>(step: &'a str, mark: &str, separator: &str) -> (&'a str, Option<Vec<&'a str>>) {
    let Some((before, behind)) = step.split_once(mark) else {
        return (step.trim(), None);
    };
    let parts = behind.split(separator).map(str::trim);
    (
        before.trim(),
        Some(parts.filter(|part| !part.is_empty()).collect()),
    )
}

#[track_caller]
fn assert_all(
    step: &str,
    expected: Option<Vec<&str>>,
    got: &[String],
    is_match: fn(&str, &str) -> bool,
) {
    let Some(expected) = expected else {
        return;
    };
    let mut pairs = expected.iter().zip(got);
    let are_equal = expected.len() == got.len() && pairs.all(|(one, got)| is_match(one, got));
    assert!(are_equal, "{step}: {got:?}");
}

fn requiring(require: TlsRequired) -> SecurityPolicy {
    SecurityPolicy {
        require,
        ..SecurityPolicy::default()
    }
}
