//! Every implemented command occurs in a transcript, and has one in the book (`src/book/commands`).
//!
//! The list of commands is the library's own table, so a command without a transcript fails this test.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::transcript::Transcript;
use mioftpd::internals::protocol::command::TABLE;

/// The commands that the transcripts send.
fn verbs() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut verbs = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        verbs.extend(Transcript::parse(&text).verbs());
    }
    verbs
}

#[test]
fn every_served_command_has_a_transcript() {
    let verbs = verbs();
    let served = TABLE.iter().filter(|row| row.served).map(|row| row.name);
    let missing: Vec<_> = served.filter(|name| !verbs.contains(*name)).collect();
    assert!(missing.is_empty(), "no transcript sends {missing:?}");
}

/// The sections of the book: the verbs of the heading, and the file that it shows.
fn sections() -> Vec<(&'static str, &'static str)> {
    let source = include_str!("../../src/book/commands/mod.rs");
    let lines = source
        .lines()
        .filter_map(|line| line.strip_prefix("    \""));
    let lines = lines.filter_map(|line| line.strip_suffix('"')?.split_once("\" \""));
    lines.collect()
}

#[test]
fn every_served_command_has_a_section_in_the_book() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    for (heading, file) in sections() {
        let text = std::fs::read_to_string(folder.join(file).with_extension("txt")).unwrap();
        let sent: BTreeSet<_> = Transcript::parse(&text).verbs().collect();
        let verbs = heading
            .split([',', ' '])
            .filter(|word| TABLE.iter().any(|row| row.name == *word));
        for verb in verbs {
            if !sent.contains(verb) {
                wrong.push(format!("{file} sends no {verb}"));
            }
            found.insert(verb);
        }
    }
    let served = TABLE.iter().filter(|row| row.served);
    let missing = served.filter(|row| !found.contains(row.name));
    wrong.extend(missing.map(|row| format!("{} has no section", row.name)));
    assert!(wrong.is_empty(), "src/book/commands: {wrong:#?}");
}

#[test]
fn differences_name_transcripts_that_exist() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let page = include_str!("../../src/book/commands/differences.md");
    let rows: Vec<_> = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    assert!(rows.len() > 10);
    for row in rows {
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
        for name in last.split('`').skip(1).step_by(2) {
            let file = folder.join(name).with_extension("txt");
            assert!(file.exists(), "{name}: no such transcript");
        }
    }
}
