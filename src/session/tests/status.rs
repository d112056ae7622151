//! What is told of a session: to its client by STAT, and to those of its account by SITE WHO.

use super::*;

/// What STAT says of TLS and of transfers.
fn stat(talk: &mut Talk) -> [String; 2] {
    let said = talk.say("STAT");
    let lines: Vec<_> = said.lines().map(str::trim).collect();
    let &[.., security, transfer, end] = lines.as_slice() else {
        panic!("{said}");
    };
    assert_eq!(end, "211 End of status.");
    [security.to_owned(), transfer.to_owned()]
}

#[test]
fn stat_tells_how_far_a_transfer_is() {
    let mut talk = Talk::storing();
    let waiting = "A transfer waits for its data connection";
    assert_eq!(stat(&mut talk)[1], waiting);
    talk.handle(SessionEvent::Connected);
    talk.handle(SessionEvent::Moved(7));
    let moving = "A transfer is in progress, 7 bytes so far";
    assert_eq!(stat(&mut talk)[1], moving);
    talk.with(Session::abort);
    assert_eq!(stat(&mut talk)[1], "A transfer is being aborted");
    talk.handle(ended(Ending::Aborted, 7));
    assert_eq!(stat(&mut talk)[1], "No transfer is in progress");
}

#[test]
fn stat_tells_which_connections_use_tls() {
    let mut talk = Talk::new(Mode::Serving);
    talk.settings.security = Some(SecurityPolicy {
        allow_clear: true,
        ..SecurityPolicy::default()
    });
    assert_eq!(stat(&mut talk)[0], "Nothing is encrypted");
    talk.say("AUTH TLS");
    talk.handle(SessionEvent::Switching(true));
    talk.handle(SessionEvent::Secured(None));
    let control = "The control connection uses TLS, data connections do not";
    assert_eq!(stat(&mut talk)[0], control);
    talk.say("PBSZ 0");
    talk.say("PROT P");
    assert_eq!(stat(&mut talk)[0], "Control and data connections use TLS");
    talk.say("USER ftp");
    talk.say("PASS x");
    talk.handle(SessionEvent::Verified(Ok(AuthenticatedUser::from(
        Account::anonymous(Permissions::ALL),
    ))));
    talk.heard();
    talk.say("CCC");
    talk.handle(SessionEvent::Switching(true));
    talk.handle(SessionEvent::Cleared);
    let data = "Data connections use TLS, the control connection does not";
    assert_eq!(stat(&mut talk)[0], data);
}

/// The reply is bounded, as the backlog of replies is.
#[test]
fn a_listing_by_stat_that_is_not_all_says_so() {
    let mut talk = Talk::logged_in();
    for (is_all, end) in [
        (true, "213 End of status.\r\n"),
        (false, "213 End of status; LIST tells more.\r\n"),
    ] {
        assert_eq!(talk.say("STAT d"), "");
        let said = talk.handle(SessionEvent::Described(Ok((
            b"one\r\ntwo\r\n".to_vec(),
            is_all,
        ))));
        assert!(said.starts_with("213-Status of d:\r\n"), "{said}");
        assert!(said.contains("one\r\n") && said.ends_with(end), "{said}");
    }
}

/// SITE WHO shows each client with what it does, and none that has not logged in with a name.
#[test]
fn what_a_client_does_is_told_in_a_word() {
    let doing = |talk: &Talk| {
        let line = talk.session.summary();
        let start = "127.0.0.1:9999 ";
        line.strip_prefix(start).unwrap().to_owned()
    };
    let mut talk = Talk::new(Mode::Serving);
    assert_eq!(doing(&talk), "(not logged in) idle");
    talk.say("USER ftp");
    assert_eq!(doing(&talk), "(not logged in) idle");
    talk.say("PASS x");
    assert_eq!(doing(&talk), "(not logged in) logging in");

    let mut talk = Talk::logged_in();
    assert_eq!(doing(&talk), "ftp idle");
    talk.say("SIZE f");
    assert_eq!(doing(&talk), "ftp busy");
    let mut talk = Talk::storing();
    assert_eq!(doing(&talk), "ftp transferring");
    talk.handle(ended(Ending::Complete, 0));
    assert_eq!(doing(&talk), "ftp idle");
    talk.say("QUIT");
    assert_eq!(doing(&talk), "ftp leaving");

    let mut talk = Talk::new(Mode::Serving);
    talk.settings.security = Some(requiring(TlsRequired::Nothing));
    talk.say("AUTH TLS");
    assert_eq!(doing(&talk), "(not logged in) securing");
}
