//! Names that cannot be, and what is said of names of which the storage knows nothing.

use super::*;

/// Each command that takes a name, with one that has a NUL in it. A line with one never comes from
/// the network, and yet whoever takes a name has to look.
const IMPOSSIBLE: [&str; 15] = [
    "CWD a\0b",
    "DELE a\0b",
    "DSIZ a\0b",
    "LIST a\0b",
    "MDTM a\0b",
    "MFF Modify=20200101000000; a\0b",
    "MFMT 20200101000000 a\0b",
    "MKD a\0b",
    "MLSD a\0b",
    "MLST a\0b",
    "NLST a\0b",
    "RETR a\0b",
    "RMD a\0b",
    "RNFR a\0b",
    "SIZE a\0b",
];

fn is_refused(talk: &mut Talk, line: &str) {
    assert!(talk.say(line).starts_with("501 "), "{line:?}");
    talk.orders.retain(|order| *order != Order::Keep);
    assert!(talk.has_no_orders(), "{line:?}: {:?}", talk.orders);
    assert!(talk.session.accepts_command(), "{line:?}");
}

#[test]
fn a_name_that_cannot_be_is_refused_before_the_storage_is_asked() {
    let mut talk = Talk::logged_in();
    for line in IMPOSSIBLE {
        is_refused(&mut talk, line);
    }
    assert!(talk.say("PWD").starts_with("257 \"/\""));
}

#[cfg(feature = "digests")]
#[test]
fn a_digest_of_a_name_that_cannot_be_is_refused() {
    let mut talk = Talk::logged_in();
    for line in [
        "HASH a\0b",
        "XCRC a\0b",
        "COMB \"a\0b\" \"part\"",
        "COMB \"target\" \"part\" \"a\0b\"",
    ] {
        is_refused(&mut talk, line);
    }
}

/// A name that no file system could hold is a name that is not there.
#[test]
fn looking_for_a_name_that_the_disk_cannot_hold_finds_nothing() {
    let mut talk = Talk::logged_in();
    let missing = "550 No such file or directory.\r\n";
    for line in ["CWD d", "SIZE f", "MDTM f", "AVBL d"] {
        assert_eq!(talk.say(line), "", "{line}");
        let said = talk.report(Report::Operated(Err(Error::BadName)));
        assert_eq!(said, missing, "{line}");
    }
    #[cfg(feature = "digests")]
    for line in ["HASH f", "XCRC f"] {
        assert_eq!(talk.say(line), "", "{line}");
        let said = talk.report(Report::Found(Err(Error::BadName)));
        assert_eq!(said, missing, "{line}");
    }
}

#[test]
fn a_tree_that_is_too_large_to_be_measured_is_told_from_one_that_is_missing() {
    let mut talk = Talk::logged_in();
    assert_eq!(talk.say("DSIZ d"), "");
    let said = talk.report(Report::Found(Err(Error::TooLarge)));
    assert!(said.starts_with("550 There are more directories"), "{said}");
    assert_eq!(talk.say("DSIZ d"), "");
    let said = talk.report(Report::Found(Err(Error::NotFound)));
    assert_eq!(said, "550 No such file or directory.\r\n");
}
