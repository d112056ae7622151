//! Turns a failing seed into a script that fails in the same way, with its trace as comments.

use super::{Shrunk, shrink};
use crate::run::{Outcome, record};
use crate::scenario::Scenario;
use crate::script;

/// Words of a violation that identify its kind.
const WORDS: usize = 8;

/// The shrunk script of a failing seed; `replay` runs a scenario, with a trace or without.
pub(crate) fn shrunk_script(
    seed: u64,
    replay: impl Fn(&Scenario, bool) -> Outcome,
) -> Result<String, String> {
    let (_, scenario) = record(seed);
    let kind_of_first = |outcome: &Outcome| outcome.violations.first().map(|text| kind(text));
    let wanted = kind_of_first(&replay(&scenario, false));
    if wanted.is_none() {
        return Err(format!("seed {seed} does not fail when it is replayed"));
    }
    let Shrunk { scenario, runs } = shrink(scenario, |candidate| {
        kind_of_first(&replay(candidate, false)) == wanted
    });
    let outcome = replay(&scenario, true);
    let mut lines = vec![format!("# Seed {seed}, reduced in {runs} runs.")];
    let violations = outcome.violations.iter();
    lines.extend(
        violations
            .flat_map(|text| text.lines())
            .map(|text| format!("# {text}")),
    );
    lines.push(script::print(&scenario));
    let conversation = outcome.trace.iter().filter(|line| is_of_conversation(line));
    lines.extend(
        conversation
            .flat_map(|text| text.lines())
            .map(|text| format!("# {text}")),
    );
    Ok(lines.join("\n") + "\n")
}

/// The kind of a violation: its first words without numbers.
fn kind(violation: &str) -> String {
    let has_digit = |word: &&str| word.contains(|letter: char| letter.is_ascii_digit());
    let words = violation.split_whitespace().filter(|word| !has_digit(word));
    words.take(WORDS).collect::<Vec<_>>().join(" ")
}

/// Whether a trace line belongs in a script: not a poll event.
fn is_of_conversation(line: &str) -> bool {
    let text = line
        .trim_start()
        .split_once(' ')
        .map_or("", |(_, text)| text);
    !text.starts_with("event ")
}

#[test]
fn violation_kind_ignores_numbers_and_clients() {
    let (one, other) = (
        "client 3: 226 for Replace of /up/c3-1, 60 bytes, and there are None",
        "client 12: 226 for Replace of /up/c12-4, 9 bytes, and there are None",
    );
    assert_eq!(kind(one), kind(other));
    assert_ne!(
        kind(one),
        kind("client 3: 226 for Append of /up/c3-1, 60 bytes, and there are None")
    );
    assert_eq!(kind("3 jobs, 2 came back"), "jobs, came back");
}
