//! What a key can hold: how it is read from the file, and how it is shown.
//!
//! One [`Value`] for each type that a [`Config`](crate::Config) has. Each says what would be right,
//! for the message to whoever wrote something else. Relative paths are those of the file's
//! directory. It knows no key.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use log::LevelFilter;
use toml::de::DeValue;

use super::units;
use crate::auth::{Cidr, CidrError, RevokedSessions};
use crate::net::{BadPassiveHost, DataSession, PassiveHost};
use crate::protocol::charset::{self, Charset};
use crate::protocol::zone::Zone;
use crate::sandbox::RunAs;
use crate::session::TlsRequired;
use crate::storage::{CutUploads, Durability, Umask};

/// What stands in the file, and where relative paths begin.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) value: &'a DeValue<'a>,
    pub(super) directory: &'a Path,
}

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// It is not what the key takes.
    Other,
    /// It is, almost.
    Because(String),
}

/// What a key can hold.
pub(super) trait Value: Sized {
    /// What is right.
    const TAKES: &'static str;

    /// What was written.
    fn read(written: Written<'_>) -> Result<Self, Bad>;

    /// As TOML; `None` where it holds nothing.
    fn show(&self) -> Option<String>;

    /// In the unit of its range: milliseconds, or pieces.
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

/// A text that can be read as what is wanted.
fn parsed<T: FromStr>(value: &DeValue<'_>) -> Result<T, Bad> {
    let text = value.as_str().ok_or(Bad::Other)?;
    text.parse().map_err(|_| Bad::Other)
}

/// A basic string of TOML.
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

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        written.value.as_bool().ok_or(Bad::Other)
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// A count of things.
macro_rules! count {
    ($($type:ty),*) => { $(
        impl Value for $type {
            const TAKES: &'static str = "a number";

            fn read(written: Written<'_>) -> Result<Self, Bad> {
                let number = integer(written.value).ok_or(Bad::Other)?;
                Self::try_from(number).map_err(|_| Bad::Other)
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
        "a time, as in \"30s\", \"10m\" or \"1h30m\"; an integer is in seconds";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        let seconds = integer(written.value).map(Self::from_secs);
        let text = written.value.as_str();
        let duration = seconds.or_else(|| units::read_duration(text?));
        duration.ok_or(Bad::Other)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&units::show_duration(*self)))
    }

    fn amount(&self) -> Option<u64> {
        // What is there, is at least one.
        u64::try_from(self.as_micros().div_ceil(1000)).ok()
    }
}

/// Bytes: nothing else has 64 bits.
impl Value for u64 {
    const TAKES: &'static str = "a size, as in \"64MiB\" or \"10GB\"; an integer is in bytes";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        let text = written.value.as_str();
        let bytes = integer(written.value).or_else(|| units::read_size(text?));
        bytes.ok_or(Bad::Other)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&units::show_size(*self)))
    }

    fn amount(&self) -> Option<u64> {
        Some(*self)
    }
}

/// What may be there or not: where it is written, it is there.
impl<T: Value> Value for Option<T> {
    const TAKES: &'static str = T::TAKES;

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        T::read(written).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Value::show)
    }

    fn amount(&self) -> Option<u64> {
        self.as_ref().and_then(Value::amount)
    }
}

impl Value for PathBuf {
    const TAKES: &'static str = "a path, as in \"/srv/ftp\"";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        match written.value.as_str() {
            Some("") | None => Err(Bad::Other),
            Some(path) => Ok(written.directory.join(path)),
        }
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string_lossy()))
    }
}

impl Value for String {
    const TAKES: &'static str = "a text";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        let text = written.value.as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or(Bad::Other)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(self))
    }
}

/// Several in brackets, or one without.
pub(super) fn list<T>(
    written: Written<'_>,
    read: impl Fn(&DeValue<'_>) -> Result<T, Bad>,
) -> Result<Vec<T>, Bad> {
    match written.value.as_array() {
        Some(several) => several.iter().map(|one| read(one.get_ref())).collect(),
        None => Ok(vec![read(written.value)?]),
    }
}

fn show_list<T: ToString>(list: &[T]) -> String {
    let shown: Vec<_> = list.iter().map(|one| quoted(&one.to_string())).collect();
    format!("[{}]", shown.join(", "))
}

impl Value for Vec<SocketAddr> {
    const TAKES: &'static str =
        "addresses with ports, as in [\"127.0.0.1:21000\", \"[::1]:21000\"]";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        list(written, parsed)
    }

    fn show(&self) -> Option<String> {
        Some(show_list(self))
    }
}

impl Value for Vec<Cidr> {
    const TAKES: &'static str = "networks, as in [\"192.0.2.0/24\", \"2001:db8::/32\"]";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        list(written, |one| {
            let text = one.as_str().ok_or(Bad::Other)?;
            text.parse()
                .map_err(|error: CidrError| Bad::Because(error.to_string()))
        })
    }

    fn show(&self) -> Option<String> {
        Some(show_list(self))
    }
}

impl Value for Vec<String> {
    const TAKES: &'static str = "texts, as in [\"one\", \"two\"]";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        list(written, |one| {
            let text = one.as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or(Bad::Other)
        })
    }

    fn show(&self) -> Option<String> {
        Some(show_list(self))
    }
}

impl Value for RangeInclusive<u16> {
    const TAKES: &'static str = "FIRST-LAST, as in \"50000-50100\", from 1 to 65535";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        let text = written.value.as_str().ok_or(Bad::Other)?;
        crate::config::read_ports(text).ok_or(Bad::Other)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&format!("{}-{}", self.start(), self.end())))
    }
}

/// A text in the way of its type.
macro_rules! text {
    ($type:ty, $takes:literal) => {
        impl Value for $type {
            const TAKES: &'static str = $takes;

            fn read(written: Written<'_>) -> Result<Self, Bad> {
                parsed(written.value)
            }

            fn show(&self) -> Option<String> {
                Some(quoted(&self.to_string()))
            }
        }
    };
}

text!(Zone, "\"UTC\", or an offset, as in \"+02:00\"");
text!(Umask, "permissions in octal, as in \"027\"");
text!(RunAs, "\"USER\" or \"USER:GROUP\"");

fn passive_host(text: &str) -> Result<PassiveHost, Bad> {
    text.parse().map_err(|error: BadPassiveHost| match error {
        BadPassiveHost::Neither => Bad::Other,
        BadPassiveHost::Unusable(_) => Bad::Because(error.to_string()),
    })
}

impl Value for PassiveHost {
    const TAKES: &'static str =
        "an IPv4 address or a name, as in \"203.0.113.7\" or \"ftp.example.com\"";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        passive_host(written.value.as_str().ok_or(Bad::Other)?)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(&self.to_string()))
    }
}

impl Value for Vec<(Cidr, PassiveHost)> {
    const TAKES: &'static str = "networks and what they are told, as in [\"10.0.0.0/8 10.0.0.5\"]";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        list(written, |one| {
            let text = one.as_str().ok_or(Bad::Other)?;
            let (network, host) = text.split_once(' ').ok_or(Bad::Other)?;
            let network = network.parse();
            let network = network.map_err(|error: CidrError| Bad::Because(error.to_string()))?;
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
        "a name of the WHATWG Encoding Standard, as in \"gbk\" or \"windows-1252\"";

    fn read(written: Written<'_>) -> Result<Self, Bad> {
        if !charset::IS_BUILT_IN {
            let text = "this build has none; build it with --features charset";
            return Err(Bad::Because(text.to_owned()));
        }
        parsed(written.value)
    }

    fn show(&self) -> Option<String> {
        Some(quoted(self.name()))
    }
}

/// One of some words.
macro_rules! words {
    ($type:ty, $takes:literal, $($word:literal => $value:path),*) => {
        impl Value for $type {
            const TAKES: &'static str = $takes;

            fn read(written: Written<'_>) -> Result<Self, Bad> {
                match written.value.as_str() {
                    $(Some($word) => Ok($value),)*
                    _ => Err(Bad::Other),
                }
            }

            fn show(&self) -> Option<String> {
                let word = match self {
                    $($value => $word,)*
                    #[allow(unreachable_patterns, reason = "not all can be written")]
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
