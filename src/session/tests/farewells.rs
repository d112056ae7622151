//! The 421 that a client hears: its own doing in words, the server's as RFC 959 has it.

use super::*;
use crate::auth::{Denial, Refusal};
use crate::limits::{LOGIN_FAILURES, LONG_LINES};

const NOT_AVAILABLE: &str = "421 Service not available, closing control connection.\r\n";

#[test]
fn who_is_idle_is_told_for_how_long() {
    let mut talk = Talk::logged_in();
    let said = talk.wait(talk.settings.timings.idle);
    assert_eq!(
        said,
        "421 No command for 600 seconds, closing control connection.\r\n"
    );
    assert!(talk.session.is_closing());

    let mut talk = Talk::logged_in();
    talk.say("SITE IDLE 45");
    let said = talk.wait(Duration::from_secs(45));
    assert_eq!(
        said,
        "421 No command for 45 seconds, closing control connection.\r\n"
    );

    let mut talk = Talk::logged_in();
    talk.settings.timings.idle = Duration::from_millis(1500);
    talk.say("NOOP");
    let said = talk.wait(Duration::from_millis(1500));
    assert_eq!(
        said,
        "421 No command for 1.5 seconds, closing control connection.\r\n"
    );
}

#[test]
fn who_waits_for_an_answer_is_not_called_idle() {
    for line in ["CWD d", "DSIZ d"] {
        let mut talk = Talk::logged_in();
        assert_eq!(talk.say(line), "");
        assert_eq!(
            talk.wait(talk.settings.timings.idle),
            NOT_AVAILABLE,
            "{line}"
        );
    }
}

#[test]
fn whose_answer_took_long_has_as_long_for_the_next_command_as_anybody() {
    let mut talk = Talk::logged_in();
    assert_eq!(talk.say("CWD d"), "");
    let idle = talk.settings.timings.idle;
    let almost = idle.saturating_sub(Duration::from_secs(1));
    assert_eq!(talk.wait(almost), "");
    let said = talk.handle(SessionEvent::Operated(Err(Error::NotFound)));
    assert!(said.starts_with("550 "), "{said}");
    assert_eq!(talk.wait(almost), "");
    assert!(talk.wait(Duration::from_secs(1)).starts_with("421 "));
}

#[test]
fn who_does_not_log_in_is_told_how_long_there_was() {
    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ann");
    let said = talk.wait(talk.settings.timings.login);
    assert_eq!(
        said,
        "421 No login within 60 seconds, closing control connection.\r\n"
    );
    assert!(talk.session.is_closing());
}

#[test]
fn who_fails_too_often_is_told_so_and_who_is_banned_is_not() {
    let mut talk = Talk::new(Mode::Serving);
    let mut said = String::new();
    for _ in 0..LOGIN_FAILURES {
        talk.say("USER ann");
        talk.say("PASS wrong");
        talk.handle(SessionEvent::Verified(Err(Refusal::from(Denial::Unproven))));
        said = talk.wait(Duration::from_secs(5));
    }
    assert_eq!(
        said,
        "421 Too many failed logins, closing control connection.\r\n"
    );

    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ann");
    talk.say("PASS wrong");
    let said = talk.handle(SessionEvent::Verified(Err(Denial::Banned.into())));
    assert_eq!(said, NOT_AVAILABLE);
}

#[test]
fn who_sends_over_long_lines_is_told_so() {
    let mut talk = Talk::new(Mode::Serving);
    for _ in 0..LONG_LINES {
        talk.heard();
        talk.with(|session, cx| session.execute(&Line::TooLong, cx));
    }
    let said = talk.heard();
    let farewell = "\r\n421 Too many over-long lines, closing control connection.\r\n";
    assert!(said.ends_with(farewell), "{said}");
}

#[test]
fn a_stop_is_in_the_words_of_the_standard() {
    for mode in [Mode::ControlOnly, Mode::Serving] {
        for stop in [Session::stop, Session::stop_now] {
            let mut talk = Talk::new(mode);
            talk.with(stop);
            assert_eq!(talk.heard(), NOT_AVAILABLE);
        }
    }
}
