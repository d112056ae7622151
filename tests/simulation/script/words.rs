//! The words of a script: values by their names in the code.

use std::fmt::Debug;

use mioftpd::RevokedSessions;

use crate::client::{
    Behaviour, CommandKind, Disconnect, Login, ProxyHeader, Role, TlsMode, TlsStart,
};
use crate::reload::AccountChange;

/// A type whose values are script words.
pub(super) trait Word: Copy + Debug + 'static {
    const ALL: &'static [Self];
    /// Variants with a number.
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

impl Word for AccountChange {
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

impl Word for Role {
    const ALL: &'static [Self] = &[Self::Normal, Self::Probe, Self::Inspector];
}

impl Word for TlsMode {
    const ALL: &'static [Self] = &[Self::None, Self::Explicit, Self::Late, Self::Implicit];
}

impl Word for ProxyHeader {
    const ALL: &'static [Self] = &[Self::V1, Self::V2, Self::Garbage, Self::Truncated];
}

impl Word for TlsStart {
    const ALL: &'static [Self] = &[Self::Proper, Self::CommandBehindAuth, Self::Garbage];
    const COUNTED: &'static [fn(usize) -> Self] = &[Self::Stops, Self::Resets, Self::HalfCloses];
}

impl Word for Disconnect {
    const ALL: &'static [Self] = &[
        Self::Quit,
        Self::HalfClose,
        Self::QuitAndHalfClose,
        Self::Close,
        Self::Kill,
        Self::Reset,
        Self::Vanish,
        Self::GoSilent,
        Self::StopReading,
    ];
}

impl Word for Behaviour {
    const ALL: &'static [Self] = &[
        Self::Prompt,
        Self::Slow,
        Self::NeverConnects,
        Self::OmitsCloseNotify,
        Self::NoHello,
    ];
    const COUNTED: &'static [fn(usize) -> Self] = &[
        Self::Stalls,
        Self::Resets,
        Self::Closes,
        Self::StallsInHello,
        Self::ResetsInHello,
    ];
}

impl Word for CommandKind {
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
