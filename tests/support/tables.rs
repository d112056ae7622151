//! Tables in the documentation of a test file whose last column names tests, each in backquotes: a
//! transcript, or `place::function`, where the place is a file or folder of `tests` or of `src`.

use std::fs;
use std::path::{Path, PathBuf};

/// The names in the rows of this source that are no tests, and how many are.
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
    let Some((place, function)) = name.split_once("::") else {
        return root.join("tests/transcripts").join(name).is_file();
    };
    let mut open: Vec<PathBuf> = ["tests", "src"]
        .map(|folder| root.join(folder).join(place))
        .into();
    open.extend(open.clone().iter().map(|path| path.with_extension("rs")));
    while let Some(path) = open.pop() {
        if let Ok(entries) = fs::read_dir(&path) {
            open.extend(entries.map(|entry| entry.unwrap().path()));
        } else if fs::read_to_string(&path).is_ok_and(|s| s.contains(&format!("fn {function}("))) {
            return true;
        }
    }
    false
}
