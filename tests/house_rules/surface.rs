//! The public surface: what `src/lib.rs` names at the root is all that a host program sees.
//!
//! Layers are private modules. A module that is public is for host programs as a whole, and is named
//! here; the layers are also in a hidden module, for the package's own tests and benches.

use std::collections::BTreeSet;
use std::fs;

use super::sources::root;

/// The most names that the root may have.
const NAMES: usize = 100;

/// The public modules.
const MODULES: [&str; 5] = ["book", "guide", "internals", "logging", "sandbox"];

#[test]
fn root_has_few_names_and_hides_the_layers() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let (modules, names) = (public_modules(&lib), public_names(&lib));
    assert_eq!(modules, BTreeSet::from(MODULES));
    assert!(lib.contains("#[doc(hidden)]\npub mod internals;"));
    assert!(names.contains("Server") && names.contains("Config"));
    assert!(names.len() <= NAMES, "{} names: {names:?}", names.len());
}

fn public_modules(lib: &str) -> BTreeSet<&str> {
    let lines = lib.lines().filter_map(|line| line.strip_prefix("pub mod "));
    lines.map(|line| line.trim_end_matches(';')).collect()
}

/// The names of all `pub use`, without their paths.
fn public_names(lib: &str) -> BTreeSet<&str> {
    let uses = lib.split("\npub use ").skip(1);
    let uses = uses.filter_map(|rest| rest.split(';').next());
    let names = uses.flat_map(|one| one.split(['{', '}', ',', '\n']));
    let names = names.filter_map(|name| name.trim().rsplit("::").next());
    names
        .filter_map(|name| name.split(" as ").last())
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn counting_finds_modules_and_names() {
    let lib = "mod a;
pub mod b;
pub use a::{
    C, D,
    e::F,
};
pub use b::G;
";
    let lib = &format!(
        "{lib}pub use b::h as i;
"
    );
    assert_eq!(public_modules(lib), BTreeSet::from(["b"]));
    let names = public_names(lib);
    assert_eq!(names, BTreeSet::from(["C", "D", "F", "G", "i"]));
}
