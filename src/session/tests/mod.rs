//! Tests of a session without a reactor: command lines, events and deadlines in, replies and actions out.

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
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::auth::{Account, AuthenticatedUser, Permissions};
use crate::file_task::TaskResult;
#[cfg(feature = "digests")]
use crate::file_task::TaskSpec;
use crate::protocol::line::Line;
use crate::storage::{Answer, Error};
use crate::transfer::{Mark, Opened};

/// The end of a transfer that keeps no partial file.
fn ended(ending: Ending, bytes: u64) -> SessionEvent {
    SessionEvent::Ended {
        ending,
        bytes,
        kept: None,
    }
}

/// A session with the state that the reactor holds for it.
struct TestSession {
    session: Session,
    settings: Settings,
    outbox: Outbox,
    actions: VecDeque<Action>,
    deadlines: Deadlines,
    now: Instant,
    unix_time: i64,
}

impl TestSession {
    fn new(mode: ServerMode) -> Self {
        let settings = Settings {
            mode,
            ..Settings::default()
        };
        let (mut outbox, mut actions) = (Outbox::new(), VecDeque::new());
        let (mut deadlines, now) = (Deadlines::new(), Instant::now());
        let mut cx = Context {
            now,
            unix_time: 0,
            settings: &settings,
            outbox: &mut outbox,
            actions: &mut actions,
            deadlines: &mut deadlines,
        };
        let session = Session::open("127.0.0.1:9999".parse().unwrap(), &mut cx);
        let mut test = Self {
            session,
            settings,
            outbox,
            actions,
            deadlines,
            now,
            unix_time: 0,
        };
        assert_eq!(test.replies(), "220 Service ready for new user.\r\n");
        test
    }

    fn logged_in() -> Self {
        Self::logged_in_as(Account::anonymous(Permissions::ALL))
    }

    fn logged_in_as(account: Account) -> Self {
        let mut test = Self::new(ServerMode::Serving);
        test.send("USER ftp");
        test.send("PASS x");
        assert!(matches!(test.actions.pop_back(), Some(Action::Verify(_))));
        test.handle(SessionEvent::Verified(Ok(AuthenticatedUser::from(account))));
        test.replies();
        test.actions.clear();
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
        };
        call(&mut self.session, &mut cx)
    }

    fn send(&mut self, line: &str) -> String {
        self.with(|session, cx| session.execute(&Line::Text(line.as_bytes()), cx));
        self.replies()
    }

    fn handle(&mut self, event: SessionEvent) -> String {
        self.with(|session, cx| session.handle(event, cx));
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

    fn replies(&mut self) -> String {
        let text = String::from_utf8(self.outbox.unsent().to_vec()).unwrap();
        self.outbox.wrote(text.len());
        text
    }

    /// The next action, without audit records.
    fn action(&mut self) -> Action {
        self.actions
            .retain(|action| !matches!(action, Action::Audit(_)));
        self.actions.pop_front().unwrap()
    }

    fn has_no_actions(&self) -> bool {
        let mut actions = self.actions.iter();
        actions.all(|action| matches!(action, Action::Audit(_)))
    }

    /// A session whose upload has got its 150.
    fn with_upload_open() -> Self {
        let mut test = Self::logged_in();
        test.send("EPSV");
        let address = "127.0.0.1:5000".parse().unwrap();
        test.handle(SessionEvent::Listening(Ok(address)));
        assert_eq!(test.send("STOR f"), "");
        let opened = Opened::default();
        assert!(
            test.handle(SessionEvent::Opened(Ok(opened)))
                .starts_with("150 ")
        );
        test.actions.clear();
        test
    }
}

/// Replaces the account, as a reload does.
fn renew_account(test: &mut TestSession, change: impl FnOnce(&mut Account)) -> String {
    let mut account = Account::anonymous(Permissions::ALL);
    change(&mut account);
    test.with(|session, cx| session.renew(Arc::new(account), cx));
    test.replies()
}

fn requiring(require: TlsRequired) -> SecurityPolicy {
    SecurityPolicy {
        require,
        ..SecurityPolicy::default()
    }
}
