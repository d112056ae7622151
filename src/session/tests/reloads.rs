//! Reloads of the configuration during a session, and expiring accounts.

use std::sync::Arc;

use super::*;
use crate::auth::{Accounts, Denial, Revocation, RevokedSessions};

#[test]
fn clear_login_is_refused_after_reload_requires_tls() {
    let mut test = TestSession::new(ServerMode::Serving);
    test.send("USER ftp");
    test.actions.clear();
    test.settings.security = Some(requiring(TlsRequired::Control));
    assert!(test.send("PASS x").starts_with("530 "));
    assert!(test.has_no_actions());
    assert!(test.send("PASS x").starts_with("503 "));

    let mut test = TestSession::new(ServerMode::Serving);
    test.send("USER ftp");
    test.send("PASS x");
    test.settings.security = Some(requiring(TlsRequired::Control));
    let user = AuthenticatedUser::from(Account::anonymous(Permissions::ALL));
    let reply = test.handle(SessionEvent::Verified(Ok(user)));
    assert!(reply.starts_with("530 "), "{reply}");
    assert!(test.session.account_name().is_none() && test.session.accepts_command());
}

#[test]
fn server_stop_does_not_cut_transfer_twice() {
    let mut test = TestSession::with_upload_open();
    test.with(Session::abort);
    assert_eq!(test.action(), Action::Cut(Ending::Aborted));
    test.with(Session::stop_now);
    assert_eq!(test.replies(), "");
    assert!(test.has_no_actions());
    let reply = test.handle(ended(Ending::Aborted, 0));
    assert!(
        reply.starts_with("426 ") && reply.contains("\r\n421 Service not"),
        "{reply}"
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

fn closing_reply(reason: Revocation) -> String {
    format!("421 Session ended: {reason}, closing control connection.\r\n")
}

/// Revokes the session and returns its replies.
fn revoked(test: &mut TestSession, reason: Revocation) -> String {
    test.with(|session, cx| session.revoke(reason, cx));
    test.replies()
}

#[test]
fn revocation_closes_session_in_every_state() {
    for reason in EVERY_REASON {
        let expected = closing_reply(reason);
        let mut test = TestSession::new(ServerMode::Serving);
        assert_eq!(revoked(&mut test, reason), expected);
        assert!(test.session.is_closing());
        // The reply is sent once.
        assert_eq!(revoked(&mut test, reason), "");

        let mut test = TestSession::new(ServerMode::Serving);
        test.send("USER ann");
        test.send("PASS secret");
        assert_eq!(revoked(&mut test, reason), expected);
        let user = AuthenticatedUser::from(Account::with_password("ann", "secret"));
        assert_eq!(test.handle(SessionEvent::Verified(Ok(user))), "");

        let mut test = TestSession::logged_in();
        assert_eq!(test.send("DELE f"), "");
        assert_eq!(revoked(&mut test, reason), expected);
        assert_eq!(
            test.handle(SessionEvent::StorageAnswered(Ok(Answer::Done))),
            ""
        );
    }
    let texts: std::collections::HashSet<_> = EVERY_REASON.map(closing_reply).into();
    assert_eq!(texts.len(), EVERY_REASON.len());
}

#[test]
fn revocation_cuts_transfer_before_close() {
    let reason = Revocation::Removed;
    let mut test = TestSession::with_upload_open();
    test.handle(SessionEvent::Connected);
    test.handle(SessionEvent::Moved(7));
    assert_eq!(revoked(&mut test, reason), "");
    assert_eq!(test.action(), Action::Cut(Ending::Revoked));
    // A shutdown or another reload has no further effect.
    test.with(Session::stop);
    test.with(Session::stop_now);
    assert_eq!(revoked(&mut test, Revocation::Address), "");
    assert!(test.has_no_actions());
    let kept = SessionEvent::Ended {
        ending: Ending::Revoked,
        bytes: 7,
        kept: Some(7),
    };
    let reply = test.handle(kept);
    let cut = "426 No longer allowed; transfer aborted. 7 bytes are kept.\r\n";
    assert_eq!(reply, format!("{cut}{}", closing_reply(reason)));
    assert!(test.session.is_closing());
}

#[test]
fn revocation_keeps_reply_of_ended_transfer() {
    let mut test = TestSession::with_upload_open();
    test.handle(SessionEvent::Connected);
    revoked(&mut test, Revocation::Secret);
    let reply = test.handle(ended(Ending::Complete, 7));
    assert!(reply.starts_with("226 ") && reply.ends_with(&closing_reply(Revocation::Secret)));

    let mut test = TestSession::with_upload_open();
    test.with(Session::abort);
    assert_eq!(test.action(), Action::Cut(Ending::Aborted));
    assert_eq!(revoked(&mut test, Revocation::Secret), "");
    assert!(test.has_no_actions());
    let reply = test.handle(ended(Ending::Aborted, 7));
    assert!(reply.starts_with("426 ") && reply.ends_with(&closing_reply(Revocation::Secret)));
}

#[test]
fn revocation_during_tls_switch_closes_silently() {
    let mut test = TestSession::new(ServerMode::Serving);
    test.settings.security = Some(requiring(TlsRequired::Control));
    test.send("AUTH TLS");
    test.handle(SessionEvent::Switching(true));
    test.replies();
    assert_eq!(revoked(&mut test, Revocation::Address), "");
    assert!(test.session.is_closing());
}

/// A session of an account that expires after `seconds`.
fn expiring(seconds: i64, sessions: RevokedSessions) -> TestSession {
    let mut test = TestSession::new(ServerMode::Serving);
    test.settings.revoked_sessions = sessions;
    test.send("USER ftp");
    test.send("PASS x");
    let mut account = Account::anonymous(Permissions::ALL);
    account.expires = Some(seconds);
    test.handle(SessionEvent::Verified(Ok(AuthenticatedUser::from(account))));
    test.replies();
    test.actions.clear();
    test
}

#[test]
fn session_ends_when_account_expires() {
    let expired = closing_reply(Revocation::Denied(Denial::Expired));
    let mut test = expiring(30, RevokedSessions::End);
    assert_eq!(test.wait(Duration::from_secs(29)), "");
    test.unix_time = 30;
    assert_eq!(test.wait(Duration::from_secs(1)), expired);

    // The wall clock is set back, then forward.
    let mut test = expiring(30, RevokedSessions::End);
    test.unix_time = -10_000;
    assert_eq!(test.wait(Duration::from_secs(30)), "");
    test.send("NOOP");
    test.unix_time = 30;
    assert_eq!(test.wait(crate::limits::EXPIRY_CHECK_INTERVAL), expired);

    let mut test = expiring(30, RevokedSessions::Keep);
    test.unix_time = 100;
    assert_eq!(test.wait(Duration::from_secs(100)), "");
    test.send("NOOP");

    // After REIN or a reload the earlier date does not apply.
    let mut test = expiring(30, RevokedSessions::End);
    test.send("REIN");
    test.unix_time = 30;
    assert_eq!(test.wait(Duration::from_secs(30)), "");
    let mut test = expiring(30, RevokedSessions::End);
    renew_account(&mut test, |account| account.expires = Some(60));
    test.unix_time = 30;
    assert_eq!(test.wait(Duration::from_secs(30)), "");
    test.unix_time = 60;
    assert_eq!(test.wait(Duration::from_secs(30)), expired);
}

#[test]
fn review_applies_login_rules() {
    let accounts = |account: Account| Arc::new(Accounts::new().with(account));
    let anonymous = || Account::anonymous(Permissions::ALL);
    let mut test = TestSession::logged_in();
    test.settings.accounts = accounts(anonymous());
    let review = |test: &TestSession| test.session.review(&test.settings, false, 0);
    assert!(review(&test).unwrap().is_some());
    test.settings.accounts = accounts(Account::with_password("ann", "secret"));
    assert_eq!(review(&test), Err(Revocation::Removed));
    test.settings.accounts = accounts(anonymous());
    // Anonymous logins need TLS where the control connection does.
    for (require, is_ended) in [
        (TlsRequired::Login, false),
        (TlsRequired::Control, true),
        (TlsRequired::Data, true),
    ] {
        test.settings.security = Some(requiring(require));
        assert_eq!(
            review(&test) == Err(Revocation::Clear),
            is_ended,
            "{require:?}"
        );
    }
    // A session before its login always passes.
    assert_eq!(review(&TestSession::new(ServerMode::Serving)), Ok(None));
}
