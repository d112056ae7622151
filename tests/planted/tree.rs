//! A copy of the sources in which faults are planted, and what its tests say.
//!
//! It is kept between runs, with a target directory of its own, so that a fault costs the
//! compilation of what it changes. Files that are as they should be are not touched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::fault::{Check, Fault, Finding};

/// What is copied.
const PARTS: [&str; 6] = [
    "Cargo.toml",
    "Cargo.lock",
    "README.md",
    "benches",
    "src",
    "tests",
];

/// Seeds within which the simulation has to find a fault.
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

    /// Makes it what it is a copy of, without any fault.
    pub(crate) fn restore(&self) {
        fs::create_dir_all(&self.root).expect("a folder");
        for part in PARTS {
            copy(&self.from.join(part), &self.root.join(part));
        }
    }

    /// What the check says of the sources as they are here: nothing, or what is wrong with them; or why
    /// it cannot look.
    pub(crate) fn examine(&self, check: &Check) -> Result<Option<Finding>, String> {
        let arguments: Vec<&str> = match check {
            Check::Simulation => vec!["--test", "simulation", "every_seed_passes"],
            Check::Named(arguments) => arguments.iter().map(String::as_str).collect(),
        };
        let target = arguments.iter().take_while(|word| **word != "--").take(2);
        let target = target.filter(|word| word.starts_with("--") || arguments[0] == "--test");
        let built = self.cargo(&["--no-run"], target.copied());
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr);
            return Err(format!("it does not compile:\n{said}"));
        }
        let ran = self.cargo(&[], arguments.into_iter());
        if !ran.status.success() {
            return Ok(Some(finding(&ran)));
        }
        let said = String::from_utf8_lossy(&ran.stdout);
        if said.contains(" 0 passed") {
            return Err(format!("no test is called so: {check:?}"));
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

/// Applies a patch with git, or tries to.
pub(crate) fn apply(root: &Path, patch: &Path, options: &[&str]) -> Output {
    Command::new("git")
        .arg("apply")
        .args(options)
        .arg(patch)
        .current_dir(root)
        // It is a folder like any other, whatever repository is around it.
        .env("GIT_CEILING_DIRECTORIES", root.parent().unwrap_or(root))
        .output()
        .expect("git")
}

fn finding(ran: &Output) -> Finding {
    // Where a run had to be ended, it is not the test that says so.
    let said = [&ran.stdout[..], &ran.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let seeds = said.split_once("failed after ").and_then(|(_, rest)| {
        let number = rest.split(' ').next()?;
        number.parse().ok()
    });
    let panicked = said.split_once("panicked at ");
    let panicked = panicked.and_then(|(_, rest)| rest.lines().nth(1));
    let ended = || said.lines().find(|line| line.contains("has not ended"));
    let words = panicked.or_else(ended).unwrap_or("it did not end well");
    let words = words.chars().take(120).collect();
    Finding { seeds, words }
}

/// Copies what differs, and removes what is not there any more.
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
