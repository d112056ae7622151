//! Logins, delays and rate limits, and the end of a session.

use super::*;
use crate::limits::{LOGIN_FAILURES, Rate};

/// A login that fails; the address has so many failures. The reply comes after exactly this delay.
#[track_caller]
fn fail(test: &mut TestSession, failures: u32, delay: Duration, reply: &str) {
    test.play("USER ann -> 331\n PASS wrong -> => Verify");
    let denial = Denial::WrongCredentials;
    let failure = LoginFailure { denial, failures };
    assert_eq!(test.handle(SessionEvent::Verified(Err(failure))), "");
    let almost = delay.as_secs_f64() - 0.001;
    test.play(&format!(
        "@wait {almost} ->\n @busy\n @wait 0.001 -> {reply}"
    ));
}

#[test]
fn failed_login_delay_grows_and_fifth_closes() {
    let mut test = TestSession::new();
    let penalty = test.settings.timings.penalty;
    for failure in 1..u32::from(LOGIN_FAILURES) {
        fail(&mut test, 1, penalty * failure, "530");
    }
    let reply = "421 Too many failed logins, closing control connection.";
    fail(&mut test, 1, penalty * 5, reply);
    test.play("@closing");
}

#[test]
fn address_failures_raise_delay_up_to_limit() {
    let mut test = TestSession::new();
    let longest = test.settings.throttling.longest_penalty;
    let three = test.settings.timings.penalty * 3;
    for (failures, delay) in [(3, three), (1000, longest), (u32::MAX, longest)] {
        fail(&mut test, failures, delay, "530");
    }
}

#[test]
fn busy_or_crowded_login_closes_with_421() {
    for denial in ["SessionLimit", "Busy"] {
        TestSession::new().play(&format!(
            "USER ann
             PASS secret
             @denied {denial} ->
             @wait 0.5 -> 421 Too many ...
             @closing"
        ));
    }
}

#[test]
fn login_without_memory_for_its_hash_closes_with_421() {
    TestSession::new().play(
        "USER ann
         PASS secret
         @denied NoMemory ->
         @wait 0.5 -> 421 Service not available, closing control connection.
         @closing",
    );
}

#[test]
fn banned_address_is_closed_without_delay_or_reason() {
    TestSession::new().play(
        "USER ann
         PASS right
         @denied Banned -> 421 Service not available, closing control connection.
         @closing",
    );
}

#[test]
fn login_does_not_reset_failure_count() {
    let mut test = TestSession::new();
    for _ in 1..LOGIN_FAILURES {
        test.play(
            "USER ann
             PASS wrong
             @denied WrongCredentials
             @wait 5 -> 530
             USER ftp
             PASS x
             @verified -> 230",
        );
    }
    test.play("USER ann\n PASS wrong\n @denied WrongCredentials\n @wait 5 -> 421");
}

#[test]
fn commands_are_rate_limited_before_login_only() {
    let mut test = TestSession::new();
    test.settings.throttling.commands = Rate {
        interval: Duration::from_secs(1),
        burst: 3,
    };
    test.play(
        "NOOP -> 200
         @ready
         NOOP -> 200
         @ready
         NOOP -> 200
         @busy
         @wait 0.999 ->
         @busy
         @wait 0.001 ->
         @ready
         USER ftp
         @wait 1
         PASS x
         @verified",
    );
    test.play(&"NOOP -> 200\n @ready\n".repeat(10));
    // After REIN the rate limit applies again.
    test.play(
        "@wait 3
         REIN
         @ready
         NOOP
         @ready
         NOOP
         @busy",
    );
}

#[test]
fn control_only_mode_has_no_rate_limit() {
    let mut test = TestSession::with_mode(ServerMode::ControlOnly);
    test.play(&"NOOP -> 200\n @ready\n".repeat(1000));
}

#[test]
fn failed_login_delay_hides_verification_time() {
    TestSession::new().play(
        "USER ann
         PASS wrong
         @wait 0.25 ->
         @denied WrongCredentials ->
         @wait 0.25 -> 530",
    );
}

#[test]
fn verification_after_login_time_out_is_ignored() {
    TestSession::new().play(
        "USER ann
         PASS secret
         @wait 60 -> 421
         @verified ->
         @closing",
    );
}

/// A session whose client has a certificate for `ann`, which suffices for a login.
fn with_certificate() -> TestSession {
    let mut test = TestSession::new();
    test.settings.security = Some(SecurityPolicy {
        certificate_login: true,
        ..SecurityPolicy::default()
    });
    test.handle(SessionEvent::Secured(Some(b"ann".to_vec())));
    test.play("USER ann -> => CloseDataConnection & VerifyCertificate([97, 110, 110])");
    test
}

#[test]
fn certificate_logs_in_with_232() {
    for (greeting, reply) in [
        (None, "232 User"),
        (Some("Hello Ann."), "232 Hello Ann.\r\n"),
    ] {
        let mut test = with_certificate();
        let mut ann = Account::with_password("ann", "secret");
        ann.greeting = greeting.map(str::to_owned);
        let replies = test.handle(SessionEvent::Verified(Ok(ann.into())));
        assert!(replies.starts_with(reply), "{replies}");
        test.play("PWD -> 257");
    }
}

#[test]
fn rejected_certificate_asks_for_password() {
    for denial in ["WrongCredentials", "Expired", "SessionLimit"] {
        with_certificate().play(&format!(
            "@denied {denial} -> 331
             PASS wrong
             @denied WrongCredentials ->
             @wait 0.5 -> 530"
        ));
    }
}

#[test]
fn storage_answer_after_close_is_dropped() {
    TestSession::logged_in().play("CWD x\n @stop -> 421\n @answered ->");
}

#[test]
fn foreign_protocol_is_closed_with_500() {
    for line in ["GET / HTTP/1.1", "EHLO me", "\u{16}\u{3}\u{1}"] {
        TestSession::new().play(&format!("{line} -> 500\n @closing"));
    }
}

/// After the 234 the client reads TLS records.
#[test]
fn no_reply_follows_tls_switch_reply() {
    for (command, reply) in [("AUTH TLS", "234"), ("CCC", "200")] {
        for end in ["stop", "stop-now", "wait 600"] {
            let mut test = TestSession::logged_in();
            test.settings.security = Some(SecurityPolicy {
                allow_clear: true,
                ..SecurityPolicy::default()
            });
            if command == "CCC" {
                test.play("@secured");
            }
            test.play(&format!(
                "{command} ->
                 @switching -> {reply}
                 @{end} ->
                 @closing"
            ));
        }
    }
}
