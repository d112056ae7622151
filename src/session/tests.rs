//! Conversations without a network: lines, reports and deadlines in, replies and orders out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::*;
use crate::auth::Rights;
#[cfg(feature = "digests")]
use crate::errand::Assignment;
use crate::errand::Findings;
use crate::protocol::line::Line;
use crate::storage::{Answer, Error};
use crate::transfer::{Mark, Opened};

/// A session, and all that a reactor would hold for it.
struct Talk {
    session: Session,
    settings: Settings,
    outbox: Outbox,
    orders: VecDeque<Order>,
    deadlines: Deadlines,
    now: Instant,
}

impl Talk {
    fn new(mode: Mode) -> Self {
        let settings = Settings {
            mode,
            accounts: Accounts {
                anonymous: Some(Rights::ReadWrite),
                named: None,
            },
            passive_address: None,
            umask: Umask::new(0o022).unwrap(),
            zone: Zone::UTC,
            charset: None,
            allow_fxp: false,
            allow_combine: false,
            timings: Timings::default(),
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
        };
        assert_eq!(talk.heard(), "220 Service ready for new user.\r\n");
        talk
    }

    fn logged_in() -> Self {
        let mut talk = Self::new(Mode::Serving);
        talk.say("USER ftp");
        talk.say("PASS x");
        assert!(matches!(talk.orders.pop_back(), Some(Order::Verify(_))));
        talk.report(Report::Verified(Some(Rights::ReadWrite)));
        talk.heard();
        talk.orders.clear();
        talk
    }

    fn with<T>(&mut self, speak: impl FnOnce(&mut Session, &mut Context<'_>) -> T) -> T {
        let mut cx = Context {
            now: self.now,
            unix_time: 0,
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

    fn order(&mut self) -> Order {
        self.orders.pop_front().unwrap()
    }

    /// As far as the 150 of an upload.
    fn storing() -> Self {
        let mut talk = Self::logged_in();
        talk.say("EPSV");
        let address = "127.0.0.1:5000".parse().unwrap();
        talk.report(Report::Listening(Some(address)));
        assert_eq!(talk.say("STOR f"), "");
        let opened = Opened {
            size: None,
            path: None,
        };
        assert!(talk.report(Report::Opened(Ok(opened))).starts_with("150 "));
        talk.orders.clear();
        talk
    }
}

#[test]
fn the_same_is_said_for_known_and_unknown_names() {
    let mut talk = Talk::new(Mode::Serving);
    let known = talk.say("USER ftp");
    assert_eq!(talk.say("USER nobody"), known);
}

#[test]
fn a_failed_login_is_answered_later_each_time_and_the_fifth_closes() {
    let mut talk = Talk::new(Mode::Serving);
    let penalty = talk.settings.timings.penalty;
    for failure in 1..=4 {
        talk.say("USER ann");
        assert_eq!(talk.say("PASS wrong"), "");
        assert_eq!(talk.report(Report::Verified(None)), "");
        assert!(!talk.session.accepts_command());
        let almost = (penalty * failure).saturating_sub(Duration::from_millis(1));
        assert_eq!(talk.wait(almost), "");
        assert!(talk.wait(Duration::from_millis(1)).starts_with("530 "));
    }
    talk.say("USER ann");
    talk.say("PASS wrong");
    talk.report(Report::Verified(None));
    assert!(talk.wait(penalty * 5).starts_with("421 "));
    assert!(talk.session.is_closing());
}

#[test]
fn nothing_but_talk_is_allowed_before_a_login() {
    let mut talk = Talk::new(Mode::Serving);
    for line in ["PWD", "CWD x", "PASV", "RETR x", "LIST", "STAT x", "SIZE x"] {
        assert!(talk.say(line).starts_with("530 "), "{line}");
    }
    for line in ["NOOP", "SYST", "FEAT", "HELP", "STAT", "OPTS UTF8 ON"] {
        assert!(talk.say(line).starts_with('2'), "{line}");
    }
    assert!(talk.orders.is_empty());
}

#[test]
fn rnto_must_follow_rnfr_at_once() {
    let mut talk = Talk::logged_in();
    assert!(talk.say("RNTO b").starts_with("503 "));
    talk.say("RNFR a");
    assert!(matches!(talk.order(), Order::Describe(_)));
    assert!(
        talk.report(Report::Entry(Err(Error::NotFound)))
            .starts_with("550 ")
    );
    assert!(talk.say("RNTO b").starts_with("503 "));
}

#[test]
fn restart_is_forgotten_unless_a_transfer_follows() {
    let mut talk = Talk::logged_in();
    for line in [
        "REST -1",
        "REST +1",
        "REST x",
        "REST 99999999999999999999",
        "REST 1 ",
    ] {
        assert!(talk.say(line).starts_with("501 "), "{line}");
    }
    assert!(talk.say("REST 18446744073709551615").starts_with("350 "));
    talk.say("NOOP");
    assert_eq!(talk.session.channel.restart, 0);
    talk.say("REST 7");
    talk.say("EPSV");
    assert_eq!(talk.session.channel.restart, 7);
}

#[test]
fn only_the_clients_own_address_is_dialled() {
    let mut talk = Talk::logged_in();
    for line in [
        "PORT 127,0,0,2,200,0",
        "PORT 127,0,0,1,3,255",
        "PORT 127,0,0,1,0,0",
        "EPRT |1|10.0.0.1|50000|",
        "EPRT |2|::1|50000|",
    ] {
        assert!(talk.say(line).starts_with('5'), "{line}");
        assert!(talk.orders.is_empty());
    }
    assert!(talk.say("PORT 127,0,0,1,4,0").starts_with("200 "));
    assert_eq!(talk.order(), Order::Dial("127.0.0.1:1024".parse().unwrap()));
    assert!(
        talk.say("EPRT |2|::ffff:127.0.0.1|5000|")
            .starts_with("200 ")
    );
}

#[test]
fn a_transfer_needs_a_data_connection_and_says_so_before_anything_is_opened() {
    let mut talk = Talk::logged_in();
    for line in ["RETR f", "STOR f", "APPE f", "STOU", "LIST", "NLST", "MLSD"] {
        assert!(talk.say(line).starts_with("425 "), "{line}");
    }
    assert!(talk.orders.is_empty());
}

#[test]
fn the_idle_clock_stands_still_during_a_transfer() {
    let mut talk = Talk::storing();
    talk.report(Report::Connected);
    for moved in 1..100 {
        let stall = talk.settings.timings.data_stall;
        let almost = stall.saturating_sub(Duration::from_secs(1));
        assert_eq!(talk.wait(almost), "");
        talk.report(Report::Moved(moved));
    }
    assert!(
        talk.report(Report::Ended(Ending::Complete, 99))
            .starts_with("226 ")
    );
    assert!(talk.wait(talk.settings.timings.idle).starts_with("421 "));
}

#[test]
fn a_stalled_transfer_is_cut_and_a_hanging_disk_ends_the_session() {
    let mut talk = Talk::storing();
    talk.report(Report::Connected);
    let stall = talk.settings.timings.data_stall;
    assert_eq!(talk.wait(stall), "");
    assert_eq!(talk.order(), Order::Cut(Ending::Stalled));
    assert!(talk.wait(stall).starts_with("421 "));
}

#[test]
fn the_data_connection_has_its_time() {
    let mut talk = Talk::storing();
    assert_eq!(talk.wait(talk.settings.timings.data_connect), "");
    assert_eq!(talk.order(), Order::Cut(Ending::NotConnected));
    assert!(
        talk.report(Report::Ended(Ending::NotConnected, 0))
            .starts_with("425 ")
    );
}

#[test]
fn an_abort_is_ordered_once() {
    let mut talk = Talk::storing();
    talk.with(Session::abort);
    talk.with(Session::abort);
    assert_eq!(talk.order(), Order::Cut(Ending::Aborted));
    assert!(talk.orders.is_empty());
}

#[test]
fn an_upload_without_its_control_connection_is_cut() {
    let mut talk = Talk::storing();
    talk.with(Session::input_ended);
    assert_eq!(talk.order(), Order::Cut(Ending::Abandoned));
}

#[test]
fn a_stop_lets_a_transfer_end_and_ends_everything_else() {
    let mut idle = Talk::logged_in();
    idle.with(Session::stop);
    assert!(idle.heard().starts_with("421 "));

    let mut talk = Talk::storing();
    talk.with(Session::stop);
    assert_eq!(talk.heard(), "");
    let said = talk.report(Report::Ended(Ending::Complete, 0));
    assert!(
        said.starts_with("226 ") && said.contains("\r\n421 "),
        "{said}"
    );
}

#[test]
fn a_late_answer_is_not_said() {
    let mut talk = Talk::logged_in();
    talk.say("CWD x");
    talk.with(Session::stop);
    talk.heard();
    assert_eq!(talk.report(Report::Operated(Ok(Answer::Done))), "");
}

#[test]
fn what_is_not_ftp_is_turned_away() {
    for line in ["GET / HTTP/1.1", "EHLO me", "\u{16}\u{3}\u{1}"] {
        let mut talk = Talk::new(Mode::Serving);
        assert!(talk.say(line).starts_with("500 "), "{line}");
        assert!(talk.session.is_closing());
    }
}

#[test]
fn over_long_lines_are_answered_and_too_many_close() {
    let mut talk = Talk::new(Mode::Serving);
    for _ in 1..crate::limits::LONG_LINES {
        talk.with(|session, cx| session.execute(&Line::TooLong, cx));
        assert!(talk.heard().starts_with("500 "));
    }
    talk.with(|session, cx| session.execute(&Line::TooLong, cx));
    assert!(talk.heard().contains("\r\n421 "));
}

#[cfg(feature = "digests")]
#[test]
fn a_range_is_forgotten_unless_what_it_is_for_follows() {
    let mut talk = Talk::logged_in();
    for (between, kept) in [("EPSV", true), ("NOOP", false), ("RANG 1 0", false)] {
        talk.say("RANG 2 3");
        talk.say(between);
        if between == "EPSV" {
            let address = "127.0.0.1:5000".parse().unwrap();
            talk.report(Report::Listening(Some(address)));
        }
        talk.orders.clear();
        talk.say("HASH f");
        let Order::Send(Assignment::Digest { range, .. }) = talk.order() else {
            panic!("no digest");
        };
        assert_eq!(range.is_some(), kept, "{between}");
        talk.report(Report::Found(Err(Error::NotFound)));
    }
}

#[test]
fn an_errand_that_goes_on_keeps_the_session_awake_and_one_that_hangs_does_not() {
    let mut talk = Talk::logged_in();
    let idle = talk.settings.timings.idle;
    let almost = idle.saturating_sub(Duration::from_secs(1));
    talk.say("DSIZ /");
    for _ in 0..3 {
        assert_eq!(talk.wait(almost), "");
        assert_eq!(talk.report(Report::Advanced), "");
    }
    assert!(talk.wait(idle).starts_with("421 "));
}

#[test]
fn an_abort_ends_what_only_reads() {
    let mut talk = Talk::logged_in();
    talk.say("DSIZ /");
    assert!(talk.session.may_be_aborted());
    talk.with(Session::abort);
    assert!(talk.heard().starts_with("426 "));
    assert!(talk.session.accepts_command() && !talk.session.may_be_aborted());
    assert_eq!(talk.orders.pop_back(), Some(Order::Abandon));
    assert!(talk.say("ABOR").starts_with("226 "));
}

#[test]
fn markers_are_acknowledged_while_there_is_room_for_replies() {
    let mark = || Mark {
        theirs: b"m1".to_vec(),
        ours: 7,
    };
    let mut talk = Talk::storing();
    let mut all = 0;
    while !talk.outbox.is_full() {
        talk.with(|session, cx| session.report(Report::Marked(mark()), cx));
        all += 1;
    }
    talk.with(|session, cx| session.report(Report::Marked(mark()), cx));
    assert_eq!(talk.heard(), "110 MARK m1 = 7\r\n".repeat(all));
    talk.report(Report::Ended(Ending::Complete, 7));
    assert_eq!(talk.report(Report::Marked(mark())), "");
}

#[test]
fn parameters_hold_until_they_are_changed() {
    let mut talk = Talk::logged_in();
    for line in ["TYPE E T", "STRU R", "MODE C"] {
        assert_eq!(talk.say(line), "200 Command okay.\r\n");
    }
    for line in ["TYPE L 9", "STRU P", "TYPE Q", "MODE B B"] {
        assert!(talk.say(line).starts_with("50"), "{line}");
    }
    let shown = talk.say("STAT");
    let expected = "TYPE: EBCDIC Telnet; STRU: Record; MODE: Compressed";
    assert!(shown.contains(expected), "{shown}");
    talk.say("TYPE I");
    talk.say("PORT 127,0,0,1,200,200");
    talk.orders.clear();
    for line in ["RETR f", "STOR f", "APPE f", "STOU"] {
        assert!(talk.say(line).starts_with("504 "), "{line}");
    }
    assert!(talk.orders.is_empty());
}

#[test]
fn as_many_parts_are_combined_as_the_limit_says() {
    let mut talk = Talk::logged_in();
    talk.settings.allow_combine = true;
    for (parts, is_combined) in [(0, false), (99, true), (100, true), (101, false)] {
        talk.orders.clear();
        let heard = talk.say(&format!("COMB t{}", " p".repeat(parts)));
        assert_eq!(heard.is_empty(), is_combined, "{parts}: {heard}");
        assert_eq!(talk.orders.len(), usize::from(is_combined));
        talk.report(Report::Found(Ok(Findings::Combined)));
    }
}
