//! Faults that are planted in the server, to see whether the tests find them.
//!
//! `cargo test --test planted -- --ignored` plants each in a copy of the sources, has the check
//! that is named in it look for it, and writes the table `found.md`; it takes some twenty
//! minutes. `MIOFTPD_FAULTS=a,b` tries only those whose names contain one of these, and leaves the
//! other rows; that takes minutes too, as the checks must first have nothing to say of the sources as
//! they are. With `--nocapture` behind `--ignored` it tells of each fault when it has been tried. Ordinary
//! runs only see to it that each fault can still be planted and has a row.
//!
//! A new one: make the mistake in `src`, and put the difference behind a head (see [`fault`]) into
//! a file, whose name is the fault's; then have it looked for, and keep the row that `found.md` has got:
//!
//! ```text
//! (printf 'Fault: REIN greets, and does not log out.\nCheck: simulation\n\n'; git diff src) \
//!     >tests/planted/faults/rein-greets-only.patch
//! git checkout src
//! MIOFTPD_FAULTS=rein-greets-only cargo test --test planted -- --ignored --nocapture
//! ```
//!
//! Where `src` changes around a fault, its patch has to be made again, in the same way.
//!
//! Two that look like faults are none, and so are not here. What a session still wants when its
//! connection is closed (`LoopContext::drop_actions`) could be kept: orders are carried out before anything
//! that can fail, so that only records are left, which the next visit would hand over. And without the
//! ticket of a completion's being compared 3,000 seeds end as they do with it: a session waits for its job,
//! whatever is said meanwhile.

#![allow(clippy::expect_used, clippy::indexing_slicing)]

mod fault;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fault::{Check, Fault};
use tree::Tree;

const HEAD: &str = "# Planted faults, and what found them

Made by `cargo test --test planted -- --ignored`. Seeds: how many the simulation tried until one failed.

| fault | what is wrong then | check | seeds | what it said |
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

/// The rows of the table as it is, by the faults' names.
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
fn every_fault_can_be_planted() {
    let faults = faults();
    for fault in &faults {
        let tried = tree::apply(&root(), &fault.patch, &["--check"]);
        let said = String::from_utf8_lossy(&tried.stderr);
        assert!(tried.status.success(), "{}: {said}", fault.name);
    }
}

#[test]
fn every_fault_has_been_found() {
    let names: Vec<_> = faults().into_iter().map(|fault| fault.name).collect();
    let rows: Vec<_> = rows(&table()).into_keys().collect();
    let without: Vec<_> = names.iter().filter(|name| !rows.contains(name)).collect();
    let of_none: Vec<_> = rows.iter().filter(|row| !names.contains(row)).collect();
    assert!(
        without.is_empty() && of_none.is_empty(),
        "without a row: {without:?}, rows of no fault: {of_none:?}; \
         MIOFTPD_FAULTS=NAME cargo test --test planted -- --ignored makes and removes rows"
    );
}

/// Those that are asked for, or all.
fn chosen() -> Vec<Fault> {
    let mut faults = faults();
    if let Ok(chosen) = std::env::var("MIOFTPD_FAULTS") {
        let parts: Vec<_> = chosen.split(',').collect();
        for part in &parts {
            let is_one = faults.iter().any(|fault| fault.name.contains(part));
            assert!(
                is_one && !part.is_empty(),
                "MIOFTPD_FAULTS: no fault has \"{part}\" in its name"
            );
        }
        faults.retain(|fault| parts.iter().any(|part| fault.name.contains(part)));
    }
    faults
}

#[test]
#[ignore = "it compiles the server once for each fault"]
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
                "{check:?} without a fault: {examined:?}"
            );
        }
    }
    let mut rows = rows(&table());
    rows.retain(|name, _| faults.iter().any(|fault| fault.name == *name));
    let mut missed = Vec::new();
    for fault in &chosen {
        tree.plant(fault);
        let name = &fault.name;
        let said = match tree.examine(&fault.check) {
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
        println!("{:>5} s {said}", begun.elapsed().as_secs());
        tree.restore();
    }
    let rows: Vec<_> = rows.into_values().map(|row| row + "\n").collect();
    let text = [HEAD, &rows.concat(), &fault::notes(&faults)].concat();
    fs::write(table(), text).expect("the table");
    assert!(missed.is_empty(), "not found: {missed:?}");
}
