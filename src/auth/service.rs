//! The name of a PAM service (pam(8)): a file in `/etc/pam.d`, which lists the modules of a login.
//!
//! libpam makes a path of the name, so only letters, digits, `-` and `_` are allowed (no path traversal).
//! Without the Cargo feature `pam` no service can be made.

use std::fmt;

/// The longest name, in bytes; a file name could have 255.
const SERVICE_BYTES: usize = 64;

/// The name of a PAM service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PamService(String);

/// A service name that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceNameError {
    /// The Cargo feature `pam` is off.
    NotBuiltIn,
    /// The name is empty, too long, or has a byte that is not allowed.
    Malformed,
}

impl fmt::Display for ServiceNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBuiltIn => "this build has no PAM; build it with --features pam",
            Self::Malformed => "a service is named by letters, digits, - and _, as in \"mioftpd\"",
        })
    }
}

impl std::error::Error for ServiceNameError {}

impl PamService {
    /// Validates a name. The file of the service may be missing.
    ///
    /// # Errors
    /// When the name is malformed, or this build has no PAM.
    pub fn named(name: &str) -> Result<Self, ServiceNameError> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if name.is_empty() || name.len() > SERVICE_BYTES || !name.bytes().all(is_allowed) {
            return Err(ServiceNameError::Malformed);
        }
        if !cfg!(feature = "pam") {
            return Err(ServiceNameError::NotBuiltIn);
        }
        Ok(Self(name.to_owned()))
    }

    /// As text.
    pub fn name(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_name_allows_no_path_traversal() {
        let longest = "a".repeat(SERVICE_BYTES);
        for name in ["mioftpd", "vsftpd_2", "common-auth", &longest] {
            let expected = if cfg!(feature = "pam") {
                Ok(PamService(name.to_owned()))
            } else {
                Err(ServiceNameError::NotBuiltIn)
            };
            assert_eq!(PamService::named(name), expected, "{name}");
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
            assert_eq!(
                PamService::named(name),
                Err(ServiceNameError::Malformed),
                "{name}"
            );
        }
    }
}
