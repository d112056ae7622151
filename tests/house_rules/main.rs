//! The rules of the house, checked on the sources: which module may import which, the length of files and
//! functions, the width of lines, where the clock is read, what may not panic.
//!
//! They work on lines as `rustfmt` leaves them; that is enough, and needs no parser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod imports;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use sources::{none, root, sources};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
const COLUMNS: usize = 110;

/// Where the clocks are read: everybody else is told the time.
const CLOCKS: [&str; 3] = [
    "src/net/system.rs",
    "src/configuration.rs",
    "src/logging.rs",
];

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
    let long = format!("    pub fn f() {{\n{}    }}\n", "        x;\n".repeat(80));
    assert_eq!(functions(&long), [(1, 82)]);
    let text =
        "  -l, --listen ADDR  and --more\n| `--log LEVEL` | x |\n`cargo --x`\n- a --b\n---\n";
    assert_eq!(options(text), BTreeSet::from(["--listen", "--log"]));
}
