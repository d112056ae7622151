//! Checks imports between modules: layers, and no cycles among siblings.
//!
//! Modules in a cycle cannot be read, tested or moved without each other. A `mod.rs` and its children are
//! not siblings: a module may import what its parent defines.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{Source, assert_none, sources};

/// The module below all layers. It has the time as a type; which code may read the clocks is another rule.
pub(crate) const BELOW: &str = "clock";

/// The modules that a layer may import besides itself and [`BELOW`]. Modules without an entry may import all.
pub(crate) const LAYERS: [(&str, &[&str]); 17] = [
    ("book", &["reactor"]),
    ("bench", &["cause", "event_loop", "net", "protocol"]),
    ("probe", &["bench", "cause", "net", "protocol"]),
    ("event_loop", &[]),
    ("protocol", &[]),
    ("metrics", &["protocol"]),
    (
        "auth",
        &["cause", "limits", "privsep", "protocol", "storage"],
    ),
    ("privsep", &["cause", "limits"]),
    ("storage", &["cause", "limits", "protocol"]),
    (
        "net",
        &["event_loop", "cause", "limits", "protocol", "storage"],
    ),
    (
        "transfer",
        &["event_loop", "limits", "net", "protocol", "storage"],
    ),
    (
        "file_task",
        &["event_loop", "limits", "protocol", "storage", "transfer"],
    ),
    (
        "session",
        &[
            "auth",
            "file_task",
            "limits",
            "metrics",
            "observe",
            "protocol",
            "storage",
            "transfer",
        ],
    ),
    (
        "workers",
        &[
            "auth",
            "cause",
            "event_loop",
            "file_task",
            "limits",
            "metrics",
            "net",
            "protocol",
            "storage",
            "transfer",
        ],
    ),
    (
        "observe",
        &[
            "cause",
            "file_task",
            "limits",
            "privsep",
            "protocol",
            "storage",
            "transfer",
        ],
    ),
    ("sandbox", &["cause"]),
    (
        "status",
        &["event_loop", "limits", "metrics", "net", "protocol"],
    ),
];

#[test]
fn imports_follow_the_layers() {
    let mut violations = Vec::new();
    for (layer, allowed) in LAYERS {
        for source in sources(&format!("src/{layer}")) {
            let module = source.path.trim_end_matches("/mod.rs");
            let outside = "super::".repeat(module.matches('/').count());
            for (number, line) in source.product() {
                if line.contains(&outside) {
                    violations.push(format!(
                        "{}:{number}: imports from outside of its layer by `super`",
                        source.path
                    ));
                }
                let modules = imported(line);
                let bad = modules
                    .iter()
                    .find(|m| **m != layer && **m != BELOW && !allowed.contains(m));
                if let Some(module) = bad {
                    violations.push(format!(
                        "{}:{number}: {layer} imports {module}",
                        source.path
                    ));
                }
            }
        }
    }
    assert_none("imports that violate the layers", &violations);
}

/// The top-level modules in the paths of a line.
pub(crate) fn imported(line: &str) -> Vec<&str> {
    let end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let after = line.split("crate::").skip(1);
    // `use crate::{a, b}` is not recognized; the sources do not use it.
    after
        .map(|rest| rest.split(end).next().unwrap_or(""))
        .collect()
}

/// The path of a module from the root of its crate.
type Module = Vec<String>;

#[test]
fn sibling_modules_have_no_import_cycles() {
    let mut cycles = Vec::new();
    for root in ["src", "benches/latency"] {
        let sources = sources(root);
        let product = sources.iter().filter(|source| !source.is_test);
        let texts = product.map(|source| (module_of(root, source), code(source)));
        let texts: Vec<_> = texts.collect();
        cycles.extend(cycles_among(&texts).map(|cycle| format!("{root}: {cycle}")));
    }
    assert_none("modules in an import cycle", &cycles);
}

fn module_of(root: &str, source: &Source) -> Module {
    let path = source.path.trim_start_matches(root).trim_end_matches(".rs");
    let names = path.split('/').filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(str::to_owned).collect();
    match names.split_last() {
        Some((last, parents)) if ["mod", "main", "lib"].contains(&last.as_str()) => {
            parents.to_vec()
        }
        _ => names,
    }
}

fn code(source: &Source) -> String {
    let lines: Vec<_> = source.product().map(|(_, line)| line).collect();
    lines.join("\n")
}

/// The modules that import themselves indirectly, each by its siblings.
fn cycles_among(texts: &[(Module, String)]) -> impl Iterator<Item = String> {
    let modules: BTreeSet<&[String]> = texts
        .iter()
        .flat_map(|(module, _)| (1..=module.len()).map(|depth| &module[..depth]))
        .collect();
    let mut imports: BTreeMap<&[String], BTreeSet<&[String]>> = BTreeMap::new();
    for (module, text) in texts {
        for target in paths_in(module, text) {
            let same = module
                .iter()
                .zip(&target)
                .take_while(|(a, b)| a == b)
                .count();
            let (Some(from), Some(to)) = (module.get(..=same), target.get(..=same)) else {
                continue;
            };
            if let Some(to) = modules.get(to) {
                imports.entry(from).or_default().insert(to);
            }
        }
    }
    let reaches = move |start: &&[String]| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![*start]);
        while let Some(module) = next.pop() {
            let new = imports.get(module).into_iter().flatten();
            next.extend(new.copied().filter(|one| seen.insert(*one)));
        }
        seen.contains(start)
    };
    let cycles: Vec<_> = modules.iter().copied().filter(reaches).collect();
    cycles
        .into_iter()
        .map(|module| module.join("::"))
        .collect::<Vec<_>>()
        .into_iter()
}

/// The paths in a module's code that begin with `crate` or `super`, with one for each item of a group.
fn paths_in(module: &[String], text: &str) -> Vec<Module> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut paths = Vec::new();
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            if text[..at].ends_with(|c: char| is_name(c) || c == ':') {
                continue;
            }
            let mut rest = &text[at..];
            let mut base = module.to_vec();
            if let Some(after) = rest.strip_prefix("crate::") {
                (rest, base) = (after, Vec::new());
            }
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            for path in expand_group(rest) {
                let parts = path.split("::").map(|part| part.trim().to_owned());
                let parts = parts.take_while(|part| !part.is_empty() && part.chars().all(is_name));
                paths.push(base.iter().cloned().chain(parts).collect());
            }
        }
    }
    paths
}

/// The paths after the prefix of a `use`: one, or those of a group.
fn expand_group(rest: &str) -> Vec<&str> {
    let Some(group) = rest.strip_prefix('{') else {
        let is_path = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
        return vec![rest.split(|c| !is_path(c)).next().unwrap_or("")];
    };
    let (mut depth, mut from, mut found) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.push(group[from..at].trim());
                from = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn checks_detect_import_violations() {
    assert_eq!(imported("use crate::net::Stream;"), ["net"]);
    assert_eq!(imported("let x: crate::session::Session;"), ["session"]);

    let text = |module: &str, text: &str| {
        let names = module.split("::").map(str::to_owned);
        (names.collect::<Module>(), text.to_owned())
    };
    let one = text("a::one", "use super::{Up, two::Two};");
    let cycles = |other: &str| {
        let texts = [one.clone(), text("a", "mod one;"), text("a::two", other)];
        cycles_among(&texts).collect::<Vec<_>>()
    };
    assert_eq!(cycles("use super::one::One;"), ["a::one", "a::two"]);
    assert_eq!(cycles("let x: crate::a::one::One;"), ["a::one", "a::two"]);
    // Imports from a common parent or from other modules are not a cycle.
    assert!(cycles("use super::Up;\nuse crate::b::{C, D};").is_empty());
}
