//! Faults that are planted in the server, to see whether the tests find them.
//!
//! `cargo test --test planted -- --ignored` plants each in a copy of the sources, has the check
//! that is named in it look for it, and writes the table `found.md`; it takes some twenty
//! minutes. `MIOFTPD_FAULTS=a,b` tries only those whose names contain one of these, and leaves the
//! other rows. Ordinary runs only see to it that each fault can still be planted and has a row.
//!
//! Two that look like faults are none, and so are not here. What a session still wants when its
//! connection is closed (`Services::forget_orders`) could be kept: orders are carried out before anything
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
    assert_eq!(
        names, rows,
        "cargo test --test planted -- --ignored makes the table"
    );
}

#[test]
#[ignore = "it compiles the server once for each fault"]
fn every_fault_is_found() {
    let chosen = std::env::var("MIOFTPD_FAULTS").unwrap_or_default();
    let is_chosen = |fault: &&Fault| chosen.split(',').any(|part| fault.name.contains(part));
    let faults = faults();
    let tree = Tree::new(&root());
    tree.restore();
    let begun = Instant::now();
    let mut checks: Vec<&Check> = Vec::new();
    for fault in faults.iter().filter(is_chosen) {
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
    for fault in faults.iter().filter(is_chosen) {
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
