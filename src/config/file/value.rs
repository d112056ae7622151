//! The types of the keys: parsing from TOML, and printing as TOML.
//!
//! [`Value`] is implemented for each type of a field of [`Config`](crate::Config). Each describes its
//! valid values, for error messages. Relative paths are resolved against the directory of the file. This
//! module knows no key.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use log::LevelFilter;
use toml::de::DeValue;

use super::units;
use crate::auth::{Cidr, CidrError, RevokedSessions};
use crate::net::{DataSession, PassiveHost, PassiveHostError};
use crate::protocol::charset::{self, Charset};
use crate::protocol::zone::Zone;
use crate::sandbox::RunAs;
use crate::session::TlsRequired;
use crate::storage::{CutUploads, Durability, Umask};

/// A TOML value, and the directory that relative paths are resolved against.
#[derive(Clone, Copy)]
pub(super) struct RawValue<'a> {
    pub(super) value: &'a DeValue<'a>,
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

/// The type of a key.
pub(super) trait Value: Sized {
    /// A description of the valid values, that completes the sentence "write ...".
    const TAKES: &'static str;

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError>;

    /// The value as TOML; `None`: it is not set.
    fn show(&self) -> Option<String>;

    /// The value in the unit of the range of its key: milliseconds, or a count.
    fn amount(&self) -> Option<u64> {
        None
    }
}

/// An integer that is not negative.
fn integer(value: &DeValue<'_>) -> Option<u64> {
    let integer = value.as_integer()?;
    let text = integer.as_str();
    u64::from_str_radix(text, integer.radix()).ok()
}

/// A string, parsed.
fn parsed<T: FromStr>(value: &DeValue<'_>) -> Result<T, ValueError> {
    let text = value.as_str().ok_or(ValueError::Mismatch)?;
    text.parse().map_err(|_| ValueError::Mismatch)
}

/// A TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(["\\u", &format!("{:04X}", u32::from(c))]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl Value for bool {
    const TAKES: &'static str = "true or false";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        raw.value.as_bool().ok_or(ValueError::Mismatch)
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Implements [`Value`] for a count.
macro_rules! count {
    ($($type:ty),*) => { $(
        impl Value for $type {
            const TAKES: &'static str = "a number";

            fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
                let number = integer(raw.value).ok_or(ValueError::Mismatch)?;
                Self::try_from(number).map_err(|_| ValueError::Mismatch)
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
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

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        let seconds = integer(raw.value).map(Self::from_secs);
        let text = raw.value.as_str();
        let duration = seconds.or_else(|| units::read_duration(text?));
        duration.ok_or(ValueError::Mismatch)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&units::show_duration(*self)))
    }

    fn amount(&self) -> Option<u64> {
        // Rounded up: a time below a millisecond is not zero.
        u64::try_from(self.as_micros().div_ceil(1000)).ok()
    }
}

/// A size in bytes; counts are `u32` or `usize`.
impl Value for u64 {
    const TAKES: &'static str = "a size such as \"64MiB\" or \"10GB\" (an integer is in bytes)";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        let text = raw.value.as_str();
        let bytes = integer(raw.value).or_else(|| units::read_size(text?));
        bytes.ok_or(ValueError::Mismatch)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&units::show_size(*self)))
    }

    fn amount(&self) -> Option<u64> {
        Some(*self)
    }
}

/// A key without a default.
impl<T: Value> Value for Option<T> {
    const TAKES: &'static str = T::TAKES;

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        T::read(raw).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Value::show)
    }

    fn amount(&self) -> Option<u64> {
        self.as_ref().and_then(Value::amount)
    }
}

impl Value for PathBuf {
    const TAKES: &'static str = "a path such as \"/srv/ftp\"";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        match raw.value.as_str() {
            Some("") | None => Err(ValueError::Mismatch),
            Some(path) => Ok(raw.directory.join(path)),
        }
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }
}

impl Value for String {
    const TAKES: &'static str = "a string that is not empty";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        let text = raw.value.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or(ValueError::Mismatch)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(self))
    }
}

/// An array, or a single value without brackets.
pub(super) fn list<T>(
    raw: RawValue<'_>,
    read: impl Fn(&DeValue<'_>) -> Result<T, ValueError>,
) -> Result<Vec<T>, ValueError> {
    match raw.value.as_array() {
        Some(several) => several.iter().map(|one| read(one.get_ref())).collect(),
        None => Ok(vec![read(raw.value)?]),
    }
}

fn show_list<T: ToString>(list: &[T]) -> String {
    let shown: Vec<_> = list.iter().map(|one| quoted(&one.to_string())).collect();
    format!("[{}]", shown.join(", "))
}

impl Value for Vec<SocketAddr> {
    const TAKES: &'static str =
        "addresses with ports such as [\"127.0.0.1:21000\", \"[::1]:21000\"]";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        list(raw, parsed)
    }

    fn show(&self) -> Option<String> {
        Some(show_list(self))
    }
}

impl Value for Vec<Cidr> {
    const TAKES: &'static str = "networks such as [\"192.0.2.0/24\", \"2001:db8::/32\"]";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        list(raw, |one| {
            let text = one.as_str().ok_or(ValueError::Mismatch)?;
            text.parse()
                .map_err(|error: CidrError| ValueError::Because(error.to_string()))
        })
    }

    fn show(&self) -> Option<String> {
        Some(show_list(self))
    }
}

impl Value for Vec<String> {
    const TAKES: &'static str = "strings such as [\"one\", \"two\"]";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        list(raw, |one| {
            let text = one.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or(ValueError::Mismatch)
        })
    }

    fn show(&self) -> Option<String> {
        Some(show_list(self))
    }
}

impl Value for RangeInclusive<u16> {
    const TAKES: &'static str = "FIRST-LAST such as \"50000-50100\", from 1 to 65535";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        let text = raw.value.as_str().ok_or(ValueError::Mismatch)?;
        crate::config::read_ports(text).ok_or(ValueError::Mismatch)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&format!("{}-{}", self.start(), self.end())))
    }
}

/// Implements [`Value`] by `FromStr` and `Display`.
macro_rules! text {
    ($type:ty, $takes:literal) => {
        impl Value for $type {
            const TAKES: &'static str = $takes;

            fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
                parsed(raw.value)
            }

            fn show(&self) -> Option<String> {
                Some(quoted(&self.to_string()))
            }
        }
    };
}

text!(Zone, "\"UTC\", or an offset such as \"+02:00\"");
text!(Umask, "permissions in octal such as \"027\"");
text!(RunAs, "\"USER\" or \"USER:GROUP\"");

fn passive_host(text: &str) -> Result<PassiveHost, ValueError> {
    text.parse().map_err(|error: PassiveHostError| match error {
        PassiveHostError::Neither => ValueError::Mismatch,
        PassiveHostError::Unusable(_) => ValueError::Because(error.to_string()),
    })
}

impl Value for PassiveHost {
    const TAKES: &'static str =
        "an IPv4 address or a name such as \"203.0.113.7\" or \"ftp.example.com\"";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        passive_host(raw.value.as_str().ok_or(ValueError::Mismatch)?)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

impl Value for Vec<(Cidr, PassiveHost)> {
    const TAKES: &'static str =
        "networks, each with the address to advertise, such as [\"10.0.0.0/8 10.0.0.5\"]";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        list(raw, |one| {
            let text = one.as_str().ok_or(ValueError::Mismatch)?;
            let (network, host) = text.split_once(' ').ok_or(ValueError::Mismatch)?;
            let network = network.parse();
            let network =
                network.map_err(|error: CidrError| ValueError::Because(error.to_string()))?;
            Ok((network, passive_host(host.trim())?))
        })
    }

    fn show(&self) -> Option<String> {
        let texts = self
            .iter()
            .map(|(network, host)| format!("{network} {host}"));
        Some(show_list(&texts.collect::<Vec<_>>()))
    }
}

impl Value for Charset {
    const TAKES: &'static str =
        "a label of the WHATWG Encoding Standard such as \"gbk\" or \"windows-1252\"";

    fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
        if !charset::IS_BUILT_IN {
            let text = "this build supports no charsets; build with --features charset";
            return Err(ValueError::Because(text.to_owned()));
        }
        parsed(raw.value)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(self.name()))
    }
}

/// Implements [`Value`] for an enum, by one word for each variant.
macro_rules! words {
    ($type:ty, $takes:literal, $($word:literal => $value:path),*) => {
        impl Value for $type {
            const TAKES: &'static str = $takes;

            fn read(raw: RawValue<'_>) -> Result<Self, ValueError> {
                match raw.value.as_str() {
                    $(Some($word) => Ok($value),)*
                    _ => Err(ValueError::Mismatch),
                }
            }

            fn show(&self) -> Option<String> {
                let word = match self {
                    $($value => $word,)*
                    #[allow(unreachable_patterns, reason = "`LevelFilter::Off` has no word")]
                    _ => return None,
                };
                Some(quoted(word))
            }
        }
    };
}

words!(Durability, "\"none\", \"rename\" or \"fsync\"",
    "none" => Self::None, "rename" => Self::Rename, "fsync" => Self::Fsync);
words!(CutUploads, "\"discard\" or \"keep\"",
    "discard" => Self::Discard, "keep" => Self::Keep);
words!(RevokedSessions, "\"keep\" or \"end\"",
    "keep" => Self::Keep, "end" => Self::End);
words!(TlsRequired, "\"none\", \"login\", \"control\" or \"data\"",
    "none" => Self::Nothing, "login" => Self::Login, "control" => Self::Control,
    "data" => Self::Data);
words!(DataSession, "\"off\", \"observe\" or \"require\"",
    "off" => Self::Off, "observe" => Self::Observe, "require" => Self::Require);
words!(LevelFilter, "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"",
    "error" => Self::Error, "warn" => Self::Warn, "info" => Self::Info,
    "debug" => Self::Debug, "trace" => Self::Trace);
