//! Conversations without a network: lines, reports and deadlines in, replies and orders out.

mod commands;
mod farewells;
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

/// The end of a transfer of which nothing is kept but what it was for.
fn ended(ending: Ending, bytes: u64) -> SessionEvent {
    SessionEvent::Ended {
        ending,
        bytes,
        kept: None,
    }
}

/// A session, and all that a reactor would hold for it.
struct Talk {
    session: Session,
    settings: Settings,
    outbox: Outbox,
    actions: VecDeque<Action>,
    deadlines: Deadlines,
    now: Instant,
    unix_time: i64,
}

impl Talk {
    fn new(mode: Mode) -> Self {
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
        let mut talk = Self {
            session,
            settings,
            outbox,
            actions,
            deadlines,
            now,
            unix_time: 0,
        };
        assert_eq!(talk.heard(), "220 Service ready for new user.\r\n");
        talk
    }

    fn logged_in() -> Self {
        Self::logged_in_as(Account::anonymous(Permissions::ALL))
    }

    fn logged_in_as(account: Account) -> Self {
        let mut talk = Self::new(Mode::Serving);
        talk.say("USER ftp");
        talk.say("PASS x");
        assert!(matches!(talk.actions.pop_back(), Some(Action::Verify(_))));
        talk.handle(SessionEvent::Verified(Ok(AuthenticatedUser::from(account))));
        talk.heard();
        talk.actions.clear();
        talk
    }

    fn with<T>(&mut self, speak: impl FnOnce(&mut Session, &mut Context<'_>) -> T) -> T {
        let mut cx = Context {
            now: self.now,
            unix_time: self.unix_time,
            settings: &self.settings,
            outbox: &mut self.outbox,
            actions: &mut self.actions,
            deadlines: &mut self.deadlines,
        };
        speak(&mut self.session, &mut cx)
    }

    fn say(&mut self, line: &str) -> String {
        self.with(|session, cx| session.execute(&Line::Text(line.as_bytes()), cx));
        self.heard()
    }

    fn handle(&mut self, handle: SessionEvent) -> String {
        self.with(|session, cx| session.handle(handle, cx));
        self.heard()
    }

    /// Lets time pass, and what is due happen.
    fn wait(&mut self, time: Duration) -> String {
        self.now += time;
        while let Some(deadline) = self.deadlines.take_due(self.now) {
            self.with(|session, cx| session.expired(deadline, cx));
        }
        self.heard()
    }

    fn heard(&mut self) -> String {
        let text = String::from_utf8(self.outbox.unsent().to_vec()).unwrap();
        self.outbox.wrote(text.len());
        text
    }

    /// The next that is more than a line for the log.
    fn action(&mut self) -> Action {
        self.actions
            .retain(|action| !matches!(action, Action::Audit(_)));
        self.actions.pop_front().unwrap()
    }

    fn has_no_orders(&self) -> bool {
        let mut actions = self.actions.iter();
        actions.all(|action| matches!(action, Action::Audit(_)))
    }

    /// As far as the 150 of an upload.
    fn storing() -> Self {
        let mut talk = Self::logged_in();
        talk.say("EPSV");
        let address = "127.0.0.1:5000".parse().unwrap();
        talk.handle(SessionEvent::Listening(Ok(address)));
        assert_eq!(talk.say("STOR f"), "");
        let opened = Opened::default();
        assert!(
            talk.handle(SessionEvent::Opened(Ok(opened)))
                .starts_with("150 ")
        );
        talk.actions.clear();
        talk
    }
}

/// Gives the account other rights.
fn renewed(talk: &mut Talk, change: impl FnOnce(&mut Account)) -> String {
    let mut account = Account::anonymous(Permissions::ALL);
    change(&mut account);
    talk.with(|session, cx| session.renew(Arc::new(account), cx));
    talk.heard()
}

fn requiring(require: TlsRequired) -> SecurityPolicy {
    SecurityPolicy {
        require,
        ..SecurityPolicy::default()
    }
}
