//! Code conventions, checked on the source text: imports between modules, the length of files, functions
//! and lines, reading of clocks, and panics.
//!
//! The checks work on lines as `rustfmt` formats them, without a parser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod imports;
mod map;
mod platforms;
mod sources;
mod surface;

use std::collections::BTreeSet;
use std::fs;

use sources::{assert_none, root, sources};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;
const COLUMNS: usize = 110;

/// The files that may read a clock; all other code gets the time as an argument.
const CLOCKS: [&str; 13] = [
    "src/clock.rs",
    "src/logging/printer.rs",
    "src/metrics/jobs.rs",
    "src/metrics/trace/ring.rs",
    "src/net/system.rs",
    "src/net/tls/time.rs",
    "src/probe/mod.rs",
    "src/probe/session_checks.rs",
    "src/probe/timed_socket.rs",
    "src/server/service_manager.rs",
    "src/timed_read.rs",
    "src/workers/pool.rs",
    "src/configuration.rs",
];

#[test]
fn every_file_has_a_module_comment() {
    let all = ["src", "tests", "benches"]
        .map(sources)
        .into_iter()
        .flatten();
    let undocumented = all.filter(|source| !source.text.starts_with("//!"));
    let undocumented: Vec<_> = undocumented.map(|source| source.path).collect();
    assert_none("files that do not begin with `//!`", &undocumented);
}

#[test]
fn files_have_at_most_400_lines() {
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
    assert_none("files with too many lines", &long);
}

#[test]
fn lines_have_at_most_110_columns() {
    let mut wide = Vec::new();
    for source in ["src", "tests", "benches"]
        .map(sources)
        .into_iter()
        .flatten()
    {
        let lines = source.text.lines().enumerate();
        // Markdown has no line breaks in table rows.
        let lines = lines.filter(|(_, line)| !line.starts_with("//! |"));
        let lines = lines.filter(|(_, line)| line.chars().count() > COLUMNS);
        wide.extend(lines.map(|(n, _)| format!("{}:{}", source.path, n + 1)));
    }
    assert_none("lines with too many columns", &wide);
}

#[test]
fn functions_have_at_most_70_lines() {
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
    assert_none("functions with too many lines", &long);
}

/// The first line and the length of each function, which ends at the closing brace of the same indentation.
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
        // A declaration in a trait has no body.
        let mut body = lines[start..]
            .iter()
            .take_while(|line| !is_declaration(line, indent));
        if let Some(length) = body.position(|line| **line == close) {
            functions.push((start + 1, length + 1));
        }
    }
    functions
}

/// Whether the line ends a function declaration without a body.
fn is_declaration(line: &str, indent: &str) -> bool {
    let code = line.strip_prefix(indent).unwrap_or(line);
    !code.starts_with(' ') && code.ends_with(';')
}

#[test]
fn only_listed_files_read_the_clock() {
    let mut readers = Vec::new();
    for source in sources("src") {
        let path = source.path.as_str();
        // Whole programs, which are not part of this one.
        if path.starts_with("src/book/") {
            continue;
        }
        for (number, line) in source.product() {
            let calls = [
                "Instant::now",
                "wall_clock()",
                "monotonic_clock()",
                "clock_gettime(",
            ];
            if calls.iter().any(|call| line.contains(call)) && !CLOCKS.contains(&path) {
                readers.push(format!("{path}:{number}"));
            }
        }
    }
    assert_none("code that reads a clock", &readers);
}

#[test]
fn product_code_never_unwraps() {
    let mut found = Vec::new();
    for source in sources("src") {
        for (number, line) in source.product() {
            if line.contains(".unwrap()") || line.contains(".expect(") {
                found.push(format!("{}:{number}", source.path));
            }
        }
    }
    assert_none("calls that may panic", &found);
}

#[test]
fn readme_documents_exactly_the_options_of_help() {
    let Ok(readme) = fs::read_to_string(root().join("README.md")) else {
        eprintln!("skipped: no README.md");
        return;
    };
    // The program prints the options of its Cargo features only.
    let help = fs::read_to_string(root().join("src/cli/help.rs")).unwrap();
    assert!(options(&help).contains("--listen"), "{help}");
    assert_eq!(options(&readme), options(&help));
}

/// The long options that a text documents: those at the beginning of a line or of a table row.
fn options(text: &str) -> BTreeSet<&str> {
    let lines = text
        .lines()
        .map(|line| line.trim_start_matches([' ', '|', '`', '*']));
    let described = lines.filter(|line| line.starts_with('-') && !line.starts_with("- "));
    described.filter_map(long_option).collect()
}

/// The first `--name` in a line that begins with an option.
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
fn checks_detect_violations() {
    let long = format!("    pub fn f() {{\n{}    }}\n", "        x;\n".repeat(80));
    assert_eq!(functions(&long), [(1, 82)]);
    let text =
        "  -l, --listen ADDR  and --more\n| `--log LEVEL` | x |\n`cargo --x`\n- a --b\n---\n";
    assert_eq!(options(text), BTreeSet::from(["--listen", "--log"]));
}
