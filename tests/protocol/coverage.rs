//! Every implemented command occurs in a transcript.
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
