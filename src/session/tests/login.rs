//! Who may say what, and how a conversation ends.

use super::*;
use crate::auth::{Denial, Refusal};
use crate::limits::Rate;

const FIRST: Refusal = Refusal {
    denial: Denial::Unproven,
    failures: 1,
};

fn reader() -> AuthenticatedUser {
    AuthenticatedUser::from(Account::anonymous(Permissions::READ))
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
        assert_eq!(talk.handle(SessionEvent::Verified(Err(FIRST))), "");
        assert!(!talk.session.accepts_command());
        let almost = (penalty * failure).saturating_sub(Duration::from_millis(1));
        assert_eq!(talk.wait(almost), "");
        assert!(talk.wait(Duration::from_millis(1)).starts_with("530 "));
    }
    talk.say("USER ann");
    talk.say("PASS wrong");
    talk.handle(SessionEvent::Verified(Err(FIRST)));
    assert!(talk.wait(penalty * 5).starts_with("421 "));
    assert!(talk.session.is_closing());
}

#[test]
fn what_others_have_failed_from_there_counts_up_to_a_limit() {
    let mut talk = Talk::new(Mode::Serving);
    let (penalty, longest) = (
        talk.settings.timings.penalty,
        talk.settings.throttling.longest_penalty,
    );
    for (failures, delay) in [(3, penalty * 3), (1000, longest), (u32::MAX, longest)] {
        talk.say("USER ann");
        talk.say("PASS wrong");
        let refusal = Refusal { failures, ..FIRST };
        talk.handle(SessionEvent::Verified(Err(refusal)));
        assert_eq!(
            talk.wait(delay.saturating_sub(Duration::from_millis(1))),
            ""
        );
        assert!(talk.wait(Duration::from_millis(1)).starts_with("530 "));
    }
}

#[test]
fn who_is_kept_out_for_now_is_told_so_and_may_come_again() {
    for denial in [Denial::Crowded, Denial::Busy] {
        let mut talk = Talk::new(Mode::Serving);
        let penalty = talk.settings.timings.penalty;
        talk.say("USER ann");
        talk.say("PASS secret");
        assert_eq!(talk.handle(SessionEvent::Verified(Err(denial.into()))), "");
        let said = talk.wait(penalty);
        assert!(said.starts_with("421 Too many "), "{said}");
        assert!(talk.session.is_closing());
    }
}

#[test]
fn a_banned_address_hears_so_at_once() {
    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ann");
    talk.say("PASS right");
    let said = talk.handle(SessionEvent::Verified(Err(Denial::Banned.into())));
    assert!(said.starts_with("421 "), "{said}");
    assert!(talk.session.is_closing());
}

#[test]
fn a_login_forgives_no_failures() {
    let mut talk = Talk::new(Mode::Serving);
    for _ in 1..crate::limits::LOGIN_FAILURES {
        talk.say("USER ann");
        talk.say("PASS wrong");
        talk.handle(SessionEvent::Verified(Err(FIRST)));
        talk.wait(Duration::from_secs(5));
        talk.say("USER ftp");
        talk.say("PASS x");
        let said = talk.handle(SessionEvent::Verified(Ok(reader())));
        assert!(said.starts_with("230 "), "{said}");
    }
    talk.say("USER ann");
    talk.say("PASS wrong");
    talk.handle(SessionEvent::Verified(Err(FIRST)));
    assert!(talk.wait(Duration::from_secs(5)).starts_with("421 "));
}

#[test]
fn commands_before_a_login_are_slowed_and_after_it_are_not() {
    let second = Duration::from_secs(1);
    let mut talk = Talk::new(Mode::Serving);
    talk.settings.throttling.commands = Rate {
        interval: second,
        burst: 3,
    };
    for _ in 0..3 {
        assert!(talk.session.accepts_command());
        assert!(talk.say("NOOP").starts_with("200 "));
    }
    assert!(!talk.session.accepts_command());
    assert_eq!(
        talk.wait(second.saturating_sub(Duration::from_millis(1))),
        ""
    );
    assert!(!talk.session.accepts_command());
    assert_eq!(talk.wait(Duration::from_millis(1)), "");
    assert!(talk.session.accepts_command());
    talk.say("USER ftp");
    talk.wait(second);
    talk.say("PASS x");
    talk.handle(SessionEvent::Verified(Ok(reader())));
    for _ in 0..10 {
        assert!(talk.say("NOOP").starts_with("200 "));
        assert!(talk.session.accepts_command());
    }
    // Whoever begins anew is as others are.
    talk.wait(second * 3);
    for line in ["REIN", "NOOP", "NOOP"] {
        assert!(talk.session.accepts_command());
        talk.say(line);
    }
    assert!(!talk.session.accepts_command());
}

#[test]
fn the_control_only_server_knows_no_login_and_slows_nobody() {
    let mut talk = Talk::new(Mode::ControlOnly);
    for _ in 0..1000 {
        assert!(talk.say("NOOP").starts_with("200 "));
        assert!(talk.session.accepts_command());
    }
}

#[test]
fn how_long_a_verification_took_cannot_be_seen() {
    let mut talk = Talk::new(Mode::Serving);
    let penalty = talk.settings.timings.penalty;
    talk.say("USER ann");
    talk.say("PASS wrong");
    assert_eq!(talk.wait(penalty / 2), "");
    assert_eq!(talk.handle(SessionEvent::Verified(Err(FIRST))), "");
    assert!(talk.wait(penalty / 2).starts_with("530 "));
}

#[test]
fn a_login_that_comes_too_late_is_none() {
    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ann");
    talk.say("PASS secret");
    assert!(talk.wait(talk.settings.timings.login).starts_with("421 "));
    let user = AuthenticatedUser::from(Account::with_password("ann", "secret"));
    assert_eq!(talk.handle(SessionEvent::Verified(Ok(user))), "");
    assert!(talk.session.is_closing() && !talk.session.accepts_command());
}

/// Whose client has shown a certificate for `ann`, which is enough.
fn vouched_for() -> Talk {
    let mut talk = Talk::new(Mode::Serving);
    talk.settings.security = Some(SecurityPolicy {
        certificate_login: true,
        ..SecurityPolicy::default()
    });
    talk.handle(SessionEvent::Secured(Some(b"ann".to_vec())));
    assert_eq!(talk.say("USER ann"), "");
    let vouch = talk.actions.pop_back();
    assert_eq!(vouch, Some(Action::Vouch(b"ann".to_vec())));
    talk
}

#[test]
fn a_certificate_is_as_good_as_a_password() {
    for (greeting, said) in [
        (None, "232 User"),
        (Some("Hello Ann."), "232 Hello Ann.\r\n"),
    ] {
        let mut talk = vouched_for();
        let mut ann = Account::with_password("ann", "secret");
        ann.greeting = greeting.map(str::to_owned);
        let heard = talk.handle(SessionEvent::Verified(Ok(AuthenticatedUser::from(ann))));
        assert!(heard.starts_with(said), "{heard}");
        assert!(talk.say("PWD").starts_with("257 "));
    }
}

#[test]
fn a_certificate_that_is_not_enough_is_no_failed_login() {
    for denial in [Denial::Unproven, Denial::Expired, Denial::Crowded] {
        let mut talk = vouched_for();
        let heard = talk.handle(SessionEvent::Verified(Err(denial.into())));
        assert!(heard.starts_with("331 "), "{heard}");
        talk.say("PASS wrong");
        assert_eq!(talk.handle(SessionEvent::Verified(Err(FIRST))), "");
        let penalty = talk.settings.timings.penalty;
        assert!(talk.wait(penalty).starts_with("530 "));
    }
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
    assert!(talk.actions.is_empty());
}

#[test]
fn a_stop_lets_a_transfer_end_and_ends_everything_else() {
    let mut idle = Talk::logged_in();
    idle.with(Session::stop);
    assert!(idle.heard().starts_with("421 "));

    let mut talk = Talk::storing();
    talk.with(Session::stop);
    assert_eq!(talk.heard(), "");
    let said = talk.handle(ended(Ending::Complete, 0));
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
    assert_eq!(talk.handle(SessionEvent::Operated(Ok(Answer::Done))), "");
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

/// What a client that has heard the 234 reads next is TLS.
#[test]
fn nothing_is_said_behind_the_reply_that_begins_or_ends_tls() {
    let ends: [fn(&mut Talk); 3] = [
        |talk| talk.with(Session::stop),
        |talk| talk.with(Session::stop_now),
        |talk| talk.now += talk.settings.timings.idle,
    ];
    for (command, reply) in [("AUTH TLS", "234 "), ("CCC", "200 ")] {
        for end in ends {
            let mut talk = Talk::logged_in();
            talk.settings.security = Some(SecurityPolicy {
                allow_clear: true,
                ..SecurityPolicy::default()
            });
            if command == "CCC" {
                talk.handle(SessionEvent::Secured(None));
            }
            assert_eq!(talk.say(command), "");
            assert!(
                talk.handle(SessionEvent::Switching(true))
                    .starts_with(reply)
            );
            end(&mut talk);
            assert_eq!(talk.wait(Duration::ZERO), "", "{command}");
            assert!(talk.session.is_closing());
        }
    }
}
