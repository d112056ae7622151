//! Finds the source files that the checks read.
//!
//! It tells product code from code that only tests compile.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    /// Relative to the root of the package.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Whether only tests compile the file.
    pub(crate) is_test: bool,
}

impl Source {
    /// The product's lines of code with their numbers, without comments and unit tests.
    pub(crate) fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("#[cfg(test)]\nmod tests {");
        let end = if self.is_test { Some(0) } else { tests };
        let product = &self.text[..end.unwrap_or(self.text.len())];
        let lines = product.lines().enumerate();
        lines.map(|(n, line)| (n + 1, line.split("//").next().unwrap_or("")))
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All Rust files below a directory.
pub(crate) fn sources(folder: &str) -> Vec<Source> {
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

/// The files, without extension, of the modules that this file declares for tests only.
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
    let after = text.split("#[cfg(test)]\n").skip(1);
    let lines = after.filter_map(|rest| rest.lines().next());
    let names = lines.filter_map(|line| line.split_once("mod ")?.1.strip_suffix(';'));
    names.map(|name| folder.join(name)).collect()
}

/// Fails with a list of the violations, if any.
pub(crate) fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}
