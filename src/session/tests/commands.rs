//! Commands that depend on each other, or on what was agreed on.

use super::*;
use crate::storage::Operation;
#[cfg(feature = "digests")]
use crate::storage::Placement;

#[test]
fn rnto_must_follow_rnfr_at_once() {
    let mut talk = Talk::logged_in();
    assert!(talk.say("RNTO b").starts_with("503 "));
    talk.say("RNFR a");
    assert!(matches!(talk.action(), Action::Describe(_)));
    assert!(
        talk.handle(SessionEvent::Entry(Err(Error::NotFound)))
            .starts_with("550 ")
    );
    assert!(talk.say("RNTO b").starts_with("503 "));
}

#[test]
fn only_the_clients_own_address_is_dialled() {
    let mut talk = Talk::logged_in();
    for line in [
        "PORT 127,0,0,2,200,0",
        "PORT 127,0,0,1,3,255",
        "PORT 127,0,0,1,0,0",
        "EPRT |1|10.0.0.1|50000|",
        "EPRT |2|::1|50000|",
    ] {
        assert!(talk.say(line).starts_with('5'), "{line}");
        assert!(talk.has_no_orders());
    }
    assert!(talk.say("PORT 127,0,0,1,4,0").starts_with("200 "));
    assert_eq!(
        talk.action(),
        Action::Dial("127.0.0.1:1024".parse().unwrap())
    );
    assert!(
        talk.say("EPRT |2|::ffff:127.0.0.1|5000|")
            .starts_with("200 ")
    );
}

#[cfg(feature = "digests")]
#[test]
fn a_range_is_forgotten_unless_what_it_is_for_follows() {
    let mut talk = Talk::logged_in();
    for (between, kept) in [("EPSV", true), ("NOOP", false), ("RANG 1 0", false)] {
        talk.say("RANG 2 3");
        talk.say(between);
        if between == "EPSV" {
            let address = "127.0.0.1:5000".parse().unwrap();
            talk.handle(SessionEvent::Listening(Ok(address)));
        }
        talk.actions.clear();
        talk.say("HASH f");
        let Action::Send(TaskSpec::Digest { range, .. }) = talk.action() else {
            panic!("no digest");
        };
        assert_eq!(range.is_some(), kept, "{between}");
        talk.handle(SessionEvent::Found(Err(Error::NotFound)));
    }
}

#[test]
fn parameters_hold_until_they_are_changed() {
    let mut talk = Talk::logged_in();
    for line in ["TYPE E T", "STRU R", "MODE C"] {
        assert_eq!(talk.say(line), "200 Command okay.\r\n");
    }
    for line in ["TYPE L 9", "STRU P", "TYPE Q", "MODE B B"] {
        assert!(talk.say(line).starts_with("50"), "{line}");
    }
    let shown = talk.say("STAT");
    let expected = "TYPE: EBCDIC Telnet; STRU: Record; MODE: Compressed";
    assert!(shown.contains(expected), "{shown}");
    talk.say("TYPE I");
    talk.say("PORT 127,0,0,1,200,200");
    talk.actions.clear();
    for line in ["RETR f", "STOR f", "APPE f", "STOU"] {
        assert!(talk.say(line).starts_with("504 "), "{line}");
    }
    assert!(talk.has_no_orders());
}

#[test]
fn as_many_parts_are_combined_as_the_limit_says() {
    let mut talk = Talk::logged_in();
    talk.settings.allow_combine = true;
    for (parts, is_combined) in [(0, false), (99, true), (100, true), (101, false)] {
        talk.actions.clear();
        let heard = talk.say(&format!("COMB t{}", " p".repeat(parts)));
        assert_eq!(heard.is_empty(), is_combined, "{parts}: {heard}");
        assert_eq!(talk.actions.len(), usize::from(is_combined));
        talk.handle(SessionEvent::Found(Ok(TaskResult::Combined)));
    }
    // Short names, in a directory with a long one.
    for (length, is_combined) in [(500, true), (2000, false)] {
        talk.actions.clear();
        let directory = "d".repeat(length);
        let parts = format!(" {directory}/p").repeat(100);
        let heard = talk.say(&format!("COMB t{parts}"));
        assert_eq!(heard.is_empty(), is_combined, "{length}: {heard}");
        talk.handle(SessionEvent::Found(Ok(TaskResult::Combined)));
    }
}

#[cfg(not(feature = "mode-z"))]
#[test]
fn a_build_without_mode_z_declines_it() {
    let mut talk = Talk::logged_in();
    assert!(talk.say("MODE Z").starts_with("504 "));
    assert_eq!(talk.say("OPTS MODE Z LEVEL 9"), "501 No such option.\r\n");
    assert!(!talk.say("FEAT").contains("MODE Z"));
    assert!(talk.say("STAT").contains("MODE: Stream"));
}

/// The whole takes the place of what may be there, and its parts go.
#[cfg(feature = "digests")]
#[test]
fn combining_is_for_who_may_delete_the_parts_and_write_the_whole() {
    for (permissions, expected) in [
        ("append delete", None),
        ("delete create overwrite", None),
        ("append create overwrite", None),
        ("append delete create", Some(Placement::New)),
        ("append delete overwrite", Some(Placement::Over)),
        ("append delete create overwrite", Some(Placement::Replace)),
    ] {
        let account = Account::anonymous(permissions.parse().unwrap());
        let mut talk = Talk::logged_in_as(account);
        talk.settings.allow_combine = true;
        let said = talk.say("COMB t p");
        let Some(expected) = expected else {
            assert!(said.starts_with("550 "), "{permissions}: {said}");
            assert!(talk.has_no_orders(), "{permissions}");
            continue;
        };
        let Action::Send(TaskSpec::Combine { placement, .. }) = talk.action() else {
            panic!("{permissions}: {said}");
        };
        assert_eq!(placement, expected, "{permissions}");
    }
}

#[test]
fn each_change_asks_for_its_own_permission() {
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
        let mut talk = Talk::logged_in_as(Account::anonymous(needed));
        assert_eq!(talk.say(line), "", "{line}");
        assert_eq!(talk.actions.len(), 1, "{line}");

        for word in needed.to_string().split(' ') {
            let all = Permissions::ALL.to_string();
            let others: Vec<_> = all.split(' ').filter(|other| *other != word).collect();
            let others = others.join(" ");
            let account = Account::anonymous(others.parse().unwrap());
            let mut talk = Talk::logged_in_as(account);
            assert!(talk.say(line).starts_with("550 "), "{line} without {word}");
            assert!(talk.has_no_orders(), "{line} without {word}");
        }
    }
}

#[test]
fn a_umask_is_set_by_who_may_set_modes_and_told_to_everybody() {
    for (permissions, code) in [
        (Permissions::MODES, "200 "),
        (Permissions::ALL, "200 "),
        (Permissions::TIMES, "550 "),
        (Permissions::NONE, "550 "),
    ] {
        let mut talk = Talk::logged_in_as(Account::anonymous(permissions));
        let before = talk.say("SITE UMASK");
        assert!(before.starts_with("200 "), "{before}");
        assert!(talk.say("SITE UMASK 000").starts_with(code));
        assert_eq!(talk.say("SITE UMASK") == before, code == "550 ");
    }
}

#[test]
fn the_reply_of_an_abort_is_not_taken_for_that_of_the_next_command() {
    let mut talk = Talk::logged_in();
    talk.say("DSIZ d");
    talk.with(Session::abort);
    assert!(talk.heard().starts_with("426 "));
    talk.handle(SessionEvent::Dropped);
    talk.actions.clear();
    assert_eq!(talk.say("CWD d"), "");
    assert_eq!(talk.actions.len(), 1, "{:?}", talk.actions);
}

#[test]
fn who_may_only_set_times_is_not_told_which_files_there_are() {
    let mut talk = Talk::logged_in_as(Account::anonymous(Permissions::TIMES));
    assert!(talk.say("MDTM f").starts_with("550 "));
    assert!(talk.say("SIZE f").starts_with("550 "));
    talk.say("MDTM 20200101000000 f");
    let action = talk.action();
    assert!(matches!(
        action,
        Action::Operate(Operation::SetAttributes(..))
    ));
}
