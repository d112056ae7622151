//! A password in memory: zeroed on drop, never printed, compared in constant time.
//!
//! Passwords come from PASS commands and from the configuration. Hashes are in `hash`.

use std::fmt;

use zeroize::Zeroizing;

/// The bytes of a password. The debug form does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes ownership of the bytes, and zeroes them on drop.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares with the expected password in a time that depends on the length of `self` alone (no timing
    /// side channel).
    pub(super) fn equals(&self, expected: &Self) -> bool {
        let (sent, expected) = (self.as_bytes(), expected.as_bytes());
        let mut difference = usize::from(sent.len() != expected.len());
        for (index, byte) in sent.iter().enumerate() {
            // Past the end of a shorter expected password, every byte differs.
            let other = expected.get(index).copied().unwrap_or(!byte);
            difference |= usize::from(byte ^ other);
        }
        std::hint::black_box(difference) == 0
    }
}

impl From<&[u8]> for Password {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(****)")
    }
}

/// A user name and a password, as a client sends them.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginCredentials {
    /// The argument of USER.
    pub name: Vec<u8>,
    /// The argument of PASS.
    pub password: Password,
}

impl fmt::Debug for LoginCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.name.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_equal_only_byte_for_byte() {
        let expected = Password::from("secret");
        for (sent, is_equal) in [
            ("secret", true),
            ("secre", false),
            ("secretx", false),
            ("Secret", false),
            ("", false),
        ] {
            assert_eq!(Password::from(sent).equals(&expected), is_equal, "{sent}");
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        let credentials = LoginCredentials {
            name: b"ann".to_vec(),
            password: "secret".into(),
        };
        let shown = format!("{credentials:?} {:?}", credentials.password);
        assert!(shown.contains("ann") && !shown.contains("secret"));
    }
}
