//! Work in progress whose permission is revoked by a reload.

use super::*;

#[test]
fn changed_permissions_apply_to_next_command() {
    let mut test = TestSession::logged_in();
    test.session.rename_from = VirtualPath::root().join(b"f").ok().map(Box::new);
    assert_eq!(
        renew_account(&mut test, |account| account.permissions = Permissions::READ),
        ""
    );
    for line in ["RNTO g", "DELE f", "MKD d"] {
        assert!(test.send(line).starts_with("550 "), "{line}");
    }
    assert_eq!(
        renew_account(&mut test, |account| account.umask = Umask::new(0o77)),
        ""
    );
    assert!(test.send("SITE UMASK").contains("077"));
    test.send("SITE UMASK 022");
    renew_account(&mut test, |account| account.umask = Umask::new(0o27));
    assert!(test.send("SITE UMASK").contains("022"));
}

/// A session with a transfer that is being opened, or in progress if `is_begun`.
fn transferring(line: &str, is_begun: bool) -> TestSession {
    let mut test = TestSession::logged_in();
    test.send("EPSV");
    let address = "127.0.0.1:5000".parse().unwrap();
    test.handle(SessionEvent::Listening(Ok(address)));
    assert_eq!(test.send(line), "");
    if is_begun {
        test.handle(SessionEvent::Opened(Ok(Opened::default())));
    }
    test.actions.clear();
    test.replies();
    test
}

/// The transfer that was being opened ends with a 425 once the reactor has opened or refused the file.
fn assert_refused_on_open(test: &mut TestSession, opened: Result<Opened, Error>) {
    assert!(test.has_no_actions() && !test.session.accepts_command());
    let reply = test.handle(SessionEvent::Opened(opened));
    assert_eq!(reply, "425 No longer allowed; data connection closed.\r\n");
    assert_eq!(test.action(), Action::CloseDataConnection);
    assert!(test.session.accepts_command());
}

#[test]
fn lost_permission_ends_only_dependent_transfers() {
    const TRANSFERS: [(&str, Permissions); 5] = [
        ("RETR f", Permissions::RETRIEVE),
        ("STOR f", Permissions::OVERWRITE),
        ("STOU", Permissions::CREATE),
        ("APPE f", Permissions::APPEND),
        ("LIST", Permissions::LIST),
    ];
    let without = |lost| {
        move |account: &mut Account| {
            account.permissions = account.permissions.without(lost);
        }
    };
    for (line, needed) in TRANSFERS {
        let mut test = transferring(line, true);
        assert_eq!(renew_account(&mut test, without(needed)), "", "{line}");
        assert_eq!(test.action(), Action::Cut(Ending::Revoked), "{line}");
        let reply = test.handle(ended(Ending::Revoked, 0));
        assert_eq!(
            reply, "426 No longer allowed; transfer aborted.\r\n",
            "{line}"
        );
        assert!(test.session.accepts_command(), "{line}");

        for opened in [Ok(Opened::default()), Err(Error::NotFound)] {
            let mut test = transferring(line, false);
            assert_eq!(renew_account(&mut test, without(needed)), "", "{line}");
            assert_refused_on_open(&mut test, opened);
        }

        for is_begun in [true, false] {
            let mut test = transferring(line, is_begun);
            renew_account(&mut test, without(Permissions::DELETE | Permissions::TIMES));
            assert!(
                test.has_no_actions() && !test.session.accepts_command(),
                "{line}"
            );
        }
    }
}

#[test]
fn appe_after_rest_requires_overwrite_permission() {
    let mut test = TestSession::logged_in();
    test.send("EPSV");
    let address = "127.0.0.1:5000".parse().unwrap();
    test.handle(SessionEvent::Listening(Ok(address)));
    test.send("REST 5");
    test.send("APPE f");
    test.handle(SessionEvent::Opened(Ok(Opened::default())));
    test.actions.clear();
    let lost = Permissions::ALL.without(Permissions::OVERWRITE);
    renew_account(&mut test, |account| account.permissions = lost);
    assert_eq!(test.action(), Action::Cut(Ending::Revoked));
}

#[test]
fn lost_permission_ends_wait_for_quota_count() {
    for is_tried in [false, true] {
        let mut test = transferring("APPE f", false);
        test.handle(SessionEvent::CountPending);
        if is_tried {
            test.handle(SessionEvent::CountRetried);
        }
        let reply = renew_account(&mut test, |account| account.permissions = Permissions::LIST);
        let reply = if is_tried {
            reply + &test.handle(SessionEvent::CountPending)
        } else {
            reply
        };
        assert_eq!(reply, "425 No longer allowed; data connection closed.\r\n");
        assert_eq!(test.action(), Action::CloseDataConnection);
        assert!(test.session.accepts_command());
    }
}

#[test]
fn reload_that_requires_tls_cuts_clear_transfer() {
    for is_begun in [true, false] {
        let mut test = transferring("RETR f", is_begun);
        test.settings.security = Some(requiring(TlsRequired::Data));
        assert_eq!(renew_account(&mut test, |_| {}), "");
        if is_begun {
            assert_eq!(test.action(), Action::Cut(Ending::Revoked));
        } else {
            assert_refused_on_open(&mut test, Ok(Opened::default()));
        }
    }
}

#[test]
fn lost_fxp_clears_foreign_data_address() {
    let fxp = |is_allowed| move |account: &mut Account| account.allow_fxp = is_allowed;
    let mut test = TestSession::logged_in();
    renew_account(&mut test, fxp(true));
    assert!(test.send("PORT 192,0,2,1,100,0").starts_with("200 "));
    test.actions.clear();
    // An unchanged account loses nothing.
    renew_account(&mut test, fxp(true));
    assert!(test.has_no_actions());
    renew_account(&mut test, fxp(false));
    assert_eq!(test.action(), Action::CloseDataConnection);
    assert!(test.send("RETR f").starts_with("425 "));
    assert!(test.send("PORT 192,0,2,1,100,0").starts_with("501 "));

    for is_begun in [true, false] {
        let mut test = TestSession::logged_in();
        renew_account(&mut test, fxp(true));
        test.send("PORT 192,0,2,1,100,0");
        test.send("RETR f");
        if is_begun {
            test.handle(SessionEvent::Opened(Ok(Opened::default())));
        }
        test.actions.clear();
        renew_account(&mut test, fxp(false));
        if is_begun {
            assert_eq!(test.action(), Action::Cut(Ending::Revoked));
        } else {
            assert_refused_on_open(&mut test, Ok(Opened::default()));
        }
    }
}

#[test]
fn lost_permission_aborts_file_task() {
    for (line, needed) in [
        ("MD5 f", Permissions::RETRIEVE),
        ("DSIZ d", Permissions::LIST),
    ] {
        if cfg!(not(feature = "digests")) && line == "MD5 f" {
            continue;
        }
        let mut test = TestSession::logged_in();
        assert_eq!(test.send(line), "");
        // It needs no other permission.
        let reply = renew_account(&mut test, |account| account.permissions = needed);
        assert_eq!((reply.as_str(), test.session.has_abandoned()), ("", false));
        let rest = Permissions::ALL.without(needed);
        let reply = renew_account(&mut test, |account| account.permissions = rest);
        assert_eq!(reply, "426 No longer allowed; aborted.\r\n", "{line}");
        assert!(test.session.has_abandoned(), "{line}");
        test.handle(SessionEvent::TaskDropped);
        assert!(test.session.accepts_command(), "{line}");
    }
}
