//! The words for the values of enums, the same in the configuration file and on the command line.
//!
//! Each enum has one table here, which is read, printed and listed in messages.

use log::LevelFilter;

use crate::auth::{HashScheme, RevokedSessions};
use crate::net::DataSession;
use crate::session::TlsRequired;
use crate::storage::{CutUploads, Durability, ReplaceFiles};

/// An enum with a word for each value.
pub trait Words: Copy + PartialEq + 'static {
    /// All words.
    const WORDS: &'static [(&'static str, Self)];
    /// All words, for a message: `a, b or c`.
    const LISTED: &'static str;
    /// As [`LISTED`](Self::LISTED), each in quotes, as in a configuration file.
    const QUOTED: &'static str;

    /// The value that a word stands for.
    fn of_word(text: &str) -> Option<Self> {
        let found = Self::WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value)
    }

    /// The word for a value; `None`: it has none.
    fn word(self) -> Option<&'static str> {
        let found = Self::WORDS.iter().find(|(_, value)| *value == self);
        found.map(|(word, _)| *word)
    }
}

macro_rules! words {
    ($($type:ty: $first:literal $is:ident
        $(, $word:literal $value:ident)* or $last:literal $end:ident;)*) => { $(
        impl Words for $type {
            const WORDS: &'static [(&'static str, Self)] =
                &[($first, Self::$is), $(($word, Self::$value),)* ($last, Self::$end)];
            const LISTED: &'static str = concat!($first, $(", ", $word,)* " or ", $last);
            const QUOTED: &'static str =
                concat!("\"", $first, $("\", \"", $word,)* "\" or \"", $last, "\"");
        }
    )* };
}

words! {
    Durability: "none" None, "rename" Rename or "fsync" Fsync;
    HashScheme: "argon2id" Argon2id or "sha512-crypt" Sha512Crypt;
    CutUploads: "discard" Discard or "keep" Keep;
    ReplaceFiles: "rename" ByRename or "in-place" InPlace;
    RevokedSessions: "keep" Keep or "end" End;
    TlsRequired: "none" Nothing, "login" Login, "control" Control or "data" Data;
    DataSession: "off" Off, "observe" Observe or "require" Require;
    // `Off` is not offered: errors are always logged.
    LevelFilter: "error" Error, "warn" Warn, "info" Info, "debug" Debug or "trace" Trace;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_listed_with_and_without_quotes() {
        assert_eq!(CutUploads::LISTED, "discard or keep");
        assert_eq!(TlsRequired::LISTED, "none, login, control or data");
        assert_eq!(DataSession::QUOTED, "\"off\", \"observe\" or \"require\"");
        assert_eq!(LevelFilter::Off.word(), None);
    }
}
