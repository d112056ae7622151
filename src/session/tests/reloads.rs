//! What a reload changes in the middle of a conversation.

use std::sync::Arc;

use super::*;
use crate::auth::{Accounts, Denial, Revocation, RevokedSessions};

#[test]
fn a_login_in_the_clear_is_refused_once_tls_is_required() {
    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ftp");
    talk.actions.clear();
    talk.settings.security = Some(requiring(TlsRequired::Control));
    assert!(talk.say("PASS x").starts_with("530 "));
    assert!(talk.has_no_orders());
    assert!(talk.say("PASS x").starts_with("503 "));

    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ftp");
    talk.say("PASS x");
    talk.settings.security = Some(requiring(TlsRequired::Control));
    let user = AuthenticatedUser::from(Account::anonymous(Permissions::ALL));
    let said = talk.handle(SessionEvent::Verified(Ok(user)));
    assert!(said.starts_with("530 "), "{said}");
    assert!(talk.session.account_name().is_none() && talk.session.accepts_command());
}

#[test]
fn a_transfer_that_is_being_cut_has_its_time_when_the_server_stops() {
    let mut talk = Talk::storing();
    talk.with(Session::abort);
    assert_eq!(talk.action(), Action::Cut(Ending::Aborted));
    talk.with(Session::stop_now);
    assert_eq!(talk.heard(), "");
    assert!(talk.has_no_orders());
    let said = talk.handle(ended(Ending::Aborted, 0));
    assert!(
        said.starts_with("426 ") && said.contains("\r\n421 Service not"),
        "{said}"
    );
}

const EVERY_REASON: [Revocation; 11] = [
    Revocation::Address,
    Revocation::Proxy,
    Revocation::Certificate,
    Revocation::Clear,
    Revocation::Removed,
    Revocation::Replaced,
    Revocation::Secret,
    Revocation::Directory,
    Revocation::Denied(Denial::Disabled),
    Revocation::Denied(Denial::Expired),
    Revocation::Denied(Denial::Address),
];

fn farewell(why: Revocation) -> String {
    format!("421 Session ended: {why}, closing control connection.\r\n")
}

/// What is said by a session that ends for this reason, until it has nothing to say any more.
fn revoked(talk: &mut Talk, why: Revocation) -> String {
    talk.with(|session, cx| session.revoke(why, cx));
    talk.heard()
}

#[test]
fn each_reason_is_told_and_ends_a_session_wherever_it_is() {
    for why in EVERY_REASON {
        let expected = farewell(why);
        let mut talk = Talk::new(Mode::Serving);
        assert_eq!(revoked(&mut talk, why), expected);
        assert!(talk.session.is_closing());
        // Said once.
        assert_eq!(revoked(&mut talk, why), "");

        let mut talk = Talk::new(Mode::Serving);
        talk.say("USER ann");
        talk.say("PASS secret");
        assert_eq!(revoked(&mut talk, why), expected);
        let user = AuthenticatedUser::from(Account::with_password("ann", "secret"));
        assert_eq!(talk.handle(SessionEvent::Verified(Ok(user))), "");

        let mut talk = Talk::logged_in();
        assert_eq!(talk.say("DELE f"), "");
        assert_eq!(revoked(&mut talk, why), expected);
        assert_eq!(talk.handle(SessionEvent::Operated(Ok(Answer::Done))), "");
    }
    let texts: std::collections::HashSet<_> = EVERY_REASON.map(farewell).into();
    assert_eq!(texts.len(), EVERY_REASON.len());
}

#[test]
fn a_transfer_is_cut_before_the_session_ends() {
    let why = Revocation::Removed;
    let mut talk = Talk::storing();
    talk.handle(SessionEvent::Connected);
    talk.handle(SessionEvent::Moved(7));
    assert_eq!(revoked(&mut talk, why), "");
    assert_eq!(talk.action(), Action::Cut(Ending::Revoked));
    // A stop of the server, and another reload, change nothing of it.
    talk.with(Session::stop);
    talk.with(Session::stop_now);
    assert_eq!(revoked(&mut talk, Revocation::Address), "");
    assert!(talk.has_no_orders());
    let kept = SessionEvent::Ended {
        ending: Ending::Revoked,
        bytes: 7,
        kept: Some(7),
    };
    let said = talk.handle(kept);
    let cut = "426 No longer allowed; transfer aborted. 7 bytes are kept.\r\n";
    assert_eq!(said, format!("{cut}{}", farewell(why)));
    assert!(talk.session.is_closing());
}

#[test]
fn a_transfer_that_was_quicker_is_whole_and_the_session_ends_all_the_same() {
    let mut talk = Talk::storing();
    talk.handle(SessionEvent::Connected);
    revoked(&mut talk, Revocation::Secret);
    let said = talk.handle(ended(Ending::Complete, 7));
    assert!(said.starts_with("226 ") && said.ends_with(&farewell(Revocation::Secret)));

    let mut talk = Talk::storing();
    talk.with(Session::abort);
    assert_eq!(talk.action(), Action::Cut(Ending::Aborted));
    assert_eq!(revoked(&mut talk, Revocation::Secret), "");
    assert!(talk.has_no_orders());
    let said = talk.handle(ended(Ending::Aborted, 7));
    assert!(said.starts_with("426 ") && said.ends_with(&farewell(Revocation::Secret)));
}

#[test]
fn nothing_is_said_where_it_could_not_be_understood() {
    let mut talk = Talk::new(Mode::Serving);
    talk.settings.security = Some(requiring(TlsRequired::Control));
    talk.say("AUTH TLS");
    talk.handle(SessionEvent::Switching(true));
    talk.heard();
    assert_eq!(revoked(&mut talk, Revocation::Address), "");
    assert!(talk.session.is_closing());
}

/// Logged in to an account that expires in so many seconds.
fn expiring(seconds: i64, sessions: RevokedSessions) -> Talk {
    let mut talk = Talk::new(Mode::Serving);
    talk.settings.revoked_sessions = sessions;
    talk.say("USER ftp");
    talk.say("PASS x");
    let mut account = Account::anonymous(Permissions::ALL);
    account.expires = Some(seconds);
    talk.handle(SessionEvent::Verified(Ok(AuthenticatedUser::from(account))));
    talk.heard();
    talk.actions.clear();
    talk
}

#[test]
fn a_session_ends_when_its_account_expires() {
    let expired = farewell(Revocation::Denied(Denial::Expired));
    let mut talk = expiring(30, RevokedSessions::End);
    assert_eq!(talk.wait(Duration::from_secs(29)), "");
    talk.unix_time = 30;
    assert_eq!(talk.wait(Duration::from_secs(1)), expired);

    // The wall clock is set back while it waits, and forward at last.
    let mut talk = expiring(30, RevokedSessions::End);
    talk.unix_time = -10_000;
    assert_eq!(talk.wait(Duration::from_secs(30)), "");
    talk.say("NOOP");
    talk.unix_time = 30;
    assert_eq!(talk.wait(crate::limits::EXPIRY_CHECKED), expired);

    let mut talk = expiring(30, RevokedSessions::Keep);
    talk.unix_time = 100;
    assert_eq!(talk.wait(Duration::from_secs(100)), "");
    talk.say("NOOP");

    // Another login, and a later date, are not ended by the first one's.
    let mut talk = expiring(30, RevokedSessions::End);
    talk.say("REIN");
    talk.unix_time = 30;
    assert_eq!(talk.wait(Duration::from_secs(30)), "");
    let mut talk = expiring(30, RevokedSessions::End);
    renewed(&mut talk, |account| account.expires = Some(60));
    talk.unix_time = 30;
    assert_eq!(talk.wait(Duration::from_secs(30)), "");
    talk.unix_time = 60;
    assert_eq!(talk.wait(Duration::from_secs(30)), expired);
}

#[test]
fn a_review_looks_at_what_a_login_would_meet() {
    let accounts = |account: Account| Arc::new(Accounts::new().with(account));
    let anonymous = || Account::anonymous(Permissions::ALL);
    let mut talk = Talk::logged_in();
    talk.settings.accounts = accounts(anonymous());
    let review = |talk: &Talk| talk.session.review(&talk.settings, false, 0);
    assert!(review(&talk).unwrap().is_some());
    talk.settings.accounts = accounts(Account::with_password("ann", "secret"));
    assert_eq!(review(&talk), Err(Revocation::Removed));
    talk.settings.accounts = accounts(anonymous());
    // Anonymous logins need TLS where the control connection does.
    for (require, is_ended) in [
        (TlsRequired::Login, false),
        (TlsRequired::Control, true),
        (TlsRequired::Data, true),
    ] {
        talk.settings.security = Some(requiring(require));
        assert_eq!(
            review(&talk) == Err(Revocation::Clear),
            is_ended,
            "{require:?}"
        );
    }
    // Who is not logged in has nothing to lose.
    assert_eq!(review(&Talk::new(Mode::Serving)), Ok(None));
}
