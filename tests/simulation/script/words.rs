//! The words of a script: values by the names that they have in the code.

use std::fmt::Debug;

use mioftpd::auth::RevokedSessions;

use crate::client::{Farewell, Kind, Login, Manner, Opening, Part, Preamble, Secrecy};
use crate::reload::How;

/// A type whose values have words.
pub(super) trait Word: Copy + Debug + 'static {
    const ALL: &'static [Self];
    /// Those that have a number.
    const COUNTED: &'static [fn(usize) -> Self] = &[];

    fn from_word(word: &str) -> Result<Self, String> {
        let digits: String = word.chars().filter(char::is_ascii_digit).collect();
        let number = digits.parse().unwrap_or(0);
        let counted = Self::COUNTED.iter().map(|of| of(number));
        let mut all = Self::ALL.iter().copied().chain(counted);
        let found = all.find(|one| format!("{one:?}") == word);
        found.ok_or_else(|| format!("{word} is not known here"))
    }
}

impl Word for Login {
    const ALL: &'static [Self] = &[Self::Named, Self::Anonymous, Self::Wrong, Self::Never];
}

impl Word for How {
    const ALL: &'static [Self] = &[
        Self::Removed,
        Self::Disabled,
        Self::Expired,
        Self::Elsewhere,
        Self::OtherSecret,
    ];
}

impl Word for RevokedSessions {
    const ALL: &'static [Self] = &[Self::Keep, Self::End];
}

impl Word for Part {
    const ALL: &'static [Self] = &[Self::Guest, Self::Probe, Self::Inspector];
}

impl Word for Secrecy {
    const ALL: &'static [Self] = &[Self::None, Self::Explicit, Self::Late, Self::Implicit];
}

impl Word for Preamble {
    const ALL: &'static [Self] = &[Self::Line, Self::Binary, Self::Garbage, Self::Stops];
}

impl Word for Opening {
    const ALL: &'static [Self] = &[Self::Proper, Self::AndMore, Self::Garbage];
    const COUNTED: &'static [fn(usize) -> Self] = &[Self::Stops, Self::Resets, Self::Leaves];
}

impl Word for Farewell {
    const ALL: &'static [Self] = &[
        Self::Quit,
        Self::HalfClose,
        Self::QuitAndHalfClose,
        Self::Close,
        Self::Kill,
        Self::Reset,
        Self::Vanish,
        Self::Silence,
        Self::Deafness,
    ];
}

impl Word for Manner {
    const ALL: &'static [Self] = &[
        Self::Prompt,
        Self::Slow,
        Self::Absent,
        Self::Truncates,
        Self::Garbles,
    ];
    const COUNTED: &'static [fn(usize) -> Self] = &[
        Self::Stalls,
        Self::Resets,
        Self::Closes,
        Self::Halts,
        Self::Breaks,
    ];
}

impl Word for Kind {
    const ALL: &'static [Self] = &[
        Self::User,
        Self::Pass,
        Self::Rein,
        Self::Quit,
        Self::Noop,
        Self::Pwd,
        Self::Cwd,
        Self::Mkd,
        Self::Rmd,
        Self::Dele,
        Self::Rnfr,
        Self::Rnto,
        Self::Size,
        Self::Mdtm,
        Self::Mlst,
        Self::Stat,
        Self::StatPath,
        Self::Help,
        Self::Feat,
        Self::Syst,
        Self::Opts,
        Self::Type,
        Self::Passive,
        Self::EpsvAll,
        Self::Port,
        Self::Bounce,
        Self::Rest,
        Self::Abor,
        Self::Auth,
        Self::AuthPrivate,
        Self::AuthAndMore,
        Self::Pbsz,
        Self::ProtClear,
        Self::ProtPrivate,
        Self::Ccc,
        Self::Fetch,
        Self::Store,
        Self::List,
        Self::Garbage,
        Self::TooLong,
        Self::Foreign,
    ];
}
