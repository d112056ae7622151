//! The worked answers: each applies to the sources as they are, and each exercise has one.

use std::path::{Path, PathBuf};
use std::process::Command;

const EXERCISES: usize = 12;

fn answers() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(root.join("tests/exercises/answers")).unwrap();
    let mut answers: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    answers.sort();
    answers
}

#[test]
fn every_exercise_has_an_answer_that_applies() {
    let answers = answers();
    assert_eq!(answers.len(), EXERCISES);
    for (number, answer) in (1..).zip(answers) {
        let name = answer.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with(&format!("{number:02}-")), "{name}");
        let applied = Command::new("git")
            .args(["apply", "--check"])
            .arg(&answer)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output();
        let applied = applied.expect("git");
        let output = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{name}: {output}");
    }
}

#[test]
fn page_names_every_exercise_and_answer() {
    let page = include_str!("../../src/book/breaking.md");
    for (number, answer) in (1..).zip(answers()) {
        let name = answer.file_name().unwrap().to_string_lossy().into_owned();
        assert!(page.contains(&name), "{name}");
        assert!(page.contains(&format!("exercise_{number:02}")), "{number}");
    }
}
