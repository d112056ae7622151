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
use crate::auth::{Account, Guest, Permissions};
#[cfg(feature = "digests")]
use crate::errand::Assignment;
use crate::errand::Findings;
use crate::protocol::line::Line;
use crate::storage::{Answer, Error};
use crate::transfer::{Mark, Opened};

/// The end of a transfer of which nothing is kept but what it was for.
fn ended(ending: Ending, bytes: u64) -> Report {
    Report::Ended {
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
    orders: VecDeque<Order>,
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
        let (mut outbox, mut orders) = (Outbox::new(), VecDeque::new());
        let (mut deadlines, now) = (Deadlines::new(), Instant::now());
        let mut cx = Context {
            now,
            unix_time: 0,
            settings: &settings,
            outbox: &mut outbox,
            orders: &mut orders,
            deadlines: &mut deadlines,
        };
        let session = Session::open("127.0.0.1:9999".parse().unwrap(), &mut cx);
        let mut talk = Self {
            session,
            settings,
            outbox,
            orders,
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
        assert!(matches!(talk.orders.pop_back(), Some(Order::Verify(_))));
        talk.report(Report::Verified(Ok(Guest::from(account))));
        talk.heard();
        talk.orders.clear();
        talk
    }

    fn with<T>(&mut self, speak: impl FnOnce(&mut Session, &mut Context<'_>) -> T) -> T {
        let mut cx = Context {
            now: self.now,
            unix_time: self.unix_time,
            settings: &self.settings,
            outbox: &mut self.outbox,
            orders: &mut self.orders,
            deadlines: &mut self.deadlines,
        };
        speak(&mut self.session, &mut cx)
    }

    fn say(&mut self, line: &str) -> String {
        self.with(|session, cx| session.execute(&Line::Text(line.as_bytes()), cx));
        self.heard()
    }

    fn report(&mut self, report: Report) -> String {
        self.with(|session, cx| session.report(report, cx));
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
    fn order(&mut self) -> Order {
        self.orders
            .retain(|order| !matches!(order, Order::Audit(_)));
        self.orders.pop_front().unwrap()
    }

    fn has_no_orders(&self) -> bool {
        let mut orders = self.orders.iter();
        orders.all(|order| matches!(order, Order::Audit(_)))
    }

    /// As far as the 150 of an upload.
    fn storing() -> Self {
        let mut talk = Self::logged_in();
        talk.say("EPSV");
        let address = "127.0.0.1:5000".parse().unwrap();
        talk.report(Report::Listening(Ok(address)));
        assert_eq!(talk.say("STOR f"), "");
        let opened = Opened::default();
        assert!(talk.report(Report::Opened(Ok(opened))).starts_with("150 "));
        talk.orders.clear();
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
