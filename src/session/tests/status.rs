//! The state of a session in STAT and SITE WHO.

use super::*;

/// The lines of STAT about TLS and the transfer.
fn stat(test: &mut TestSession) -> [String; 2] {
    let reply = test.send("STAT");
    let lines: Vec<_> = reply.lines().map(str::trim).collect();
    let &[.., security, transfer, end] = lines.as_slice() else {
        panic!("{reply}");
    };
    assert_eq!(end, "211 End of status.");
    [security.to_owned(), transfer.to_owned()]
}

#[test]
fn stat_reports_transfer_progress() {
    let mut test = TestSession::with_upload_open();
    let waiting = "A transfer waits for its data connection";
    assert_eq!(stat(&mut test)[1], waiting);
    test.handle(SessionEvent::Connected);
    test.handle(SessionEvent::Moved(7));
    let moving = "A transfer is in progress, 7 bytes so far";
    assert_eq!(stat(&mut test)[1], moving);
    test.with(Session::abort);
    assert_eq!(stat(&mut test)[1], "A transfer is being aborted");
    test.handle(ended(Ending::Aborted, 7));
    assert_eq!(stat(&mut test)[1], "No transfer is in progress");
}

#[test]
fn stat_reports_tls_state() {
    let mut test = TestSession::new(ServerMode::Serving);
    test.settings.security = Some(SecurityPolicy {
        allow_clear: true,
        ..SecurityPolicy::default()
    });
    assert_eq!(stat(&mut test)[0], "Nothing is encrypted");
    test.send("AUTH TLS");
    test.handle(SessionEvent::Switching(true));
    test.handle(SessionEvent::Secured(None));
    let control = "The control connection uses TLS, data connections do not";
    assert_eq!(stat(&mut test)[0], control);
    test.send("PBSZ 0");
    test.send("PROT P");
    assert_eq!(stat(&mut test)[0], "Control and data connections use TLS");
    test.send("USER ftp");
    test.send("PASS x");
    test.handle(SessionEvent::Verified(Ok(AuthenticatedUser::from(
        Account::anonymous(Permissions::ALL),
    ))));
    test.replies();
    test.send("CCC");
    test.handle(SessionEvent::Switching(true));
    test.handle(SessionEvent::Cleared);
    let data = "Data connections use TLS, the control connection does not";
    assert_eq!(stat(&mut test)[0], data);
}

/// The size of the reply is limited, as the outbox is.
#[test]
fn truncated_stat_listing_is_marked() {
    let mut test = TestSession::logged_in();
    for (is_complete, end) in [
        (true, "213 End of status.\r\n"),
        (false, "213 End of status; LIST tells more.\r\n"),
    ] {
        assert_eq!(test.send("STAT d"), "");
        let reply = test.handle(SessionEvent::ListingMade(Ok((
            b"one\r\ntwo\r\n".to_vec(),
            is_complete,
        ))));
        assert!(reply.starts_with("213-Status of d:\r\n"), "{reply}");
        assert!(reply.contains("one\r\n") && reply.ends_with(end), "{reply}");
    }
}

/// SITE WHO shows these lines.
#[test]
fn summary_names_session_activity() {
    let activity = |test: &TestSession| {
        let line = test.session.summary();
        let start = "127.0.0.1:9999 ";
        line.strip_prefix(start).unwrap().to_owned()
    };
    let mut test = TestSession::new(ServerMode::Serving);
    assert_eq!(activity(&test), "(not logged in) idle");
    test.send("USER ftp");
    assert_eq!(activity(&test), "(not logged in) idle");
    test.send("PASS x");
    assert_eq!(activity(&test), "(not logged in) logging in");

    let mut test = TestSession::logged_in();
    assert_eq!(activity(&test), "ftp idle");
    test.send("SIZE f");
    assert_eq!(activity(&test), "ftp busy");
    let mut test = TestSession::with_upload_open();
    assert_eq!(activity(&test), "ftp transferring");
    test.handle(ended(Ending::Complete, 0));
    assert_eq!(activity(&test), "ftp idle");
    test.send("QUIT");
    assert_eq!(activity(&test), "ftp leaving");

    let mut test = TestSession::new(ServerMode::Serving);
    test.settings.security = Some(requiring(TlsRequired::Nothing));
    test.send("AUTH TLS");
    assert_eq!(activity(&test), "(not logged in) securing");
}
