//! Mutation testing by hand: faults that are planted in the server, to measure what the tests find.
//!
//! `cargo test --test planted -- --ignored` plants each fault in a copy of the sources, runs the check
//! named in its patch, and writes the table `found.md`; that takes about twenty minutes. `MIOFTPD_FAULTS=a,b`
//! runs only the faults whose names contain one of these and keeps the other rows; it still takes minutes,
//! since each check must first pass without a fault. Add `--nocapture` to print each result as it comes.
//! Ordinary runs only verify that each patch applies and has a row.
//!
//! To add a fault, make the mistake in `src`, save the diff behind a header (see [`fault`]) under the fault's
//! name, run the check, and commit the new row of `found.md`:
//!
//! ```text
//! (printf 'Fault: REIN greets, and does not log out.\nCheck: simulation\n\n'; git diff src) \
//!     >tests/planted/faults/rein-greets-only.patch
//! git checkout src
//! MIOFTPD_FAULTS=rein-greets-only cargo test --test planted -- --ignored --nocapture
//! ```
//!
//! If `src` changes around a fault, make its patch again in the same way.
//!
//! Two changes look like faults and are equivalent to the original. Keeping a session's pending actions
//! when its connection closes (`LoopContext::drop_actions`) has no effect: actions are applied before
//! anything that can fail, so that only records are left, which the next turn hands over. Without the
//! comparison of a completion's ticket, 3,000 seeds end as before: a session waits for its job, whatever
//! commands arrive.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod fault;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fault::{Check, Fault};
use tree::Tree;

const HEAD: &str = "# Planted faults, and the checks that find them

Made by `cargo test --test planted -- --ignored`. Seeds: how many the simulation ran until one failed.

| fault | effect | check | seeds | output |
| --- | --- | --- | ---: | --- |
";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn faults() -> Vec<Fault> {
    Fault::all(&root().join("tests/planted/faults"))
}

fn table() -> PathBuf {
    root().join("tests/planted/found.md")
}

/// The rows of the present table, by fault.
fn rows(table: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(table).unwrap_or_default();
    let rows = text.lines().filter(|line| line.starts_with("| ")).skip(2);
    let named = rows.map(|row| {
        (
            row[2..].split(" | ").next().unwrap_or("").to_owned(),
            row.to_owned(),
        )
    });
    named.collect()
}

#[test]
fn patches_apply() {
    let faults = faults();
    for fault in &faults {
        let tried = tree::apply(&root(), &fault.patch, &["--check"]);
        let output = String::from_utf8_lossy(&tried.stderr);
        assert!(tried.status.success(), "{}: {output}", fault.name);
    }
}

#[test]
fn every_fault_has_a_row() {
    let names: Vec<_> = faults().into_iter().map(|fault| fault.name).collect();
    let rows: Vec<_> = rows(&table()).into_keys().collect();
    let without: Vec<_> = names.iter().filter(|name| !rows.contains(name)).collect();
    let of_none: Vec<_> = rows.iter().filter(|row| !names.contains(row)).collect();
    assert!(
        without.is_empty() && of_none.is_empty(),
        "faults without a row: {without:?}, rows without a fault: {of_none:?}; \
         MIOFTPD_FAULTS=NAME cargo test --test planted -- --ignored updates the rows"
    );
}

/// The faults in `MIOFTPD_FAULTS`, or all.
fn chosen() -> Vec<Fault> {
    let mut faults = faults();
    if let Ok(chosen) = std::env::var("MIOFTPD_FAULTS") {
        let parts: Vec<_> = chosen.split(',').collect();
        for part in &parts {
            let is_one = faults.iter().any(|fault| fault.name.contains(part));
            assert!(
                is_one && !part.is_empty(),
                "MIOFTPD_FAULTS: no fault name contains \"{part}\""
            );
        }
        faults.retain(|fault| parts.iter().any(|part| fault.name.contains(part)));
    }
    faults
}

#[test]
#[ignore = "compiles the server once for each fault"]
fn every_fault_is_found() {
    let (faults, chosen) = (faults(), chosen());
    let tree = Tree::new(&root());
    tree.restore();
    let begun = Instant::now();
    let mut checks: Vec<&Check> = Vec::new();
    for fault in &chosen {
        if !checks.contains(&&fault.check) {
            checks.push(&fault.check);
            let examined = tree.examine(&fault.check);
            let check = &fault.check;
            assert!(
                matches!(examined, Ok(None)),
                "{check:?} does not pass without a fault: {examined:?}"
            );
        }
    }
    let mut rows = rows(&table());
    rows.retain(|name, _| faults.iter().any(|fault| fault.name == *name));
    let mut missed = Vec::new();
    for fault in &chosen {
        tree.plant(fault);
        let name = &fault.name;
        let result = match tree.examine(&fault.check) {
            Ok(Some(finding)) => {
                let row = fault::row(fault, &finding);
                rows.insert(name.clone(), row.clone());
                row
            }
            unfound => {
                rows.remove(name);
                missed.push(name);
                let why = unfound.err();
                format!("{name} was NOT found: {}", why.unwrap_or_default())
            }
        };
        println!("{:>5} s {result}", begun.elapsed().as_secs());
        tree.restore();
    }
    let rows: Vec<_> = rows.into_values().map(|row| row + "\n").collect();
    let text = [HEAD, &rows.concat(), &fault::notes(&faults)].concat();
    fs::write(table(), text).expect("the table");
    assert!(missed.is_empty(), "not found: {missed:?}");
}
