//! Invalid and missing names.

use super::*;

/// Each command with a path argument.
const TAKING_NAMES: [&str; 15] = [
    "CWD",
    "DELE",
    "DSIZ",
    "LIST",
    "MDTM",
    "MFF Modify=20200101000000;",
    "MFMT 20200101000000",
    "MKD",
    "MLSD",
    "MLST",
    "NLST",
    "RETR",
    "RMD",
    "RNFR",
    "SIZE",
];

/// A name that is too long for a path.
fn over_long_name() -> String {
    "n".repeat(5000)
}

fn assert_invalid(test: &mut TestSession, line: &str) {
    let reply = test.send(line);
    assert_eq!(reply, "501 That cannot be a path name.\r\n", "{line}");
    test.actions
        .retain(|action| *action != Action::KeepDataConnection);
    assert!(test.has_no_actions(), "{line}: {:?}", test.actions);
    assert!(test.session.accepts_command(), "{line}");
}

#[test]
fn over_long_path_is_501_without_storage_access() {
    let mut test = TestSession::logged_in();
    for command in TAKING_NAMES {
        assert_invalid(&mut test, &format!("{command} {}", over_long_name()));
    }
    assert!(test.send("PWD").starts_with("257 \"/\""));
}

#[cfg(feature = "digests")]
#[test]
fn over_long_path_of_digest_is_501() {
    let mut test = TestSession::logged_in();
    test.settings.allow_combine = true;
    for command in ["HASH", "XCRC", "COMB target part"] {
        assert_invalid(&mut test, &format!("{command} {}", over_long_name()));
    }
    assert_invalid(&mut test, &format!("COMB {} part", over_long_name()));
}

/// No file can have a name that the file system rejects.
#[test]
fn query_of_bad_name_is_550_not_found() {
    let mut test = TestSession::logged_in();
    let missing = "550 No such file or directory.\r\n";
    for line in ["CWD d", "SIZE f", "MDTM f", "AVBL d"] {
        assert_eq!(test.send(line), "", "{line}");
        let reply = test.handle(SessionEvent::StorageAnswered(Err(Error::BadName)));
        assert_eq!(reply, missing, "{line}");
    }
    #[cfg(feature = "digests")]
    for line in ["HASH f", "XCRC f"] {
        assert_eq!(test.send(line), "", "{line}");
        let reply = test.handle(SessionEvent::TaskFinished(Err(Error::BadName)));
        assert_eq!(reply, missing, "{line}");
    }
}

#[test]
fn dsiz_distinguishes_too_large_from_missing() {
    let mut test = TestSession::logged_in();
    assert_eq!(test.send("DSIZ d"), "");
    let reply = test.handle(SessionEvent::TaskFinished(Err(Error::TooLarge)));
    assert!(
        reply.starts_with("550 There are more directories"),
        "{reply}"
    );
    assert_eq!(test.send("DSIZ d"), "");
    let reply = test.handle(SessionEvent::TaskFinished(Err(Error::NotFound)));
    assert_eq!(reply, "550 No such file or directory.\r\n");
}
