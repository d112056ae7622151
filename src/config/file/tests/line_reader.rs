//! The line reader, compared with the reader of TOML: what it reads, TOML reads in the same way.

use proptest::prelude::*;

use super::*;
use crate::config::file::line_reader::entries;

/// The entries in the order of the text, without what only one of the readers knows: the end of a value, the
/// place of a table, and the name of a repeated one.
fn sorted(entries: Vec<Entry>) -> Vec<(usize, String, RawValue)> {
    let place = |entry: &Entry| match entry.value {
        RawValue::Account => entry.span.start,
        _ => entry.at,
    };
    let entries = entries.into_iter();
    let mut sorted: Vec<_> = entries
        .map(|entry| (place(&entry), entry.path, entry.value))
        .collect();
    sorted.sort_by_key(|(at, path, _)| (*at, path.len()));
    sorted
}

fn error_of_lines(text: &str) -> String {
    let read = entries(text).and_then(|entries| of_entries(text, Path::new("/"), &entries));
    let mistake = read.map(|_| ()).expect_err(text);
    mistake.of(Path::new("f"), text).to_string()
}

#[test]
fn example_is_read_as_toml_reads_it() {
    for text in [
        EXAMPLE,
        include_str!("../../../../tests/support/patient.toml"),
    ] {
        let lines = sorted(entries(text).unwrap_or_else(|error| panic!("{error:?}")));
        assert_eq!(lines, sorted(reader::entries(text).unwrap()));
    }
}

#[test]
fn flat_keys_and_notations_are_read_as_toml_reads_them() {
    for text in [
        "",
        "# only a comment",
        "limits.memory = \"4MiB\"\r\nlimits.connections=1_000 # why\r\n\ttimings.idle\t=\t7\n",
        "listen = [ \"127.0.0.1:21\" , # one\n\n '[::1]:21', ]\n",
        "listen = []\nsandbox = false",
        "greeting = \"a \\\"b\\\" \\\\ \\n c # d é\"",
        "[[account]]\nname = 'ftp'\nexpires = 2035-01-01T00:00:00Z\n\n[[account]]\nname = \"ann\"\n[log]\n",
    ] {
        let lines = sorted(entries(text).unwrap_or_else(|error| panic!("{text}: {error:?}")));
        assert_eq!(lines, sorted(reader::entries(text).unwrap()), "{text}");
    }
}

#[test]
fn what_is_not_read_is_refused_with_position_and_remedy() {
    for (text, position, part) in [
        ("workers", "f:1:8", "KEY = VALUE"),
        ("workers =", "f:1:10", "a value is missing"),
        ("workers = \n", "f:1:11", "a value is missing"),
        ("workers = 1 2", "f:1:13", "the line should end here"),
        ("workers = 01", "f:1:11", "01 is not a number"),
        ("workers = 1__0", "f:1:11", "not a number"),
        ("workers = 1\nworkers = 2", "f:2:1", "duplicate key workers"),
        (
            "limits.memory = 1\nlimits.memory = 2",
            "f:2:8",
            "duplicate key limits.memory",
        ),
        (
            "limits.memory = 1\n[limits]\nconnections = 7",
            "f:2:2",
            "duplicate table limits",
        ),
        (
            "[limits]\n[log]\n[limits]",
            "f:3:2",
            "duplicate table limits",
        ),
        ("[limits\nmemory = 1", "f:1:8", "ends in ]"),
        ("[[limits]]", "f:1:3", "write [limits]"),
        ("[account]\nname = \"a\"", "f:1:2", "[[account]]"),
        ("account.name = \"a\"", "f:1:1", "[[account]]"),
        (
            "[[account]]\nname = \"ann\"\nname = \"bob\"",
            "f:3:1",
            "duplicate key account.name",
        ),
        (
            "greeting = \"\"\"\na\"\"\"",
            "f:1:12",
            "a string of one line; the whole of TOML needs",
        ),
        ("greeting = \"a", "f:1:14", "unclosed string"),
        ("greeting = \"\\x\"", "f:1:13", "unknown escape"),
        ("greeting = \"\"", "f:1:12", "a string that is not empty"),
        ("listen = [\"a\"", "f:1:14", "unclosed array"),
        ("listen = [[\"a\"]]", "f:1:11", "a value is missing"),
        ("limits = { memory = 1 }", "f:1:10", "a value is missing"),
        ("\"workers\" = 1", "f:1:1", "write a name here"),
        (
            "[storage]\ndurability = fsync",
            "f:2:14",
            "invalid value fsync; write \"none\", \"rename\"",
        ),
        (
            "[storage]\ndurabilty = \"fsync\"",
            "f:2:1",
            "unknown key storage.durabilty; [storage] has",
        ),
        (
            "timings = 3",
            "f:1:1",
            "timings is a table; write [timings]",
        ),
        ("workers = 65", "f:1:11", "write a number from 0 to 64"),
    ] {
        let error = error_of_lines(text);
        assert!(error.starts_with(position), "{text}: {error}");
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

/// Pieces of which some make a line, and most do not.
const PIECES: [&str; 40] = [
    "workers",
    "limits",
    "memory",
    "limits.memory",
    "account",
    "name",
    "[",
    "]",
    "[[",
    "]]",
    "[limits]",
    "[[account]]\n",
    "=",
    " = ",
    ".",
    ",",
    "\"",
    "'",
    "\"4MiB\"",
    "'a'",
    "\\",
    "\\\"",
    "\\n",
    "true",
    "false",
    "0",
    "7",
    "_",
    "1_0",
    "-1",
    "1.5",
    "1970-01-02",
    "T00:00:01Z",
    "#",
    "# é",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\u{1}",
];

proptest! {
    #[test]
    fn toml_reads_what_the_line_reader_reads(pieces in prop::collection::vec(0..PIECES.len(), 0..14)) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        let of = |entries: &[Entry]| of_entries(&text, Path::new("/"), entries);
        if let Ok(lines) = entries(&text)
            && let Ok(draft) = of(&lines)
        {
            let whole = reader::entries(&text);
            prop_assert!(whole.is_ok(), "{:?}: {:?}", text, whole);
            let whole = whole.unwrap();
            let same = of(&whole).unwrap();
            prop_assert_eq!(sorted(lines), sorted(whole));
            let print = |draft: ConfigDraft| show(&draft.assemble(), LevelFilter::Info);
            prop_assert_eq!(print(draft), print(same));
        }
    }
}
