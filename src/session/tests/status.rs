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
    for (events, expected) in [
        ("", "A transfer waits for its data connection"),
        (
            "@connected\n @moved 7",
            "A transfer is in progress, 7 bytes so far",
        ),
        ("@abort", "A transfer is being aborted"),
        ("@Aborted 7", "No transfer is in progress"),
    ] {
        test.play(events);
        assert_eq!(stat(&mut test)[1], expected);
    }
}

#[test]
fn stat_reports_tls_state() {
    let mut test = TestSession::new();
    test.settings.security = Some(SecurityPolicy {
        allow_clear: true,
        ..SecurityPolicy::default()
    });
    for (dialogue, expected) in [
        ("", "Nothing is encrypted"),
        (
            "AUTH TLS\n @switching\n @secured",
            "The control connection uses TLS, data connections do not",
        ),
        ("PBSZ 0\n PROT P", "Control and data connections use TLS"),
        (
            "USER ftp\n PASS x\n @verified\n CCC\n @switching\n @cleared",
            "Data connections use TLS, the control connection does not",
        ),
    ] {
        test.play(dialogue);
        assert_eq!(stat(&mut test)[0], expected);
    }
}

/// The size of the reply is limited, as the outbox is.
#[test]
fn truncated_stat_listing_is_marked() {
    let mut test = TestSession::logged_in();
    for (is_complete, end) in [
        (true, "213 End of status.\r\n"),
        (false, "213 End of status; LIST tells more.\r\n"),
    ] {
        test.play("STAT d ->");
        let listing = (b"one\r\ntwo\r\n".to_vec(), is_complete);
        let reply = test.handle(SessionEvent::ListingMade(Ok(listing)));
        assert!(reply.starts_with("213-Status of d:\r\n"), "{reply}");
        assert!(reply.contains("one\r\n") && reply.ends_with(end), "{reply}");
    }
}

/// SITE WHO shows these lines.
#[test]
fn summary_names_session_activity() {
    let mut secure = TestSession::new();
    secure.settings.security = Some(requiring(TlsRequired::Nothing));
    for (mut test, dialogue) in [
        (
            TestSession::new(),
            "(not logged in) idle; USER ftp; (not logged in) idle; PASS x; (not logged in) logging in",
        ),
        (TestSession::logged_in(), "ftp idle; SIZE f; ftp busy"),
        (
            TestSession::with_upload_open(),
            "ftp transferring; @Complete 0; ftp idle; QUIT; ftp leaving",
        ),
        (
            secure,
            "(not logged in) idle; AUTH TLS; (not logged in) securing",
        ),
    ] {
        for (index, part) in dialogue.split("; ").enumerate() {
            if index % 2 == 0 {
                assert_eq!(test.session.summary(), format!("127.0.0.1:9999 {part}"));
            } else {
                test.play(part);
            }
        }
    }
}

#[test]
fn help_and_feat_list_only_what_the_settings_allow() {
    let mut test = TestSession::logged_in();
    let policy = |allow_clear| {
        Some(SecurityPolicy {
            allow_clear,
            ..SecurityPolicy::default()
        })
    };
    for (security, expected) in [
        (None, [false, false, false]),
        (policy(false), [true, false, false]),
        (policy(true), [true, true, false]),
    ] {
        test.settings.security = security;
        let help = test.send("HELP");
        let listed = |name: &str| help.split_ascii_whitespace().any(|word| word == name);
        assert_eq!(["AUTH", "CCC", "MFCT"].map(listed), expected, "{help}");
        assert_eq!(test.send("FEAT").contains("AUTH TLS"), expected[0]);
        for (name, is_listed) in ["AUTH", "CCC", "MFCT"].into_iter().zip(expected) {
            let code = if is_listed { "214" } else { "502" };
            assert!(test.send(&format!("HELP {name}")).starts_with(code));
        }
    }
    // What is not listed keeps its own reply.
    test.play("MFCT 20010203040506 f -> 504");
    test.settings.security = policy(false);
    test.play("CCC -> 533");
}
