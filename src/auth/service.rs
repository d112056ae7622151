//! The name under which PAM is asked (pam(8)): that of a file of the system's, which says what a
//! login takes.
//!
//! It becomes part of a path, by code of others, so it is one word. A build that cannot ask PAM has
//! no service at all.

use std::fmt;

/// The longest name: a file's could be longer, and nobody's is.
const SERVICE_BYTES: usize = 64;

/// A service of PAM's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service(String);

/// Why there is no such service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadService {
    /// This build cannot ask PAM.
    NotBuiltIn,
    /// It is no word.
    Malformed,
}

impl fmt::Display for BadService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuiltIn => "this build cannot ask PAM; build it with --features pam",
            Self::Malformed => "a service is named by letters, digits, - and _, as in \"mioftpd\"",
        })
    }
}

impl std::error::Error for BadService {}

impl Service {
    /// The one with this name, if this build can ask it.
    ///
    /// # Errors
    /// Where it cannot, or where that is no name. Whether the system has such a service is not
    /// asked.
    pub fn named(name: &str) -> Result<Self, BadService> {
        let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if name.is_empty() || name.len() > SERVICE_BYTES || !name.bytes().all(is_part) {
            return Err(BadService::Malformed);
        }
        if !cfg!(feature = "pam") {
            return Err(BadService::NotBuiltIn);
        }
        Ok(Self(name.to_owned()))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        let longest = "a".repeat(SERVICE_BYTES);
        for name in ["mioftpd", "vsftpd_2", "common-auth", &longest] {
            let expected = if cfg!(feature = "pam") {
                Ok(Service(name.to_owned()))
            } else {
                Err(BadService::NotBuiltIn)
            };
            assert_eq!(Service::named(name), expected, "{name}");
        }
        let longer = "a".repeat(SERVICE_BYTES + 1);
        for name in [
            "",
            ".",
            "..",
            "../x",
            "/etc/pam.d/x",
            "a b",
            "a\0",
            "é",
            &longer,
        ] {
            assert_eq!(Service::named(name), Err(BadService::Malformed), "{name}");
        }
    }
}
