//! Reloads of the configuration during a session, and expiring accounts.

use std::sync::Arc;

use super::*;
use crate::auth::{Accounts, Revocation, RevokedSessions};

#[test]
fn clear_login_is_refused_after_reload_requires_tls() {
    let mut test = TestSession::new();
    test.play("USER ftp");
    test.settings.security = Some(requiring(TlsRequired::Control));
    test.play("PASS x -> 530 =>\n PASS x -> 503");

    let mut test = TestSession::new();
    test.play("USER ftp\n PASS x");
    test.settings.security = Some(requiring(TlsRequired::Control));
    test.play("@verified -> 530\n @ready");
    assert!(test.session.account_name().is_none());
}

#[test]
fn server_stop_waits_for_transfer_and_cuts_once() {
    TestSession::with_upload_open().play("@stop ->\n @Complete 0 -> 226 | 421");
    TestSession::with_upload_open().play(
        "@abort => Cut(Aborted)
         @stop-now -> =>
         @Aborted 0 -> 426 | 421 Service not...",
    );
}

#[test]
fn revocation_closes_session_in_every_state() {
    for reason in EVERY_REVOCATION {
        // The reply is sent once.
        let revoke = format!(
            "@revoke {reason:?} -> {}
             @closing
             @revoke {reason:?} ->",
            closing_reply(reason)
        );
        TestSession::new().play(&revoke);
        TestSession::new().play(&format!("USER ann\n PASS secret\n {revoke}\n @verified ->"));
        TestSession::logged_in().play(&format!("DELE f ->\n {revoke}\n @answered ->"));
    }
}

fn closing_reply(reason: Revocation) -> String {
    format!("421 Session ended: {reason}, closing control connection.")
}

#[test]
fn revocation_cuts_transfer_before_close() {
    let mut test = TestSession::with_upload_open();
    // A shutdown or another reload has no further effect.
    test.play(
        "@connected
         @moved 7
         @revoke Removed -> => Cut(Revoked)
         @stop =>
         @stop-now =>
         @revoke Address -> =>",
    );
    let reply = test.handle(SessionEvent::Ended {
        ending: Ending::Revoked,
        bytes: 7,
        kept: Some(7),
    });
    let cut = "426 No longer allowed; transfer aborted. 7 bytes are kept.";
    let end = closing_reply(Revocation::Removed);
    assert_eq!(reply, format!("{cut}\r\n{end}\r\n"));
    test.play("@closing");
}

#[test]
fn revocation_keeps_reply_of_ended_transfer() {
    let end = closing_reply(Revocation::Secret);
    TestSession::with_upload_open().play(&format!(
        "@connected
         @revoke Secret
         @Complete 7 -> 226 | {end}"
    ));
    TestSession::with_upload_open().play(&format!(
        "@abort => Cut(Aborted)
         @revoke Secret -> =>
         @Aborted 7 -> 426 | {end}"
    ));
}

#[test]
fn revocation_during_tls_switch_closes_silently() {
    let mut test = TestSession::new();
    test.settings.security = Some(requiring(TlsRequired::Control));
    test.play("AUTH TLS\n @switching\n @revoke Address ->\n @closing");
}

/// A session of an account that expires 30 seconds after 1970.
fn expiring(sessions: RevokedSessions) -> TestSession {
    let mut test = TestSession::new();
    test.settings.revoked_sessions = sessions;
    test.play("USER ftp\n PASS x");
    let mut account = Account::anonymous(Permissions::ALL);
    account.expires = Some(30);
    test.handle(SessionEvent::Verified(Ok(account.into())));
    test
}

#[test]
fn session_ends_when_account_expires() {
    let expired = closing_reply(Revocation::Denied(Denial::Expired));
    let mut test = expiring(RevokedSessions::End);
    test.play("@wait 29 ->");
    test.unix_time = 30;
    test.play(&format!("@wait 1 -> {expired}"));

    // The wall clock is set back, then forward.
    let mut test = expiring(RevokedSessions::End);
    test.unix_time = -10_000;
    test.play("@wait 30 ->\n NOOP");
    test.unix_time = 30;
    let reply = test.wait(crate::limits::EXPIRY_CHECK_INTERVAL);
    assert_eq!(reply, format!("{expired}\r\n"));

    let mut test = expiring(RevokedSessions::Keep);
    test.unix_time = 100;
    test.play("@wait 100 ->\n NOOP");

    // After REIN or a reload the earlier date does not apply.
    let mut test = expiring(RevokedSessions::End);
    test.play("REIN");
    test.unix_time = 30;
    test.play("@wait 30 ->");
    let mut test = expiring(RevokedSessions::End);
    test.renew(|account| account.expires = Some(60));
    test.unix_time = 30;
    test.play("@wait 30 ->");
    test.unix_time = 60;
    test.play(&format!("@wait 30 -> {expired}"));
}

#[test]
fn review_applies_login_rules() {
    let accounts = |account: Account| Arc::new(Accounts::new().with(account));
    let anonymous = || Account::anonymous(Permissions::ALL);
    let mut test = TestSession::logged_in();
    let review = |test: &TestSession| test.session.review(&test.settings, false, 0);
    test.settings.accounts = accounts(Account::with_password("ann", "secret"));
    assert_eq!(review(&test), Err(Revocation::Removed));
    test.settings.accounts = accounts(anonymous());
    assert!(review(&test).unwrap().is_some());
    // Anonymous logins need TLS where the control connection does.
    for (require, is_ended) in [
        (TlsRequired::Login, false),
        (TlsRequired::Control, true),
        (TlsRequired::Data, true),
    ] {
        test.settings.security = Some(requiring(require));
        let reviewed = review(&test);
        assert_eq!(reviewed == Err(Revocation::Clear), is_ended, "{require:?}");
    }
    // A session before its login always passes.
    assert_eq!(review(&TestSession::new()), Ok(None));
}
