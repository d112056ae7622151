//! Invalid and missing names.

use super::*;

/// Each command with a path argument, before its over-long path.
const TAKING_NAMES: [&str; 19] = [
    "CWD ",
    "DELE ",
    "DSIZ ",
    "LIST ",
    "MDTM ",
    "MFF Modify=20200101000000; ",
    "MFMT 20200101000000 ",
    "MKD ",
    "MLSD ",
    "MLST ",
    "NLST ",
    "RETR ",
    "RMD ",
    "RNFR ",
    "SIZE ",
    "HASH ",
    "XCRC ",
    "COMB target part ",
    "COMB part ",
];

#[test]
fn over_long_path_is_501_without_storage_access() {
    let mut test = TestSession::logged_in();
    test.settings.allow_combine = true;
    let name = "n".repeat(5000);
    for command in TAKING_NAMES {
        let is_digest = command.starts_with("HASH") || command.starts_with("XCRC");
        if cfg!(not(feature = "digests")) && is_digest {
            continue;
        }
        let refusal = "501 That cannot be a path name.";
        test.play(&format!("{command}{name} -> {refusal} =>\n @ready"));
    }
    test.play("PWD -> 257 \"/\"...");
}

/// No file can have a name that the file system rejects.
#[test]
fn query_of_bad_name_is_550_not_found() {
    let mut test = TestSession::logged_in();
    for (line, event) in [
        ("CWD d", "answered"),
        ("SIZE f", "answered"),
        ("MDTM f", "answered"),
        ("AVBL d", "answered"),
        #[cfg(feature = "digests")]
        ("HASH f", "task-finished"),
        #[cfg(feature = "digests")]
        ("XCRC f", "task-finished"),
    ] {
        let missing = "550 No such file or directory.";
        test.play(&format!("{line} ->\n @{event} BadName -> {missing}"));
    }
}

#[test]
fn dsiz_distinguishes_too_large_from_missing() {
    TestSession::logged_in().play(
        "DSIZ d ->
         @task-finished TooLarge -> 550 There are more directories...
         DSIZ d ->
         @task-finished NotFound -> 550 No such file or directory.",
    );
}
