//! Logins, delays and rate limits, and the end of a session.

use super::*;
use crate::auth::{Denial, LoginFailure};
use crate::limits::Rate;

const FIRST: LoginFailure = LoginFailure {
    denial: Denial::WrongCredentials,
    failures: 1,
};

fn reader() -> AuthenticatedUser {
    AuthenticatedUser::from(Account::anonymous(Permissions::READ))
}

#[test]
fn user_reply_does_not_reveal_accounts() {
    let mut test = TestSession::new(ServerMode::Serving);
    let known = test.send("USER ftp");
    assert_eq!(test.send("USER nobody"), known);
}

#[test]
fn failed_login_delay_grows_and_fifth_closes() {
    let mut test = TestSession::new(ServerMode::Serving);
    let penalty = test.settings.timings.penalty;
    for failure in 1..=4 {
        test.send("USER ann");
        assert_eq!(test.send("PASS wrong"), "");
        assert_eq!(test.handle(SessionEvent::Verified(Err(FIRST))), "");
        assert!(!test.session.accepts_command());
        let almost = (penalty * failure).saturating_sub(Duration::from_millis(1));
        assert_eq!(test.wait(almost), "");
        assert!(test.wait(Duration::from_millis(1)).starts_with("530 "));
    }
    test.send("USER ann");
    test.send("PASS wrong");
    test.handle(SessionEvent::Verified(Err(FIRST)));
    assert!(test.wait(penalty * 5).starts_with("421 "));
    assert!(test.session.is_closing());
}

#[test]
fn address_failures_raise_delay_up_to_limit() {
    let mut test = TestSession::new(ServerMode::Serving);
    let (penalty, longest) = (
        test.settings.timings.penalty,
        test.settings.throttling.longest_penalty,
    );
    for (failures, delay) in [(3, penalty * 3), (1000, longest), (u32::MAX, longest)] {
        test.send("USER ann");
        test.send("PASS wrong");
        let refusal = LoginFailure { failures, ..FIRST };
        test.handle(SessionEvent::Verified(Err(refusal)));
        assert_eq!(
            test.wait(delay.saturating_sub(Duration::from_millis(1))),
            ""
        );
        assert!(test.wait(Duration::from_millis(1)).starts_with("530 "));
    }
}

#[test]
fn busy_or_crowded_login_closes_with_421() {
    for denial in [Denial::SessionLimit, Denial::Busy] {
        let mut test = TestSession::new(ServerMode::Serving);
        let penalty = test.settings.timings.penalty;
        test.send("USER ann");
        test.send("PASS secret");
        assert_eq!(test.handle(SessionEvent::Verified(Err(denial.into()))), "");
        let reply = test.wait(penalty);
        assert!(reply.starts_with("421 Too many "), "{reply}");
        assert!(test.session.is_closing());
    }
}

#[test]
fn banned_address_is_closed_without_delay() {
    let mut test = TestSession::new(ServerMode::Serving);
    test.send("USER ann");
    test.send("PASS right");
    let reply = test.handle(SessionEvent::Verified(Err(Denial::Banned.into())));
    assert!(reply.starts_with("421 "), "{reply}");
    assert!(test.session.is_closing());
}

#[test]
fn login_does_not_reset_failure_count() {
    let mut test = TestSession::new(ServerMode::Serving);
    for _ in 1..crate::limits::LOGIN_FAILURES {
        test.send("USER ann");
        test.send("PASS wrong");
        test.handle(SessionEvent::Verified(Err(FIRST)));
        test.wait(Duration::from_secs(5));
        test.send("USER ftp");
        test.send("PASS x");
        let reply = test.handle(SessionEvent::Verified(Ok(reader())));
        assert!(reply.starts_with("230 "), "{reply}");
    }
    test.send("USER ann");
    test.send("PASS wrong");
    test.handle(SessionEvent::Verified(Err(FIRST)));
    assert!(test.wait(Duration::from_secs(5)).starts_with("421 "));
}

#[test]
fn commands_are_rate_limited_before_login_only() {
    let second = Duration::from_secs(1);
    let mut test = TestSession::new(ServerMode::Serving);
    test.settings.throttling.commands = Rate {
        interval: second,
        burst: 3,
    };
    for _ in 0..3 {
        assert!(test.session.accepts_command());
        assert!(test.send("NOOP").starts_with("200 "));
    }
    assert!(!test.session.accepts_command());
    assert_eq!(
        test.wait(second.saturating_sub(Duration::from_millis(1))),
        ""
    );
    assert!(!test.session.accepts_command());
    assert_eq!(test.wait(Duration::from_millis(1)), "");
    assert!(test.session.accepts_command());
    test.send("USER ftp");
    test.wait(second);
    test.send("PASS x");
    test.handle(SessionEvent::Verified(Ok(reader())));
    for _ in 0..10 {
        assert!(test.send("NOOP").starts_with("200 "));
        assert!(test.session.accepts_command());
    }
    // After REIN the rate limit applies again.
    test.wait(second * 3);
    for line in ["REIN", "NOOP", "NOOP"] {
        assert!(test.session.accepts_command());
        test.send(line);
    }
    assert!(!test.session.accepts_command());
}

#[test]
fn control_only_mode_has_no_rate_limit() {
    let mut test = TestSession::new(ServerMode::ControlOnly);
    for _ in 0..1000 {
        assert!(test.send("NOOP").starts_with("200 "));
        assert!(test.session.accepts_command());
    }
}

#[test]
fn failed_login_delay_hides_verification_time() {
    let mut test = TestSession::new(ServerMode::Serving);
    let penalty = test.settings.timings.penalty;
    test.send("USER ann");
    test.send("PASS wrong");
    assert_eq!(test.wait(penalty / 2), "");
    assert_eq!(test.handle(SessionEvent::Verified(Err(FIRST))), "");
    assert!(test.wait(penalty / 2).starts_with("530 "));
}

#[test]
fn verification_after_login_time_out_is_ignored() {
    let mut test = TestSession::new(ServerMode::Serving);
    test.send("USER ann");
    test.send("PASS secret");
    assert!(test.wait(test.settings.timings.login).starts_with("421 "));
    let user = AuthenticatedUser::from(Account::with_password("ann", "secret"));
    assert_eq!(test.handle(SessionEvent::Verified(Ok(user))), "");
    assert!(test.session.is_closing() && !test.session.accepts_command());
}

/// A session whose client has a certificate for `ann`, which suffices for a login.
fn with_certificate() -> TestSession {
    let mut test = TestSession::new(ServerMode::Serving);
    test.settings.security = Some(SecurityPolicy {
        certificate_login: true,
        ..SecurityPolicy::default()
    });
    test.handle(SessionEvent::Secured(Some(b"ann".to_vec())));
    assert_eq!(test.send("USER ann"), "");
    let vouch = test.actions.pop_back();
    assert_eq!(vouch, Some(Action::VerifyCertificate(b"ann".to_vec())));
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
        let replies = test.handle(SessionEvent::Verified(Ok(AuthenticatedUser::from(ann))));
        assert!(replies.starts_with(reply), "{replies}");
        assert!(test.send("PWD").starts_with("257 "));
    }
}

#[test]
fn rejected_certificate_asks_for_password() {
    for denial in [
        Denial::WrongCredentials,
        Denial::Expired,
        Denial::SessionLimit,
    ] {
        let mut test = with_certificate();
        let replies = test.handle(SessionEvent::Verified(Err(denial.into())));
        assert!(replies.starts_with("331 "), "{replies}");
        test.send("PASS wrong");
        assert_eq!(test.handle(SessionEvent::Verified(Err(FIRST))), "");
        let penalty = test.settings.timings.penalty;
        assert!(test.wait(penalty).starts_with("530 "));
    }
}

#[test]
fn file_commands_before_login_are_530() {
    let mut test = TestSession::new(ServerMode::Serving);
    for line in ["PWD", "CWD x", "PASV", "RETR x", "LIST", "STAT x", "SIZE x"] {
        assert!(test.send(line).starts_with("530 "), "{line}");
    }
    for line in ["NOOP", "SYST", "FEAT", "HELP", "STAT", "OPTS UTF8 ON"] {
        assert!(test.send(line).starts_with('2'), "{line}");
    }
    assert!(test.actions.is_empty());
}

#[test]
fn server_stop_waits_for_transfer() {
    let mut idle = TestSession::logged_in();
    idle.with(Session::stop);
    assert!(idle.replies().starts_with("421 "));

    let mut test = TestSession::with_upload_open();
    test.with(Session::stop);
    assert_eq!(test.replies(), "");
    let reply = test.handle(ended(Ending::Complete, 0));
    assert!(
        reply.starts_with("226 ") && reply.contains("\r\n421 "),
        "{reply}"
    );
}

#[test]
fn storage_answer_after_close_is_dropped() {
    let mut test = TestSession::logged_in();
    test.send("CWD x");
    test.with(Session::stop);
    test.replies();
    assert_eq!(
        test.handle(SessionEvent::StorageAnswered(Ok(Answer::Done))),
        ""
    );
}

#[test]
fn foreign_protocol_is_closed_with_500() {
    for line in ["GET / HTTP/1.1", "EHLO me", "\u{16}\u{3}\u{1}"] {
        let mut test = TestSession::new(ServerMode::Serving);
        assert!(test.send(line).starts_with("500 "), "{line}");
        assert!(test.session.is_closing());
    }
}

#[test]
fn over_long_lines_are_500_until_limit() {
    let mut test = TestSession::new(ServerMode::Serving);
    for _ in 1..crate::limits::LONG_LINES {
        test.with(|session, cx| session.execute(&Line::TooLong, cx));
        assert!(test.replies().starts_with("500 "));
    }
    test.with(|session, cx| session.execute(&Line::TooLong, cx));
    assert!(test.replies().contains("\r\n421 "));
}

/// After the 234 the client reads TLS records.
#[test]
fn no_reply_follows_tls_switch_reply() {
    let ends: [fn(&mut TestSession); 3] = [
        |test| test.with(Session::stop),
        |test| test.with(Session::stop_now),
        |test| test.now += test.settings.timings.idle,
    ];
    for (command, reply) in [("AUTH TLS", "234 "), ("CCC", "200 ")] {
        for end in ends {
            let mut test = TestSession::logged_in();
            test.settings.security = Some(SecurityPolicy {
                allow_clear: true,
                ..SecurityPolicy::default()
            });
            if command == "CCC" {
                test.handle(SessionEvent::Secured(None));
            }
            assert_eq!(test.send(command), "");
            assert!(
                test.handle(SessionEvent::Switching(true))
                    .starts_with(reply)
            );
            end(&mut test);
            assert_eq!(test.wait(Duration::ZERO), "", "{command}");
            assert!(test.session.is_closing());
        }
    }
}
