//! Reads the sources and fails where they leave the rules of the house: who may import whom,
//! how long a file and a function may be, where the clock is read, what may not panic.
//!
//! It works on lines, as `rustfmt` leaves them; that is enough, and needs no parser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
const COLUMNS: usize = 110;

/// What a layer may import besides itself; a layer that is not here may import all.
const LAYERS: [(&str, &[&str]); 12] = [
    ("event_loop", &[]),
    ("protocol", &[]),
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
];

/// Where the clocks are read: everybody else is told the time.
const CLOCKS: [&str; 3] = [
    "src/net/system.rs",
    "src/configuration.rs",
    "src/logging.rs",
];

/// A source file.
struct Source {
    /// From the root of the package.
    path: String,
    text: String,
    /// Only compiled for tests.
    is_test: bool,
}

impl Source {
    /// The numbered lines of code that are part of the product.
    fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("#[cfg(test)]\nmod tests {");
        let end = if self.is_test { Some(0) } else { tests };
        let product = &self.text[..end.unwrap_or(self.text.len())];
        let lines = product.lines().enumerate();
        lines.map(|(n, line)| (n + 1, line.split("//").next().unwrap_or("")))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a folder.
fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join(folder), &mut paths);
    paths.sort();
    let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
    let test_modules: Vec<PathBuf> = paths
        .iter()
        .flat_map(|path| test_modules(path, &read(path)))
        .collect();
    let source = |path: &PathBuf| Source {
        path: path.strip_prefix(root()).unwrap().display().to_string(),
        text: read(path),
        is_test: test_modules
            .iter()
            .any(|m| path.with_extension("").starts_with(m)),
    };
    paths.iter().map(source).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|e| e == "rs") {
            paths.push(path);
        }
    }
}

/// The files, without extension, that this one compiles for tests only.
fn test_modules(path: &Path, text: &str) -> Vec<PathBuf> {
    let own = matches!(
        path.file_stem().unwrap().to_str(),
        Some("mod" | "lib" | "main")
    );
    let folder = if own {
        path.parent().unwrap().to_owned()
    } else {
        path.with_extension("")
    };
    let behind = text.split("#[cfg(test)]\n").skip(1);
    let lines = behind.filter_map(|rest| rest.lines().next());
    let names = lines.filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
    names.map(|name| folder.join(name)).collect()
}

/// Fails with all that was found.
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let all = ["src", "tests", "benches"]
        .map(sources)
        .into_iter()
        .flatten();
    let silent = all.filter(|source| !source.text.starts_with("//!"));
    let silent: Vec<_> = silent.map(|source| source.path).collect();
    none("files that do not begin with `//!`", &silent);
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    for source in ["src", "tests", "benches"]
        .map(sources)
        .into_iter()
        .flatten()
    {
        let lines = source.text.lines().count();
        if lines > FILE_LINES {
            long.push(format!("{}: {lines} lines", source.path));
        }
    }
    none("files to be split", &long);
}

#[test]
fn no_line_is_too_wide() {
    let mut wide = Vec::new();
    for source in ["src", "tests", "benches"]
        .map(sources)
        .into_iter()
        .flatten()
    {
        let lines = source.text.lines().enumerate();
        // A row of a table in the documentation cannot be broken.
        let lines = lines.filter(|(_, line)| !line.starts_with("//! |"));
        let lines = lines.filter(|(_, line)| line.chars().count() > COLUMNS);
        wide.extend(lines.map(|(n, _)| format!("{}:{}", source.path, n + 1)));
    }
    none("lines to be broken", &wide);
}

#[test]
fn every_function_fits_a_screen() {
    let mut long = Vec::new();
    for source in ["src", "tests", "benches"]
        .map(sources)
        .into_iter()
        .flatten()
    {
        for (start, length) in functions(&source.text) {
            if length > FUNCTION_LINES {
                long.push(format!("{}:{start}: {length} lines", source.path));
            }
        }
    }
    none("functions to be split", &long);
}

/// Where functions begin and how long they are: to the brace in the same column.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut functions = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let words = code.split(['(', '<']).next().unwrap_or("");
        if !words.split(' ').any(|word| word == "fn") || code.starts_with("//") {
            continue;
        }
        let indent = &line[..line.len() - code.len()];
        let close = format!("{indent}}}");
        // A declaration in a trait ends before its column is left.
        let mut body = lines[start..]
            .iter()
            .take_while(|line| !is_declaration(line, indent));
        if let Some(length) = body.position(|line| **line == close) {
            functions.push((start + 1, length + 1));
        }
    }
    functions
}

/// Whether a line ends a function without a body.
fn is_declaration(line: &str, indent: &str) -> bool {
    let code = line.strip_prefix(indent).unwrap_or(line);
    !code.starts_with(' ') && code.ends_with(';')
}

#[test]
fn imports_follow_the_layers() {
    let mut wrong = Vec::new();
    for (layer, allowed) in LAYERS {
        for source in sources(&format!("src/{layer}")) {
            let module = source.path.trim_end_matches("/mod.rs");
            let leaves = "super::".repeat(module.matches('/').count());
            for (number, line) in source.product() {
                if line.contains(&leaves) {
                    wrong.push(format!(
                        "{}:{number}: leaves its layer by super",
                        source.path
                    ));
                }
                let modules = imported(line);
                let bad = modules
                    .iter()
                    .find(|m| **m != layer && !allowed.contains(m));
                if let Some(module) = bad {
                    wrong.push(format!(
                        "{}:{number}: {layer} imports {module}",
                        source.path
                    ));
                }
            }
        }
    }
    none("imports against the rule", &wrong);
}

/// The modules of the crate that a line names.
fn imported(line: &str) -> Vec<&str> {
    let end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let behind = line.split("crate::").skip(1);
    // `use crate::{a, b}` hides what it imports; nothing needs it.
    behind
        .map(|rest| rest.split(end).next().unwrap_or(""))
        .collect()
}

#[test]
fn only_the_system_reads_the_clock() {
    let mut readers = Vec::new();
    for source in sources("src") {
        let path = source.path.as_str();
        for (number, line) in source.product() {
            let reads = line.contains("Instant::now") || line.contains("SystemTime::now");
            if reads && !CLOCKS.contains(&path) {
                readers.push(format!("{path}:{number}"));
            }
        }
    }
    none("readers of the clock", &readers);
}

#[test]
fn nothing_in_the_product_unwraps() {
    let mut found = Vec::new();
    for source in sources("src") {
        for (number, line) in source.product() {
            if line.contains(".unwrap()") || line.contains(".expect(") {
                found.push(format!("{}:{number}", source.path));
            }
        }
    }
    none("what may panic", &found);
}

#[test]
fn the_readme_describes_the_options_that_there_are() {
    let Ok(readme) = fs::read_to_string(root().join("README.md")) else {
        eprintln!("there is no README yet: skipped");
        return;
    };
    let help = Command::new(env!("CARGO_BIN_EXE_mioftpd"))
        .arg("--help")
        .output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    assert!(options(&help).contains("--listen"), "{help}");
    assert_eq!(options(&readme), options(&help));
}

/// The long options that the text describes: those at the beginning of a line or of a row.
fn options(text: &str) -> BTreeSet<&str> {
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches([' ', '|', '`', '*']));
    let described = lines.filter(|line| line.starts_with('-') && !line.starts_with("- "));
    described.filter_map(long_option).collect()
}

/// The first `--name` of a line that begins with an option.
fn long_option(line: &str) -> Option<&str> {
    let from = line.find("--").filter(|&from| from <= "-x`, `".len())?;
    let name = &line[from..];
    name[2..]
        .starts_with(|c: char| c.is_ascii_lowercase())
        .then_some(())?;
    let end = name.find(|c: char| c != '-' && !c.is_ascii_lowercase());
    Some(&name[..end.unwrap_or(name.len())])
}

#[test]
fn the_rules_can_be_broken() {
    assert_eq!(imported("use crate::net::Stream;"), ["net"]);
    assert_eq!(imported("let x: crate::session::Session;"), ["session"]);
    let long = format!("    pub fn f() {{\n{}    }}\n", "        x;\n".repeat(80));
    assert_eq!(functions(&long), [(1, 82)]);
    let text =
        "  -l, --listen ADDR  and --more\n| `--log LEVEL` | x |\n`cargo --x`\n- a --b\n---\n";
    assert_eq!(options(text), BTreeSet::from(["--listen", "--log"]));
}
