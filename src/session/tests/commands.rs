//! Commands that depend on earlier commands, on parameters or on permissions.

use super::*;
use crate::storage::Operation;
#[cfg(feature = "digests")]
use crate::storage::Placement;

#[test]
fn rnto_requires_preceding_rnfr() {
    let mut test = TestSession::logged_in();
    assert!(test.send("RNTO b").starts_with("503 "));
    test.send("RNFR a");
    assert!(matches!(test.action(), Action::DescribeEntry(_)));
    assert!(
        test.handle(SessionEvent::Entry(Err(Error::NotFound)))
            .starts_with("550 ")
    );
    assert!(test.send("RNTO b").starts_with("503 "));
}

#[test]
fn port_accepts_only_client_address() {
    let mut test = TestSession::logged_in();
    for line in [
        "PORT 127,0,0,2,200,0",
        "PORT 127,0,0,1,3,255",
        "PORT 127,0,0,1,0,0",
        "EPRT |1|10.0.0.1|50000|",
        "EPRT |2|::1|50000|",
    ] {
        assert!(test.send(line).starts_with('5'), "{line}");
        assert!(test.has_no_actions());
    }
    assert!(test.send("PORT 127,0,0,1,4,0").starts_with("200 "));
    assert_eq!(
        test.action(),
        Action::SetActiveAddress("127.0.0.1:1024".parse().unwrap())
    );
    assert!(
        test.send("EPRT |2|::ffff:127.0.0.1|5000|")
            .starts_with("200 ")
    );
}

#[cfg(feature = "digests")]
#[test]
fn range_is_cleared_by_unrelated_command() {
    let mut test = TestSession::logged_in();
    for (between, kept) in [("EPSV", true), ("NOOP", false), ("RANG 1 0", false)] {
        test.send("RANG 2 3");
        test.send(between);
        if between == "EPSV" {
            let address = "127.0.0.1:5000".parse().unwrap();
            test.handle(SessionEvent::Listening(Ok(address)));
        }
        test.actions.clear();
        test.send("HASH f");
        let Action::RunFileTask(TaskSpec::Digest { range, .. }) = test.action() else {
            panic!("no digest");
        };
        assert_eq!(range.is_some(), kept, "{between}");
        test.handle(SessionEvent::TaskFinished(Err(Error::NotFound)));
    }
}

#[test]
fn transfer_parameters_persist_until_changed() {
    let mut test = TestSession::logged_in();
    for line in ["TYPE E T", "STRU R", "MODE C"] {
        assert_eq!(test.send(line), "200 Command okay.\r\n");
    }
    for line in ["TYPE L 9", "STRU P", "TYPE Q", "MODE B B"] {
        assert!(test.send(line).starts_with("50"), "{line}");
    }
    let shown = test.send("STAT");
    let expected = "TYPE: EBCDIC Telnet; STRU: Record; MODE: Compressed";
    assert!(shown.contains(expected), "{shown}");
    test.send("TYPE I");
    test.send("PORT 127,0,0,1,200,200");
    test.actions.clear();
    for line in ["RETR f", "STOR f", "APPE f", "STOU"] {
        assert!(test.send(line).starts_with("504 "), "{line}");
    }
    assert!(test.has_no_actions());
}

#[test]
fn comb_limits_part_count_and_path_bytes() {
    let mut test = TestSession::logged_in();
    test.settings.allow_combine = true;
    for (parts, is_combined) in [(0, false), (99, true), (100, true), (101, false)] {
        test.actions.clear();
        let replies = test.send(&format!("COMB t{}", " p".repeat(parts)));
        assert_eq!(replies.is_empty(), is_combined, "{parts}: {replies}");
        assert_eq!(test.actions.len(), usize::from(is_combined));
        test.handle(SessionEvent::TaskFinished(Ok(TaskResult::Combined)));
    }
    // Short names, in a directory with a long one.
    for (length, is_combined) in [(500, true), (2000, false)] {
        test.actions.clear();
        let directory = "d".repeat(length);
        let parts = format!(" {directory}/p").repeat(100);
        let replies = test.send(&format!("COMB t{parts}"));
        assert_eq!(replies.is_empty(), is_combined, "{length}: {replies}");
        test.handle(SessionEvent::TaskFinished(Ok(TaskResult::Combined)));
    }
}

#[cfg(not(feature = "mode-z"))]
#[test]
fn mode_z_is_declined_without_feature() {
    let mut test = TestSession::logged_in();
    assert!(test.send("MODE Z").starts_with("504 "));
    assert_eq!(test.send("OPTS MODE Z LEVEL 9"), "501 No such option.\r\n");
    assert!(!test.send("FEAT").contains("MODE Z"));
    assert!(test.send("STAT").contains("MODE: Stream"));
}

/// COMB may replace its target and deletes its parts.
#[cfg(feature = "digests")]
#[test]
fn comb_requires_delete_and_write_permissions() {
    for (permissions, expected) in [
        ("append delete", None),
        ("delete create overwrite", None),
        ("append create overwrite", None),
        ("append delete create", Some(Placement::New)),
        ("append delete overwrite", Some(Placement::Over)),
        ("append delete create overwrite", Some(Placement::Replace)),
    ] {
        let account = Account::anonymous(permissions.parse().unwrap());
        let mut test = TestSession::logged_in_as(account);
        test.settings.allow_combine = true;
        let reply = test.send("COMB t p");
        let Some(expected) = expected else {
            assert!(reply.starts_with("550 "), "{permissions}: {reply}");
            assert!(test.has_no_actions(), "{permissions}");
            continue;
        };
        let Action::RunFileTask(TaskSpec::Combine { placement, .. }) = test.action() else {
            panic!("{permissions}: {reply}");
        };
        assert_eq!(placement, expected, "{permissions}");
    }
}

#[test]
fn each_command_requires_its_own_permission() {
    for (line, needed) in [
        ("DELE f", "delete"),
        ("RNFR f", "rename"),
        ("MKD d", "make-directories"),
        ("RMD d", "remove-directories"),
        ("MFMT 20200101000000 f", "times"),
        ("SITE UTIME 20200101000000 f", "times"),
        ("MFF Modify=20200101000000; f", "times"),
        ("MFF UNIX.mode=644; f", "modes"),
        ("MFF Modify=20200101000000;UNIX.mode=644; f", "times modes"),
        ("SITE CHMOD 644 f", "modes"),
        ("MLST f", "list"),
        ("STAT f", "list"),
        ("DSIZ d", "list"),
        #[cfg(feature = "digests")]
        ("HASH f", "retrieve"),
        #[cfg(feature = "digests")]
        ("XCRC f", "retrieve"),
    ] {
        let needed: Permissions = needed.parse().unwrap();
        let mut test = TestSession::logged_in_as(Account::anonymous(needed));
        assert_eq!(test.send(line), "", "{line}");
        assert_eq!(test.actions.len(), 1, "{line}");

        for word in needed.to_string().split(' ') {
            let all = Permissions::ALL.to_string();
            let others: Vec<_> = all.split(' ').filter(|other| *other != word).collect();
            let others = others.join(" ");
            let account = Account::anonymous(others.parse().unwrap());
            let mut test = TestSession::logged_in_as(account);
            assert!(test.send(line).starts_with("550 "), "{line} without {word}");
            assert!(test.has_no_actions(), "{line} without {word}");
        }
    }
}

#[test]
fn site_umask_change_requires_modes_permission() {
    for (permissions, code) in [
        (Permissions::MODES, "200 "),
        (Permissions::ALL, "200 "),
        (Permissions::TIMES, "550 "),
        (Permissions::NONE, "550 "),
    ] {
        let mut test = TestSession::logged_in_as(Account::anonymous(permissions));
        let before = test.send("SITE UMASK");
        assert!(before.starts_with("200 "), "{before}");
        assert!(test.send("SITE UMASK 000").starts_with(code));
        assert_eq!(test.send("SITE UMASK") == before, code == "550 ");
    }
}

#[test]
fn abort_reply_is_not_audited_as_next_command() {
    let mut test = TestSession::logged_in();
    test.send("DSIZ d");
    test.with(Session::abort);
    assert!(test.replies().starts_with("426 "));
    test.handle(SessionEvent::TaskDropped);
    test.actions.clear();
    assert_eq!(test.send("CWD d"), "");
    assert_eq!(test.actions.len(), 1, "{:?}", test.actions);
}

#[test]
fn mdtm_without_read_permission_hides_existence() {
    let mut test = TestSession::logged_in_as(Account::anonymous(Permissions::TIMES));
    assert!(test.send("MDTM f").starts_with("550 "));
    assert!(test.send("SIZE f").starts_with("550 "));
    test.send("MDTM 20200101000000 f");
    let action = test.action();
    assert!(matches!(
        action,
        Action::Operate(Operation::SetAttributes(..))
    ));
}
