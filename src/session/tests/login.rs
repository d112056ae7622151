//! Who may say what, and how a conversation ends.

use super::*;

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
        assert_eq!(talk.report(Report::Verified(Err(Denial::Unproven))), "");
        assert!(!talk.session.accepts_command());
        let almost = (penalty * failure).saturating_sub(Duration::from_millis(1));
        assert_eq!(talk.wait(almost), "");
        assert!(talk.wait(Duration::from_millis(1)).starts_with("530 "));
    }
    talk.say("USER ann");
    talk.say("PASS wrong");
    talk.report(Report::Verified(Err(Denial::Unproven)));
    assert!(talk.wait(penalty * 5).starts_with("421 "));
    assert!(talk.session.is_closing());
}

#[test]
fn who_is_kept_out_for_now_is_told_so_and_may_come_again() {
    for denial in [Denial::Crowded, Denial::Busy] {
        let mut talk = Talk::new(Mode::Serving);
        let penalty = talk.settings.timings.penalty;
        talk.say("USER ann");
        talk.say("PASS secret");
        assert_eq!(talk.report(Report::Verified(Err(denial))), "");
        let said = talk.wait(penalty);
        assert!(said.starts_with("421 Too many "), "{said}");
        assert!(talk.session.is_closing());
    }
}

#[test]
fn how_long_a_verification_took_cannot_be_seen() {
    let mut talk = Talk::new(Mode::Serving);
    let penalty = talk.settings.timings.penalty;
    talk.say("USER ann");
    talk.say("PASS wrong");
    assert_eq!(talk.wait(penalty / 2), "");
    assert_eq!(talk.report(Report::Verified(Err(Denial::Unproven))), "");
    assert!(talk.wait(penalty / 2).starts_with("530 "));
}

#[test]
fn a_login_that_comes_too_late_is_none() {
    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ann");
    talk.say("PASS secret");
    assert!(talk.wait(talk.settings.timings.login).starts_with("421 "));
    let guest = Guest::from(Account::with_password("ann", "secret"));
    assert_eq!(talk.report(Report::Verified(Ok(guest))), "");
    assert!(talk.session.is_closing() && !talk.session.accepts_command());
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
