//! The source files that the rules read.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file.
pub(crate) struct Source {
    /// From the root of the package.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Only compiled for tests.
    pub(crate) is_test: bool,
}

impl Source {
    /// The numbered lines of code that are part of the product.
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

/// All Rust files below a folder.
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
pub(crate) fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}
