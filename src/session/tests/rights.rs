//! Work in progress whose permission is revoked by a reload.

use super::*;

fn without(lost: Permissions) -> impl FnOnce(&mut Account) {
    move |account| account.permissions = account.permissions.without(lost)
}

#[test]
fn changed_permissions_apply_to_next_command() {
    let mut test = TestSession::logged_in();
    test.session.rename_from = VirtualPath::root().join(b"f").ok().map(Box::new);
    assert_eq!(
        test.renew(|account| account.permissions = Permissions::READ),
        ""
    );
    test.play("RNTO g -> 550\n DELE f -> 550\n MKD d -> 550");
    assert_eq!(test.renew(|account| account.umask = Umask::new(0o77)), "");
    test.play("SITE UMASK -> 200 Current UMASK is 077.\n SITE UMASK 022");
    test.renew(|account| account.umask = Umask::new(0o27));
    test.play("SITE UMASK -> 200 Current UMASK is 022.");
}

/// Sessions with a transfer that is being opened, and with one in progress; each with the dialogue that
/// follows when a reload ends it.
fn transferring(line: &str) -> [(TestSession, &'static str); 2] {
    let begin = |dialogue: &str| {
        let mut test = TestSession::with_listener();
        test.play(&format!("{line} ->{dialogue}"));
        test.actions.clear();
        test
    };
    [(begin(""), REFUSED_ON_OPEN), (begin("\n @opened"), CUT)]
}

/// The 425 comes once the reactor has opened or refused the file.
const REFUSED_ON_OPEN: &str = "
    @busy
    @opened -> 425 No longer allowed; data connection closed. => CloseDataConnection
    @ready";

const CUT: &str = "
    @Revoked 0 -> 426 No longer allowed; transfer aborted.
    @ready";

/// Checks that a change of the account ends a transfer, which is being opened or in progress.
fn assert_ended(mut test: TestSession, dialogue: &str, change: impl FnOnce(&mut Account)) {
    assert_eq!(test.renew(change), "");
    let cut = [Action::Cut(Ending::Revoked)];
    let expected = if dialogue == CUT { &cut[..] } else { &[] };
    assert_eq!(test.actions, expected);
    test.play(dialogue);
}

#[test]
fn lost_permission_ends_only_dependent_transfers() {
    for (line, needed) in [
        ("RETR f", Permissions::RETRIEVE),
        ("STOR f", Permissions::OVERWRITE),
        ("STOU", Permissions::CREATE),
        ("APPE f", Permissions::APPEND),
        ("LIST", Permissions::LIST),
    ] {
        for (test, dialogue) in transferring(line) {
            assert_ended(test, dialogue, without(needed));
        }
        let [(opening, _), _] = transferring(line);
        let refused = REFUSED_ON_OPEN.replace("@opened", "@opened NotFound");
        assert_ended(opening, &refused, without(needed));
        for (mut test, _) in transferring(line) {
            test.renew(without(Permissions::DELETE | Permissions::TIMES));
            assert!(
                test.actions.is_empty() && !test.session.accepts_command(),
                "{line}"
            );
        }
    }
}

#[test]
fn appe_after_rest_requires_overwrite_permission() {
    let mut test = TestSession::with_listener();
    test.play("REST 5\n APPE f\n @opened");
    test.actions.clear();
    assert_ended(test, CUT, without(Permissions::OVERWRITE));
}

#[test]
fn lost_permission_ends_wait_for_quota_count() {
    for retry in ["", "@count-retried"] {
        let [(mut test, _), _] = transferring("APPE f");
        test.play(&format!("@count-pending\n {retry}"));
        let mut reply = test.renew(|account| account.permissions = Permissions::LIST);
        if !retry.is_empty() {
            reply += &test.handle(SessionEvent::CountPending);
        }
        assert_eq!(reply, "425 No longer allowed; data connection closed.\r\n");
        assert_eq!(test.actions.pop_front(), Some(Action::CloseDataConnection));
        test.play("@ready");
    }
}

#[test]
fn reload_that_requires_tls_cuts_clear_transfer() {
    for (mut test, dialogue) in transferring("RETR f") {
        test.settings.security = Some(requiring(TlsRequired::Data));
        assert_ended(test, dialogue, |_| {});
    }
}

#[test]
fn lost_fxp_clears_foreign_data_address() {
    let fxp = |is_allowed| move |account: &mut Account| account.allow_fxp = is_allowed;
    let connected = || {
        let mut test = TestSession::logged_in();
        test.renew(fxp(true));
        test.play("PORT 192,0,2,1,100,0 -> 200");
        test.actions.clear();
        test
    };
    let mut test = connected();
    // An unchanged account loses nothing.
    test.renew(fxp(true));
    assert!(test.actions.is_empty());
    test.renew(fxp(false));
    assert_eq!(test.actions, [Action::CloseDataConnection]);
    test.play("RETR f -> 425\n PORT 192,0,2,1,100,0 -> 501");
    for (dialogue, end) in [("RETR f", REFUSED_ON_OPEN), ("RETR f\n @opened", CUT)] {
        let mut test = connected();
        test.play(dialogue);
        test.actions.clear();
        assert_ended(test, end, fxp(false));
    }
}

#[test]
fn lost_permission_aborts_file_task() {
    let mut tasks = vec![("DSIZ d", Permissions::LIST)];
    if cfg!(feature = "digests") {
        tasks.push(("MD5 f", Permissions::RETRIEVE));
    }
    for (line, needed) in tasks {
        let mut test = TestSession::logged_in();
        test.play(&format!("{line} ->"));
        // It needs no other permission.
        let reply = test.renew(|account| account.permissions = needed);
        assert_eq!((reply.as_str(), test.session.has_abandoned()), ("", false));
        let reply = test.renew(without(needed));
        assert_eq!(reply, "426 No longer allowed; aborted.\r\n", "{line}");
        assert!(test.session.has_abandoned(), "{line}");
        test.play("@task-dropped\n @ready");
    }
}

#[test]
fn name_of_the_login_outlives_its_account() {
    let mut test = TestSession::logged_in();
    for (name, is_alias) in [("anonymous", true), ("ftp", false), ("*", true)] {
        test.renew(|account| account.name = name.into());
        assert_eq!(test.session.login.name(), b"ftp");
        let Login::LoggedIn { alias, .. } = &test.session.login else {
            panic!("the client is not logged in any more");
        };
        assert_eq!(alias.is_some(), is_alias, "{name}");
    }
}
