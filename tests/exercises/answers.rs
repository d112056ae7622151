//! The worked answers: each applies to the sources as they are, and each exercise has one. The faults to hunt
//! down: each is one of `tests/planted`, with the seed that finds it there.

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

#[test]
fn page_has_the_seed_that_finds_each_fault() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = include_str!("../../src/book/breaking.md");
    let found = include_str!("../planted/found.md");
    for number in 1..=6 {
        let link = root.join(format!("tests/exercises/faults/{number}.patch"));
        let name = std::fs::canonicalize(&link).unwrap();
        let name = name.file_stem().unwrap().to_string_lossy().into_owned();
        let row = found
            .lines()
            .find(|line| line.starts_with(&format!("| {name} |")))
            .expect("a row of the fault");
        // The number of seeds that were tried; the first is 0.
        let seeds: u64 = row.split('|').nth(4).unwrap().trim().parse().unwrap();
        let shown = format!("| {number} | {} |", seeds - 1);
        assert!(page.contains(&shown), "{name}: the page has no row {shown}");
    }
}
