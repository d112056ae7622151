//! The 421: it names a cause on the client's side; otherwise it has the text of RFC 959.

use super::*;
use crate::limits::LONG_LINES;

const NOT_AVAILABLE: &str = "421 Service not available, closing control connection.";

#[test]
fn idle_session_closes_with_421_and_time_out() {
    TestSession::logged_in().play(
        "@wait 600 -> 421 No command for 600 seconds, closing control connection.
         @closing",
    );
    TestSession::logged_in().play(
        "SITE IDLE 45
         @wait 45 -> 421 No command for 45 seconds, closing control connection.",
    );
    let mut test = TestSession::logged_in();
    test.settings.timings.idle = Duration::from_millis(1500);
    test.play("NOOP\n @wait 1.5 -> 421 No command for 1.5 seconds, closing control connection.");
}

#[test]
fn idle_time_out_during_command_is_server_error() {
    for line in ["CWD d", "DSIZ d"] {
        TestSession::logged_in().play(&format!("{line} ->\n @wait 600 -> {NOT_AVAILABLE}"));
    }
}

#[test]
fn idle_timer_restarts_after_slow_command() {
    TestSession::logged_in().play(
        "CWD d ->
         @wait 599 ->
         @answered NotFound -> 550
         @wait 599 ->
         @wait 1 -> 421",
    );
}

#[test]
fn login_time_out_closes_with_421_and_time_out() {
    TestSession::new().play(
        "USER ann
         @wait 60 -> 421 No login within 60 seconds, closing control connection.
         @closing",
    );
}

#[test]
fn over_long_lines_close_with_reason() {
    let mut test = TestSession::new();
    for _ in 1..LONG_LINES {
        test.play("@too-long -> 500");
    }
    test.play(
        "@too-long -> 500 | 421 Too many over-long lines, closing control connection.
         @closing",
    );
}

#[test]
fn server_stop_closes_with_standard_421() {
    for mode in [ServerMode::ControlOnly, ServerMode::Serving] {
        for stop in ["stop", "stop-now"] {
            let mut test = TestSession::with_mode(mode);
            test.play(&format!("@{stop} -> {NOT_AVAILABLE}"));
        }
    }
    TestSession::logged_in().play("@stop -> 421");
}
