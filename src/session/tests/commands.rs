//! Commands that depend on earlier commands, on parameters or on permissions.

use super::*;

#[cfg(feature = "digests")]
#[test]
fn range_is_cleared_by_unrelated_command() {
    TestSession::logged_in().play(
        "RANG 2 3
         EPSV
         @listening
         HASH f -> => range: Some
         @task-finished NotFound -> 550
         RANG 2 3
         NOOP
         HASH f -> => range: None
         @task-finished NotFound -> 550
         RANG 2 3
         RANG 1 0
         HASH f -> => range: None",
    );
}

#[test]
fn transfer_parameters_persist_until_changed() {
    let mut test = TestSession::logged_in();
    test.play(
        "TYPE E T -> 200
         STRU R -> 200
         MODE C -> 200
         TYPE L 9 -> 504
         STRU P -> 504
         TYPE Q -> 501
         MODE B B -> 501",
    );
    let shown = test.send("STAT");
    let expected = "TYPE: EBCDIC Telnet; STRU: Record; MODE: Compressed";
    assert!(shown.contains(expected), "{shown}");
    test.play(
        "TYPE I
         PORT 127,0,0,1,200,200
         RETR f -> 504 =>
         STOR f -> 504 =>
         APPE f -> 504 =>
         STOU -> 504 =>",
    );
}

#[test]
fn comb_limits_part_count_and_path_bytes() {
    let mut test = TestSession::logged_in();
    test.settings.allow_combine = true;
    // Short names, in a directory with a short or a long one.
    let in_long = |length| format!(" {}/p", "d".repeat(length)).repeat(100);
    for (parts, expected) in [
        (String::new(), "501 =>"),
        (" p".repeat(99), "=> RunFileTask"),
        (" p".repeat(100), "=> RunFileTask"),
        (" p".repeat(101), "501 =>"),
        (in_long(500), "=> RunFileTask"),
        (in_long(2000), "501 =>"),
    ] {
        test.play(&format!("COMB t{parts} -> {expected}\n @task-finished"));
    }
}

#[cfg(not(feature = "mode-z"))]
#[test]
fn mode_z_is_declined_without_feature() {
    let mut test = TestSession::logged_in();
    test.play("MODE Z -> 504\n OPTS MODE Z LEVEL 9 -> 501 No such option.");
    assert!(!test.send("FEAT").contains("MODE Z"));
    assert!(test.send("STAT").contains("MODE: Stream"));
}

/// COMB may replace its target and deletes its parts.
#[cfg(feature = "digests")]
#[test]
fn comb_requires_delete_and_write_permissions() {
    for (permissions, expected) in [
        ("append delete", "550 =>"),
        ("delete create overwrite", "550 =>"),
        ("append create overwrite", "550 =>"),
        ("append delete create", "=> placement: New"),
        ("append delete overwrite", "=> placement: Over"),
        ("append delete create overwrite", "=> placement: Replace"),
    ] {
        let mut test = TestSession::permitted(permissions);
        test.settings.allow_combine = true;
        test.play(&format!("COMB t p -> {expected}"));
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
        let mut test = TestSession::permitted(needed);
        test.play(&format!("{line} ->"));
        assert_eq!(test.actions.len(), 1, "{line}");
        let needed: Permissions = needed.parse().unwrap();
        for word in needed.to_string().split(' ') {
            let others = Permissions::ALL.without(word.parse().unwrap());
            TestSession::permitted(&others.to_string()).play(&format!("{line} -> 550 =>"));
        }
    }
}

#[test]
fn site_umask_change_requires_modes_permission() {
    TestSession::permitted("modes")
        .play("SITE UMASK 000 -> 200\n SITE UMASK -> 200 Current UMASK is 000.");
    let others = Permissions::ALL.without(Permissions::MODES).to_string();
    TestSession::permitted(&others)
        .play("SITE UMASK 000 -> 550\n SITE UMASK -> 200 Current UMASK is 022.");
}

#[test]
fn abort_reply_is_not_audited_as_next_command() {
    let mut test = TestSession::logged_in();
    test.play("DSIZ d\n @abort -> 426\n @task-dropped\n CWD d ->");
    assert_eq!(test.actions.len(), 1, "{:?}", test.actions);
}

#[test]
fn mdtm_without_read_permission_hides_existence() {
    TestSession::permitted("times").play(
        "MDTM f -> 550
         SIZE f -> 550
         MDTM 20200101000000 f -> => Operate(SetAttributes",
    );
}
