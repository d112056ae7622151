//! Checks tables in the documentation of a test file whose last column names tests in backquotes.
//!
//! A name is a transcript, or `path::function`, where the path is the end of that of a file or directory in
//! `tests` or `src`.

use std::fs;
use std::path::{Path, PathBuf};

/// The names in the tables of a source file that are not tests, and the number of those that are.
pub fn missing_tests(source: &str) -> (Vec<&str>, usize) {
    let rows = source.lines().filter(|line| line.starts_with("//! |"));
    let tests = rows.filter_map(|row| row.rsplit('|').nth(1));
    let names: Vec<_> = tests
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    let count = names.len();
    let missing: Vec<_> = names.into_iter().filter(|name| !exists(name)).collect();
    let found = count - missing.len();
    (missing, found)
}

fn exists(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some((location, function)) = name.split_once("::") else {
        return root.join("tests/transcripts").join(name).is_file();
    };
    let location = Path::new(location);
    let mut open: Vec<PathBuf> = ["tests", "src"].map(|folder| root.join(folder)).into();
    while let Some(path) = open.pop() {
        if let Ok(entries) = fs::read_dir(&path) {
            open.extend(entries.map(|entry| entry.unwrap().path()));
        } else if is_in(&path, location)
            && fs::read_to_string(&path).is_ok_and(|s| s.contains(&format!("fn {function}(")))
        {
            return true;
        }
    }
    false
}

/// Whether the file is at the location, or in the folder of that name.
fn is_in(file: &Path, location: &Path) -> bool {
    let file = file.with_extension("");
    file.ancestors().any(|path| path.ends_with(location))
}
