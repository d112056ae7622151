//! The files that the C library's resolver reads: hosts(5), resolv.conf(5), nsswitch.conf(5),
//! host.conf(5), gai.conf(5).
//!
//! For a plan with [`names`](super::SandboxPlan::names). Nothing is resolved here; the system calls that the
//! resolver needs are in `system_calls`.

use std::path::{Path, PathBuf};

const FILES: [&str; 5] = [
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
];

/// The paths to add to [`readable`](super::SandboxPlan::readable); files that do not exist are left out.
pub fn resolver_paths() -> Vec<PathBuf> {
    let existing = FILES
        .iter()
        .filter_map(|path| Path::new(path).canonicalize().ok());
    existing.map(with_replacements).collect()
}

/// Network managers keep resolv.conf(5) in a directory of their own below /run and replace it there
/// by a rename, so the directory has to be readable.
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
    fn files_below_run_are_covered_by_their_directory() {
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
