//! A copy of the sources in which faults are planted and checks run.
//!
//! The copy and its target directory are kept between runs, and unchanged files are not rewritten, so that a
//! fault only costs an incremental build.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::fault::{Check, Fault, Finding};

/// Parts of the source tree that are copied.
const PARTS: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "benches",
    "src",
    "tests",
];

/// Seeds that the simulation runs to find a fault.
const SEEDS: &str = "3000";

pub(crate) struct Tree {
    from: PathBuf,
    root: PathBuf,
    target: PathBuf,
}

impl Tree {
    pub(crate) fn new(from: &Path) -> Self {
        let planted = from.join("target/planted");
        Self {
            from: from.to_owned(),
            root: planted.join("tree"),
            target: planted.join("target"),
        }
    }

    /// Restores the copy to the original sources.
    pub(crate) fn restore(&self) {
        fs::create_dir_all(&self.root).expect("a folder");
        for part in PARTS {
            copy(&self.from.join(part), &self.root.join(part));
        }
    }

    /// Runs a check on the copy: `None` if it passes, a finding if it fails, an error if it cannot run.
    pub(crate) fn examine(&self, check: &Check) -> Result<Option<Finding>, String> {
        let arguments: Vec<&str> = match check {
            Check::Simulation => vec!["--test", "simulation", "every_seed_passes"],
            Check::Named(arguments) => arguments.iter().map(String::as_str).collect(),
        };
        let target = arguments.iter().take_while(|word| **word != "--").take(2);
        let target = target.filter(|word| word.starts_with("--") || arguments[0] == "--test");
        let built = self.cargo(&["--no-run"], target.copied());
        if !built.status.success() {
            let output = String::from_utf8_lossy(&built.stderr);
            return Err(format!("the fault does not compile:\n{output}"));
        }
        let ran = self.cargo(&[], arguments.into_iter());
        if !ran.status.success() {
            return Ok(Some(finding(&ran)));
        }
        let output = String::from_utf8_lossy(&ran.stdout);
        if output.contains(" 0 passed") {
            return Err(format!("no test matches {check:?}"));
        }
        Ok(None)
    }

    pub(crate) fn plant(&self, fault: &Fault) {
        let applied = apply(&self.root, &fault.patch, &[]);
        assert!(applied.status.success(), "{}: {applied:?}", fault.name);
    }

    fn cargo<'a>(&self, options: &[&str], arguments: impl Iterator<Item = &'a str>) -> Output {
        Command::new(env!("CARGO"))
            .args(["test", "--quiet", "--locked", "--offline"])
            .args(options)
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("MIOFTPD_SEEDS", SEEDS)
            .env("MIOFTPD_SHRINK", "0")
            .output()
            .expect("cargo")
    }
}

/// Runs `git apply`.
pub(crate) fn apply(root: &Path, patch: &Path, options: &[&str]) -> Output {
    Command::new("git")
        .arg("apply")
        .args(options)
        .arg(patch)
        .current_dir(root)
        // A plain directory, even inside a repository.
        .env("GIT_CEILING_DIRECTORIES", root.parent().unwrap_or(root))
        .output()
        .expect("git")
}

fn finding(ran: &Output) -> Finding {
    // The watchdog writes to stderr, a failing test to stdout.
    let output = [&ran.stdout[..], &ran.stderr].concat();
    let output = String::from_utf8_lossy(&output);
    let seeds = output.split_once("failed after ").and_then(|(_, rest)| {
        let number = rest.split(' ').next()?;
        number.parse().ok()
    });
    let panicked = output.split_once("panicked at ");
    let panicked = panicked.and_then(|(_, rest)| rest.lines().nth(1));
    let ended = || output.lines().find(|line| line.contains("has not ended"));
    let words = panicked.or_else(ended).unwrap_or("no failure message");
    let words = words.chars().take(120).collect();
    Finding { seeds, words }
}

/// Copies changed files, and removes those that no longer exist.
fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        let wanted = fs::read(from).expect("a source");
        if fs::read(to).ok().as_ref() != Some(&wanted) {
            fs::write(to, wanted).expect("a copy");
        }
        return;
    }
    fs::create_dir_all(to).expect("a folder");
    let names = |folder: &Path| -> BTreeSet<_> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries
            .map(|entry| entry.expect("an entry").file_name())
            .collect()
    };
    let wanted = names(from);
    for name in names(to).difference(&wanted) {
        let gone = to.join(name);
        if gone.is_dir() {
            fs::remove_dir_all(&gone).expect("to remove it");
        } else {
            fs::remove_file(&gone).expect("to remove it");
        }
    }
    for name in wanted {
        copy(&from.join(&name), &to.join(&name));
    }
}
