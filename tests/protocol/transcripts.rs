//! Replays the transcripts in `tests/transcripts` against the server.
//!
//! The transcripts are the specification of replies: one for each command, and one for each bug that was
//! found. [`crate::support::transcript`] describes the notation. `MIOFTPD_TRANSCRIPT=retr cargo test --test
//! transcripts` replays only the files with `retr` in their names.

use std::any::Any;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::support::pattern::{Pattern, unescape};
use crate::support::transcript::Transcript;

/// The number of servers that run in parallel.
const PARALLEL: usize = 4;

#[test]
fn every_transcript_plays() {
    let mut left = files();
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("no IPv6 here: the transcripts over IPv6 are skipped");
        left.retain(|(_, text)| !text.contains("\n! address: ipv6"));
    }
    if !cfg!(feature = "digests") {
        left.retain(|(_, text)| !text.contains("\n! feature: digests"));
    }
    if !cfg!(feature = "tls") {
        left.retain(|(_, text)| !text.contains("\n! tls"));
    }
    let left = Mutex::new(left);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..PARALLEL {
            scope.spawn(|| {
                while let Some((path, text)) = { left.lock().unwrap().pop() } {
                    if let Err(failure) = play(&path, &text) {
                        failures.lock().unwrap().push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

#[test]
fn every_transcript_cites_its_source() {
    for (path, text) in files() {
        let title = Transcript::parse(&text).title;
        let cites = ["RFC ", "draft-", "design", "POSIX"]
            .iter()
            .any(|s| title.contains(s));
        assert!(cites, "{}: {title:?} cites nothing", path.display());
    }
}

#[test]
fn patterns_match_whole_lines() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "", true),
        ("250 *", "250 Done.", true),
        ("250 *", "2500", false),
        ("a*b*c", "axxbyybzc", true),
        ("a*b", "ab ", false),
        ("a", "ab", false),
        (r"\*\s\x41", "* A", true),
        (r"\*", "x", false),
    ] {
        let matches = Pattern::new(pattern).matches(text.as_bytes());
        assert_eq!(matches, expected, "{pattern:?} {text:?}");
    }
    assert_eq!(unescape(r"a\r\n\xff\\"), b"a\r\n\xff\\");
}

/// The paths and texts of all transcripts.
fn files() -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    if let Ok(wanted) = std::env::var("MIOFTPD_TRANSCRIPT") {
        files.retain(|(path, _)| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().contains(&wanted)
        });
        assert!(
            !files.is_empty(),
            "MIOFTPD_TRANSCRIPT: none has \"{wanted}\" in its name"
        );
    }
    files
}

/// Replays one transcript. The error has the file, the line and the failure.
fn play(path: &Path, text: &str) -> Result<(), String> {
    let mut line = 0;
    let play = || Transcript::parse(text).play(|number| line = number);
    catch_unwind(AssertUnwindSafe(play)).map_err(|panic| {
        let file = path.file_name().unwrap_or_default().display();
        format!("{file}:{line}: {}", message(panic.as_ref()))
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let string = panic.downcast_ref::<String>().map(String::as_str);
    let message = string.or_else(|| panic.downcast_ref::<&str>().copied());
    message.unwrap_or("a panic without a message")
}
