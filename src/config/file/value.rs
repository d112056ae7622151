//! The types of the keys: parsing. Printing is in `show`.
//!
//! [`Value`] is implemented for each type of a field of [`Config`](crate::Config). Each describes its
//! valid values, for error messages. Relative paths are resolved against the directory of the file. This
//! module knows no key.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::entry::RawValue;
use super::show::Show;
use super::units;
use crate::auth::Cidr;
use crate::config::{BadStatusAddress, SocketMode, StatusAddress, Words, read_ports};
use crate::logging::Syslog;
use crate::net::{PassiveHost, PassiveHostError};
use crate::protocol::charset::{self, Charset};
use crate::protocol::zone::Zone;
use crate::sandbox::RunAs;
use crate::storage::Umask;

/// A value, and the directory that relative paths are resolved against.
#[derive(Clone, Copy)]
pub(super) struct FileValue<'a> {
    pub(super) value: &'a RawValue,
    pub(super) directory: &'a Path,
}

/// The reason that a value is invalid.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ValueError {
    /// It does not match the description of valid values.
    Mismatch,
    /// It has the right form, but is invalid for this cause.
    Because(String),
}

/// The error whose display is the cause.
pub(super) fn because(error: impl Display) -> ValueError {
    ValueError::Because(error.to_string())
}

/// The type of a key.
pub(super) trait Value: Sized {
    /// A description of the valid values, that completes the sentence "write ...".
    const TAKES: &'static str;

    fn read(given: FileValue<'_>) -> Result<Self, ValueError>;

    /// The value in the unit of the range of its key: milliseconds, or a count.
    fn amount(&self) -> Option<u64> {
        None
    }
}

/// A field of a draft, of any type.
pub(super) trait Field: Show {
    /// As [`Value::TAKES`].
    fn takes(&self) -> &'static str;

    /// Parses a value into the field; returns its amount, for the range.
    fn set(&mut self, given: FileValue<'_>) -> Result<Option<u64>, ValueError>;
}

impl<T: Value + Show> Field for T {
    fn takes(&self) -> &'static str {
        T::TAKES
    }

    fn set(&mut self, given: FileValue<'_>) -> Result<Option<u64>, ValueError> {
        *self = T::read(given)?;
        Ok(self.amount())
    }
}

type OfText<T> = fn(&str) -> Result<T, ValueError>;

/// A [`Value`] that is a string.
pub(super) trait Text: Sized {
    /// As [`Value::TAKES`].
    const TAKES: &'static str;
    /// As [`Value::TAKES`], of a list.
    const LIST_TAKES: &'static str = Self::TAKES;

    fn of_text(text: &str) -> Result<Self, ValueError>;
}

impl<T: Text> Value for T {
    const TAKES: &'static str = <T as Text>::TAKES;

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        read_text(given.value, T::of_text)
    }
}

fn read_text<T>(value: &RawValue, of_text: OfText<T>) -> Result<T, ValueError> {
    of_text(value.text().ok_or(ValueError::Mismatch)?)
}

/// An array, or a single value without brackets.
pub(super) fn list<T>(given: FileValue<'_>, of_text: OfText<T>) -> Result<Vec<T>, ValueError> {
    match given.value {
        RawValue::List(all) => all.iter().map(|value| read_text(value, of_text)).collect(),
        value => Ok(vec![read_text(value, of_text)?]),
    }
}

impl<T: Text> Value for Vec<T> {
    const TAKES: &'static str = T::LIST_TAKES;

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        list(given, T::of_text)
    }
}

impl Value for bool {
    const TAKES: &'static str = "true or false";

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        match given.value.bare() {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err(ValueError::Mismatch),
        }
    }
}

/// Implements [`Value`] for a count.
macro_rules! count {
    ($($type:ty),*) => { $(
        impl Value for $type {
            const TAKES: &'static str = "a number";

            fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
                let number = given.value.integer().ok_or(ValueError::Mismatch)?;
                Self::try_from(number).map_err(|_| ValueError::Mismatch)
            }

            fn amount(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }
        }
    )* };
}
count!(usize, u32);

impl Value for Duration {
    const TAKES: &'static str =
        "a time such as \"30s\", \"10m\" or \"1h30m\" (an integer is in seconds)";

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        let seconds = given.value.integer().map(Self::from_secs);
        let text = given.value.text();
        let duration = seconds.or_else(|| units::read_duration(text?));
        duration.ok_or(ValueError::Mismatch)
    }

    fn amount(&self) -> Option<u64> {
        // Rounded up: a time below a millisecond is not zero.
        u64::try_from(self.as_micros().div_ceil(1000)).ok()
    }
}

/// A size in bytes; counts are `u32` or `usize`.
impl Value for u64 {
    const TAKES: &'static str = "a size such as \"64MiB\" or \"10GB\" (an integer is in bytes)";

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        let text = given.value.text();
        let bytes = given.value.integer().or_else(|| units::read_size(text?));
        bytes.ok_or(ValueError::Mismatch)
    }

    fn amount(&self) -> Option<u64> {
        Some(*self)
    }
}

/// A key without a default.
impl<T: Value> Value for Option<T> {
    const TAKES: &'static str = T::TAKES;

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        T::read(given).map(Some)
    }

    fn amount(&self) -> Option<u64> {
        self.as_ref().and_then(Value::amount)
    }
}

impl Value for PathBuf {
    const TAKES: &'static str = "a path in quotes such as \"/srv/ftp\"";

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        match given.value.text() {
            Some("") | None => Err(ValueError::Mismatch),
            Some(path) => Ok(given.directory.join(path)),
        }
    }
}

impl Value for Syslog {
    const TAKES: &'static str = "true, false, or the path of a socket such as \"/dev/log\"";

    fn read(given: FileValue<'_>) -> Result<Self, ValueError> {
        let syslog = match (given.value.bare(), given.value.text()) {
            (Some("false"), _) => return Ok(Self::default()),
            (Some("true"), _) => Self::to(None),
            (_, Some(path)) if !path.is_empty() => Self::to(Some(given.directory.join(path))),
            _ => return Err(ValueError::Mismatch),
        };
        if !cfg!(feature = "daemon") {
            return Err(because(
                "this build has no syslog; build with --features daemon",
            ));
        }
        Ok(syslog)
    }
}

impl Text for String {
    const TAKES: &'static str = "a string that is not empty";
    const LIST_TAKES: &'static str = "strings such as [\"one\", \"two\"]";

    fn of_text(text: &str) -> Result<Self, ValueError> {
        let text = Some(text).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or(ValueError::Mismatch)
    }
}

/// An enum with a word for each value.
impl<T: Words> Text for T {
    const TAKES: &'static str = T::QUOTED;

    fn of_text(text: &str) -> Result<Self, ValueError> {
        T::of_word(text).ok_or(ValueError::Mismatch)
    }
}

/// Implements [`Text`] by `FromStr`, with a function for its error.
macro_rules! text {
    ($($type:ty: $takes:literal, $error:expr;)*) => { $(
        impl Text for $type {
            const TAKES: &'static str = $takes;

            fn of_text(text: &str) -> Result<Self, ValueError> {
                text.parse::<Self>().map_err($error)
            }
        }
    )* };
}

text! {
    Zone: "\"UTC\", or an offset such as \"+02:00\"", |_| ValueError::Mismatch;
    Umask: "permissions in octal such as \"027\"", |_| ValueError::Mismatch;
    SocketMode: "permissions in octal such as \"0660\"", |_| ValueError::Mismatch;
    StatusAddress: "addresses such as [\"127.0.0.1:9121\", \"unix:/run/mioftpd/status.sock\"]; the path of a \
        socket begins with /",
        |error| match error {
            BadStatusAddress::Neither => ValueError::Mismatch,
            BadStatusAddress::TooLong(_) => because(error),
        };
    RunAs: "\"USER\" or \"USER:GROUP\"", |()| ValueError::Mismatch;
    SocketAddr: "addresses with ports such as [\"127.0.0.1:21000\", \"[::1]:21000\"]",
        |_| ValueError::Mismatch;
    Cidr: "networks such as [\"192.0.2.0/24\", \"2001:db8::/32\"]", because;
    PassiveHost: "an IPv4 address or a name such as \"203.0.113.7\" or \"ftp.example.com\"",
        |error| match error {
            PassiveHostError::Neither => ValueError::Mismatch,
            PassiveHostError::Unusable(_) => because(error),
        };
}

impl Text for RangeInclusive<u16> {
    const TAKES: &'static str = "FIRST-LAST such as \"50000-50100\", from 1 to 65535";

    fn of_text(text: &str) -> Result<Self, ValueError> {
        read_ports(text).ok_or(ValueError::Mismatch)
    }
}

impl Text for (Cidr, PassiveHost) {
    const TAKES: &'static str =
        "networks, each with the address to advertise, such as [\"10.0.0.0/8 10.0.0.5\"]";

    fn of_text(text: &str) -> Result<Self, ValueError> {
        let (network, host) = text.split_once(' ').ok_or(ValueError::Mismatch)?;
        Ok((Text::of_text(network)?, Text::of_text(host.trim())?))
    }
}

impl Text for Charset {
    const TAKES: &'static str =
        "a label of the WHATWG Encoding Standard such as \"gbk\" or \"windows-1252\"";

    fn of_text(text: &str) -> Result<Self, ValueError> {
        if !charset::IS_BUILT_IN {
            return Err(because(
                "this build supports no charsets; build with --features charset",
            ));
        }
        text.parse().map_err(|_| ValueError::Mismatch)
    }
}
