//! What the system's resolver reads to find what the name of a host means: hosts(5), resolv.conf(5),
//! nsswitch.conf(5), host.conf(5), gai.conf(5).
//!
//! For a plan with [`names`](super::Plan::names), which has the system calls besides. Nothing is
//! looked up here.

use std::path::{Path, PathBuf};

const FILES: [&str; 5] = [
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
];

/// The paths to read; not every system has each of the files.
pub fn resolver_paths() -> Vec<PathBuf> {
    let there = FILES
        .iter()
        .filter_map(|path| Path::new(path).canonicalize().ok());
    there.map(with_replacements).collect()
}

/// Whoever manages the network keeps resolv.conf(5) in a directory of their own, and replaces it there
/// by a rename.
fn with_replacements(file: PathBuf) -> PathBuf {
    match file.parent() {
        Some(directory) if directory.starts_with("/run") && directory != Path::new("/run") => {
            directory.to_owned()
        }
        _ => file,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_is_named_by_its_directory() {
        for (file, path) in [
            ("/etc/resolv.conf", "/etc/resolv.conf"),
            ("/run/resolv.conf", "/run/resolv.conf"),
            ("/running/x/resolv.conf", "/running/x/resolv.conf"),
            (
                "/run/systemd/resolve/stub-resolv.conf",
                "/run/systemd/resolve",
            ),
        ] {
            assert_eq!(with_replacements(file.into()), Path::new(path));
        }
    }
}
