//! A planted fault: its effect, the check that finds it, and its patch.
//!
//! A fault is a file in `faults`: lines with a key, an empty line, then a unified diff of `src` as
//! printed by `git diff src`. The keys:
//!
//! - `Fault`: its effect, in a sentence.
//! - `Check`: the check that finds it: `simulation` (the default), or arguments of `cargo test`, such as
//!   `--test transfers reset_after_quit_discards_the_upload`.
//! - `Because`: why the simulation cannot find it; required with another check, and only then.
//! - `Net`: the gap in the checks, if they missed it at first.
//!
//! It does not know how a fault is planted or found.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The check that finds a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Simulation,
    /// `cargo test` with these arguments.
    Named(Vec<String>),
}

/// A fault that could be made in `src`.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) name: String,
    /// Its effect, in a sentence.
    pub(crate) what: String,
    pub(crate) check: Check,
    /// Why the simulation cannot find it.
    pub(crate) because: Option<String>,
    /// The gap in the checks, if they missed it at first.
    pub(crate) net: Option<String>,
    pub(crate) patch: PathBuf,
}

impl Fault {
    /// All faults, by name.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).expect("the folder of faults");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut faults: Vec<_> = paths.map(|path| Self::read(&path)).collect();
        faults.sort_by(|one, other| one.name.cmp(&other.name));
        faults
    }

    fn read(path: &Path) -> Self {
        let shown = path.display();
        let name = path.file_stem().and_then(|name| name.to_str());
        let text = fs::read_to_string(path).expect("a readable fault");
        let parts = text.split_once("\n\n");
        let parts = parts.filter(|(_, diff)| diff.starts_with("diff --git a/src/"));
        let Some((head, _)) = parts else {
            panic!("{shown}: no head, empty line, and diff of src");
        };
        let mut fault = Self {
            name: name.expect("a name").to_owned(),
            what: String::new(),
            check: Check::Simulation,
            because: None,
            net: None,
            patch: path.to_owned(),
        };
        for line in head.lines() {
            let parts = line.split_once(": ");
            let (key, value) = parts.unwrap_or_else(|| panic!("{shown}: {line}: no key: value"));
            match key {
                "Fault" => value.clone_into(&mut fault.what),
                "Check" if value == "simulation" => {}
                "Check" => {
                    let words = value.split(' ').map(str::to_owned);
                    fault.check = Check::Named(words.collect());
                }
                "Because" => fault.because = Some(value.to_owned()),
                "Net" => fault.net = Some(value.to_owned()),
                _ => panic!("{shown}: {key} is none of Fault, Check, Because, Net"),
            }
        }
        assert!(!fault.what.is_empty(), "{shown}: no Fault: line");
        let is_named = fault.check != Check::Simulation;
        assert_eq!(
            fault.because.is_some(),
            is_named,
            "{shown}: Because is required if the check is not the simulation, and only then"
        );
        fault
    }
}

/// The result of a check that failed.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// Seeds run, including the failing one.
    pub(crate) seeds: Option<u64>,
    /// The start of the failure message.
    pub(crate) words: String,
}

/// A row of the table.
pub(crate) fn row(fault: &Fault, finding: &Finding) -> String {
    let check = match &fault.check {
        Check::Simulation => "simulation".to_owned(),
        Check::Named(arguments) => format!("`cargo test {}`", arguments.join(" ")),
    };
    let seeds = finding
        .seeds
        .map_or_else(|| "–".to_owned(), |seeds| seeds.to_string());
    let Fault { name, what, .. } = fault;
    let words = finding.words.replace('|', "\\|");
    format!("| {name} | {what} | {check} | {seeds} | {words} |")
}

/// The notes behind the table: gaps in the checks, and limits of the simulation.
pub(crate) fn notes(faults: &[Fault]) -> String {
    let mut notes = String::from("\n## Gaps that were closed in the checks\n\n");
    for (fault, net) in faults
        .iter()
        .filter_map(|one| Some((one, one.net.as_ref()?)))
    {
        writeln!(notes, "- {}: {net}", fault.name).expect("memory");
    }
    notes.push_str("\n## What the simulation cannot find\n\n");
    for (fault, because) in faults
        .iter()
        .filter_map(|one| Some((one, one.because.as_ref()?)))
    {
        writeln!(notes, "- {}: {because}", fault.name).expect("memory");
    }
    notes
}
