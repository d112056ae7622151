//! The 421: it names a cause on the client's side; otherwise it has the text of RFC 959.

use super::*;
use crate::auth::{Denial, LoginFailure};
use crate::limits::{LOGIN_FAILURES, LONG_LINES};

const NOT_AVAILABLE: &str = "421 Service not available, closing control connection.\r\n";

#[test]
fn idle_session_closes_with_421_and_time_out() {
    let mut test = TestSession::logged_in();
    let reply = test.wait(test.settings.timings.idle);
    assert_eq!(
        reply,
        "421 No command for 600 seconds, closing control connection.\r\n"
    );
    assert!(test.session.is_closing());

    let mut test = TestSession::logged_in();
    test.send("SITE IDLE 45");
    let reply = test.wait(Duration::from_secs(45));
    assert_eq!(
        reply,
        "421 No command for 45 seconds, closing control connection.\r\n"
    );

    let mut test = TestSession::logged_in();
    test.settings.timings.idle = Duration::from_millis(1500);
    test.send("NOOP");
    let reply = test.wait(Duration::from_millis(1500));
    assert_eq!(
        reply,
        "421 No command for 1.5 seconds, closing control connection.\r\n"
    );
}

#[test]
fn idle_time_out_during_command_is_server_error() {
    for line in ["CWD d", "DSIZ d"] {
        let mut test = TestSession::logged_in();
        assert_eq!(test.send(line), "");
        assert_eq!(
            test.wait(test.settings.timings.idle),
            NOT_AVAILABLE,
            "{line}"
        );
    }
}

#[test]
fn idle_timer_restarts_after_slow_command() {
    let mut test = TestSession::logged_in();
    assert_eq!(test.send("CWD d"), "");
    let idle = test.settings.timings.idle;
    let almost = idle.saturating_sub(Duration::from_secs(1));
    assert_eq!(test.wait(almost), "");
    let reply = test.handle(SessionEvent::StorageAnswered(Err(Error::NotFound)));
    assert!(reply.starts_with("550 "), "{reply}");
    assert_eq!(test.wait(almost), "");
    assert!(test.wait(Duration::from_secs(1)).starts_with("421 "));
}

#[test]
fn login_time_out_closes_with_421_and_time_out() {
    let mut test = TestSession::new(ServerMode::Serving);
    test.send("USER ann");
    let reply = test.wait(test.settings.timings.login);
    assert_eq!(
        reply,
        "421 No login within 60 seconds, closing control connection.\r\n"
    );
    assert!(test.session.is_closing());
}

#[test]
fn failed_logins_close_with_reason_bans_without() {
    let mut test = TestSession::new(ServerMode::Serving);
    let mut reply = String::new();
    for _ in 0..LOGIN_FAILURES {
        test.send("USER ann");
        test.send("PASS wrong");
        test.handle(SessionEvent::Verified(Err(LoginFailure::from(
            Denial::WrongCredentials,
        ))));
        reply = test.wait(Duration::from_secs(5));
    }
    assert_eq!(
        reply,
        "421 Too many failed logins, closing control connection.\r\n"
    );

    let mut test = TestSession::new(ServerMode::Serving);
    test.send("USER ann");
    test.send("PASS wrong");
    let reply = test.handle(SessionEvent::Verified(Err(Denial::Banned.into())));
    assert_eq!(reply, NOT_AVAILABLE);
}

#[test]
fn over_long_lines_close_with_reason() {
    let mut test = TestSession::new(ServerMode::Serving);
    for _ in 0..LONG_LINES {
        test.replies();
        test.with(|session, cx| session.execute(&Line::TooLong, cx));
    }
    let reply = test.replies();
    let end_reason = "\r\n421 Too many over-long lines, closing control connection.\r\n";
    assert!(reply.ends_with(end_reason), "{reply}");
}

#[test]
fn server_stop_closes_with_standard_421() {
    for mode in [ServerMode::ControlOnly, ServerMode::Serving] {
        for stop in [Session::stop, Session::stop_now] {
            let mut test = TestSession::new(mode);
            test.with(stop);
            assert_eq!(test.replies(), NOT_AVAILABLE);
        }
    }
}
