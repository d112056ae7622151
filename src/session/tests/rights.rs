//! What goes on by a right that a reload takes away, and what goes on all the same.

use super::*;

#[test]
fn other_rights_count_from_the_next_command_on() {
    let mut talk = Talk::logged_in();
    talk.session.rename_from = VirtualPath::root().join(b"f").ok().map(Box::new);
    assert_eq!(
        renewed(&mut talk, |account| account.permissions = Permissions::READ),
        ""
    );
    for line in ["RNTO g", "DELE f", "MKD d"] {
        assert!(talk.say(line).starts_with("550 "), "{line}");
    }
    assert_eq!(
        renewed(&mut talk, |account| account.umask = Umask::new(0o77)),
        ""
    );
    assert!(talk.say("SITE UMASK").contains("077"));
    talk.say("SITE UMASK 022");
    renewed(&mut talk, |account| account.umask = Umask::new(0o27));
    assert!(talk.say("SITE UMASK").contains("022"));
}

/// As far as a transfer, which is being opened or goes on.
fn transferring(line: &str, is_begun: bool) -> Talk {
    let mut talk = Talk::logged_in();
    talk.say("EPSV");
    let address = "127.0.0.1:5000".parse().unwrap();
    talk.handle(SessionEvent::Listening(Ok(address)));
    assert_eq!(talk.say(line), "");
    if is_begun {
        talk.handle(SessionEvent::Opened(Ok(Opened::default())));
    }
    talk.actions.clear();
    talk.heard();
    talk
}

/// A transfer that was being opened is not, and says so when nothing more can come of it.
fn is_refused_when_it_is_opened(talk: &mut Talk, opened: Result<Opened, Error>) {
    assert!(talk.has_no_orders() && !talk.session.accepts_command());
    let said = talk.handle(SessionEvent::Opened(opened));
    assert_eq!(said, "425 No longer allowed; data connection closed.\r\n");
    assert_eq!(talk.action(), Action::HangUp);
    assert!(talk.session.accepts_command());
}

#[test]
fn what_goes_on_by_a_right_that_is_lost_ends_and_nothing_else() {
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
        let mut talk = transferring(line, true);
        assert_eq!(renewed(&mut talk, without(needed)), "", "{line}");
        assert_eq!(talk.action(), Action::Cut(Ending::Revoked), "{line}");
        let said = talk.handle(ended(Ending::Revoked, 0));
        assert_eq!(
            said, "426 No longer allowed; transfer aborted.\r\n",
            "{line}"
        );
        assert!(talk.session.accepts_command(), "{line}");

        for opened in [Ok(Opened::default()), Err(Error::NotFound)] {
            let mut talk = transferring(line, false);
            assert_eq!(renewed(&mut talk, without(needed)), "", "{line}");
            is_refused_when_it_is_opened(&mut talk, opened);
        }

        for is_begun in [true, false] {
            let mut talk = transferring(line, is_begun);
            renewed(&mut talk, without(Permissions::DELETE | Permissions::TIMES));
            assert!(
                talk.has_no_orders() && !talk.session.accepts_command(),
                "{line}"
            );
        }
    }
}

#[test]
fn after_rest_an_appe_goes_on_by_the_right_to_overwrite() {
    let mut talk = Talk::logged_in();
    talk.say("EPSV");
    let address = "127.0.0.1:5000".parse().unwrap();
    talk.handle(SessionEvent::Listening(Ok(address)));
    talk.say("REST 5");
    talk.say("APPE f");
    talk.handle(SessionEvent::Opened(Ok(Opened::default())));
    talk.actions.clear();
    let lost = Permissions::ALL.without(Permissions::OVERWRITE);
    renewed(&mut talk, |account| account.permissions = lost);
    assert_eq!(talk.action(), Action::Cut(Ending::Revoked));
}

#[test]
fn a_wait_for_a_count_ends_at_once_and_is_not_tried_again() {
    for is_tried in [false, true] {
        let mut talk = transferring("APPE f", false);
        talk.handle(SessionEvent::NotCounted);
        if is_tried {
            talk.handle(SessionEvent::TriedAgain);
        }
        let said = renewed(&mut talk, |account| account.permissions = Permissions::LIST);
        let said = if is_tried {
            said + &talk.handle(SessionEvent::NotCounted)
        } else {
            said
        };
        assert_eq!(said, "425 No longer allowed; data connection closed.\r\n");
        assert_eq!(talk.action(), Action::HangUp);
        assert!(talk.session.accepts_command());
    }
}

#[test]
fn a_transfer_in_the_clear_ends_where_that_is_not_allowed_any_more() {
    for is_begun in [true, false] {
        let mut talk = transferring("RETR f", is_begun);
        talk.settings.security = Some(requiring(TlsRequired::Data));
        assert_eq!(renewed(&mut talk, |_| {}), "");
        if is_begun {
            assert_eq!(talk.action(), Action::Cut(Ending::Revoked));
        } else {
            is_refused_when_it_is_opened(&mut talk, Ok(Opened::default()));
        }
    }
}

#[test]
fn who_loses_fxp_loses_what_was_arranged_by_it() {
    let fxp = |is_allowed| move |account: &mut Account| account.allow_fxp = is_allowed;
    let mut talk = Talk::logged_in();
    renewed(&mut talk, fxp(true));
    assert!(talk.say("PORT 192,0,2,1,100,0").starts_with("200 "));
    talk.actions.clear();
    // The same again takes nothing.
    renewed(&mut talk, fxp(true));
    assert!(talk.has_no_orders());
    renewed(&mut talk, fxp(false));
    assert_eq!(talk.action(), Action::HangUp);
    assert!(talk.say("RETR f").starts_with("425 "));
    assert!(talk.say("PORT 192,0,2,1,100,0").starts_with("501 "));

    for is_begun in [true, false] {
        let mut talk = Talk::logged_in();
        renewed(&mut talk, fxp(true));
        talk.say("PORT 192,0,2,1,100,0");
        talk.say("RETR f");
        if is_begun {
            talk.handle(SessionEvent::Opened(Ok(Opened::default())));
        }
        talk.actions.clear();
        renewed(&mut talk, fxp(false));
        if is_begun {
            assert_eq!(talk.action(), Action::Cut(Ending::Revoked));
        } else {
            is_refused_when_it_is_opened(&mut talk, Ok(Opened::default()));
        }
    }
}

#[test]
fn a_digest_of_what_may_not_be_read_any_more_is_given_up() {
    for (line, needed) in [
        ("MD5 f", Permissions::RETRIEVE),
        ("DSIZ d", Permissions::LIST),
    ] {
        if cfg!(not(feature = "digests")) && line == "MD5 f" {
            continue;
        }
        let mut talk = Talk::logged_in();
        assert_eq!(talk.say(line), "");
        // Without all the others it goes on.
        let said = renewed(&mut talk, |account| account.permissions = needed);
        assert_eq!((said.as_str(), talk.session.has_abandoned()), ("", false));
        let rest = Permissions::ALL.without(needed);
        let said = renewed(&mut talk, |account| account.permissions = rest);
        assert_eq!(said, "426 No longer allowed; aborted.\r\n", "{line}");
        assert!(talk.session.has_abandoned(), "{line}");
        talk.handle(SessionEvent::Dropped);
        assert!(talk.session.accepts_command(), "{line}");
    }
}
