//! The values of the keys as TOML, for the output of `--check`.
//!
//! Passwords and hashes are never printed.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::moment::Moment;
use super::units;
use crate::auth::{Cidr, PamService, Permissions, Secret};
use crate::config::{SocketMode, StatusAddress, Words};
use crate::logging::Syslog;
use crate::net::PassiveHost;
use crate::protocol::charset::Charset;
use crate::protocol::date::rfc3339;
use crate::protocol::zone::Zone;
use crate::sandbox::RunAs;
use crate::storage::Umask;

/// A value that can be printed.
pub(super) trait Show {
    /// The value as TOML; `None`: it is not set, or secret.
    fn show(&self) -> Option<String>;
}

macro_rules! show {
    ($($type:ty: |$value:ident| $text:expr;)*) => { $(
        impl Show for $type {
            fn show(&self) -> Option<String> {
                let $value = self;
                Some($text)
            }
        }
    )* };
}

show! {
    bool: |value| value.to_string();
    usize: |value| value.to_string();
    u32: |value| value.to_string();
    u64: |value| quoted(&units::show_size(*value));
    Duration: |value| quoted(&units::show_duration(*value));
    PathBuf: |value| quoted(&value.to_string_lossy());
    String: |value| quoted(value);
    Zone: |value| quoted(&value.to_string());
    Umask: |value| quoted(&value.to_string());
    SocketMode: |value| quoted(&value.to_string());
    StatusAddress: |value| quoted(&value.to_string());
    RunAs: |value| quoted(&value.to_string());
    SocketAddr: |value| quoted(&value.to_string());
    Cidr: |value| quoted(&value.to_string());
    PassiveHost: |value| quoted(&value.to_string());
    RangeInclusive<u16>: |value| quoted(&format!("{}-{}", value.start(), value.end()));
    (Cidr, PassiveHost): |value| quoted(&format!("{} {}", value.0, value.1));
    Charset: |value| quoted(value.name());
    Permissions: |value| quoted(&value.to_string());
    Moment: |value| rfc3339(value.0);
    PamService: |value| quoted(value.name());
}

/// An enum with a word for each value.
impl<T: Words> Show for T {
    fn show(&self) -> Option<String> {
        self.word().map(quoted)
    }
}

impl<T: Show> Show for Option<T> {
    fn show(&self) -> Option<String> {
        self.as_ref().and_then(Show::show)
    }
}

impl<T: Show> Show for Vec<T> {
    fn show(&self) -> Option<String> {
        let shown: Vec<_> = self.iter().filter_map(Show::show).collect();
        Some(format!("[{}]", shown.join(", ")))
    }
}

impl Show for Syslog {
    fn show(&self) -> Option<String> {
        let path = self.path()?.to_string_lossy();
        Some(quoted(&path))
    }
}

impl Show for Secret {
    fn show(&self) -> Option<String> {
        None
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
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
