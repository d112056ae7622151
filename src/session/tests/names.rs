//! Names that cannot be, and what is said of names of which the storage knows nothing.

use super::*;

/// Each command that takes a name.
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

/// A name that is too long for a path, as one can be that is looked for in a deep directory.
fn long() -> String {
    "n".repeat(5000)
}

fn is_refused(talk: &mut Talk, line: &str) {
    let said = talk.say(line);
    assert_eq!(said, "501 That cannot be a path name.\r\n", "{line}");
    talk.actions.retain(|action| *action != Action::Keep);
    assert!(talk.has_no_orders(), "{line}: {:?}", talk.actions);
    assert!(talk.session.accepts_command(), "{line}");
}

#[test]
fn a_name_that_cannot_be_is_refused_before_the_storage_is_asked() {
    let mut talk = Talk::logged_in();
    for command in TAKING_NAMES {
        is_refused(&mut talk, &format!("{command} {}", long()));
    }
    assert!(talk.say("PWD").starts_with("257 \"/\""));
}

#[cfg(feature = "digests")]
#[test]
fn a_digest_of_a_name_that_cannot_be_is_refused() {
    let mut talk = Talk::logged_in();
    talk.settings.allow_combine = true;
    for command in ["HASH", "XCRC", "COMB target part"] {
        is_refused(&mut talk, &format!("{command} {}", long()));
    }
    is_refused(&mut talk, &format!("COMB {} part", long()));
}

/// A name that no file system could hold is a name that is not there.
#[test]
fn looking_for_a_name_that_the_disk_cannot_hold_finds_nothing() {
    let mut talk = Talk::logged_in();
    let missing = "550 No such file or directory.\r\n";
    for line in ["CWD d", "SIZE f", "MDTM f", "AVBL d"] {
        assert_eq!(talk.say(line), "", "{line}");
        let said = talk.handle(SessionEvent::Operated(Err(Error::BadName)));
        assert_eq!(said, missing, "{line}");
    }
    #[cfg(feature = "digests")]
    for line in ["HASH f", "XCRC f"] {
        assert_eq!(talk.say(line), "", "{line}");
        let said = talk.handle(SessionEvent::Found(Err(Error::BadName)));
        assert_eq!(said, missing, "{line}");
    }
}

#[test]
fn a_tree_that_is_too_large_to_be_measured_is_told_from_one_that_is_missing() {
    let mut talk = Talk::logged_in();
    assert_eq!(talk.say("DSIZ d"), "");
    let said = talk.handle(SessionEvent::Found(Err(Error::TooLarge)));
    assert!(said.starts_with("550 There are more directories"), "{said}");
    assert_eq!(talk.say("DSIZ d"), "");
    let said = talk.handle(SessionEvent::Found(Err(Error::NotFound)));
    assert_eq!(said, "550 No such file or directory.\r\n");
}
