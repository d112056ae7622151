//! A password as it was sent: in memory for as long as it is needed, and never shown.
//!
//! Its bytes are overwritten when it is dropped. It is compared without telling by the time it
//! takes where two differ. It knows no hashes.

use std::fmt;

use zeroize::Zeroizing;

/// The bytes of a password. Its debug form does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes the bytes over; overwritten when it is dropped.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Equality in a time that depends on the length of this one alone.
    pub(super) fn is_same(&self, kept: &Self) -> bool {
        let (sent, kept) = (self.as_bytes(), kept.as_bytes());
        let mut difference = usize::from(sent.len() != kept.len());
        for (index, byte) in sent.iter().enumerate() {
            let other = kept.get(index).copied().unwrap_or(!byte);
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

/// A name and the password sent with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// As sent with USER.
    pub name: Vec<u8>,
    /// As sent with PASS.
    pub password: Password,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.name.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_the_same_to_the_byte() {
        let kept = Password::from("secret");
        for (sent, same) in [
            ("secret", true),
            ("secre", false),
            ("secretx", false),
            ("Secret", false),
            ("", false),
        ] {
            assert_eq!(Password::from(sent).is_same(&kept), same, "{sent}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let credentials = Credentials {
            name: b"ann".to_vec(),
            password: "secret".into(),
        };
        let shown = format!("{credentials:?} {:?}", credentials.password);
        assert!(shown.contains("ann") && !shown.contains("secret"));
    }
}
