//! The digest algorithms of HASH and its variants, under their IANA names
//! (draft-bryan-ftpext-hash-02 §3.1), as wrappers of the crates that implement them.
//!
//! Without the Cargo feature `digests` no algorithm can be selected and the commands are not served.

/// A digest algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-512.
    Sha512,
    /// SHA-1; broken for signatures, but widely supported by clients.
    Sha1,
    /// MD5; weaker than SHA-1, and as widely supported.
    Md5,
    /// The CRC of ZIP and Ethernet; detects accidental changes only.
    Crc32,
}

impl Algorithm {
    /// All of them, best first.
    pub const ALL: [Self; 5] = [
        Self::Sha256,
        Self::Sha512,
        Self::Sha1,
        Self::Md5,
        Self::Crc32,
    ];

    /// The IANA name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha512 => "SHA-512",
            Self::Sha1 => "SHA-1",
            Self::Md5 => "MD5",
            Self::Crc32 => "CRC32",
        }
    }

    /// Finds an algorithm by name, ignoring case.
    pub fn named(name: &[u8]) -> Option<Self> {
        let is_it = |algorithm: &Self| name.eq_ignore_ascii_case(algorithm.name().as_bytes());
        Self::ALL.into_iter().find(is_it)
    }
}

/// A digest in progress.
pub(super) trait Hasher: Send {
    fn update(&mut self, bytes: &[u8]);

    /// Returns the digest and resets the hasher.
    fn finish(&mut self) -> Vec<u8>;
}

#[cfg(not(feature = "digests"))]
pub(super) const fn hasher(_: Algorithm) -> Option<Box<dyn Hasher>> {
    None
}

#[cfg(feature = "digests")]
pub(super) use enabled::hasher;

#[cfg(feature = "digests")]
mod enabled {
    use sha2::Digest;
    use sha2::digest::FixedOutputReset;

    use super::{Algorithm, Hasher};

    #[allow(clippy::unnecessary_wraps, reason = "None without the feature")]
    pub(in crate::file_task) fn hasher(algorithm: Algorithm) -> Option<Box<dyn Hasher>> {
        Some(match algorithm {
            Algorithm::Sha256 => Box::new(sha2::Sha256::new()),
            Algorithm::Sha512 => Box::new(sha2::Sha512::new()),
            Algorithm::Sha1 => Box::new(sha1::Sha1::new()),
            Algorithm::Md5 => Box::new(md5::Md5::new()),
            Algorithm::Crc32 => Box::new(Crc32(crc32fast::Hasher::new())),
        })
    }

    impl<D: Digest + FixedOutputReset + Send> Hasher for D {
        fn update(&mut self, bytes: &[u8]) {
            Digest::update(self, bytes);
        }

        fn finish(&mut self) -> Vec<u8> {
            self.finalize_reset().to_vec()
        }
    }

    struct Crc32(crc32fast::Hasher);

    impl Hasher for Crc32 {
        fn update(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&mut self) -> Vec<u8> {
            let crc = std::mem::take(&mut self.0);
            crc.finalize().to_be_bytes().to_vec()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_round_trips_in_any_case() {
        for algorithm in Algorithm::ALL {
            let name = algorithm.name().to_lowercase();
            assert_eq!(Algorithm::named(name.as_bytes()), Some(algorithm));
        }
        assert_eq!(Algorithm::named(b"SHA256"), None);
    }

    /// The test vectors of RFC 1321 and FIPS 180, and the CRC-32 check value.
    #[cfg(feature = "digests")]
    #[test]
    fn digest_matches_published_test_vector() {
        for (algorithm, text, start) in [
            (Algorithm::Sha256, "abc", [0xba, 0x78, 0x16, 0xbf]),
            (Algorithm::Sha512, "abc", [0xdd, 0xaf, 0x35, 0xa1]),
            (Algorithm::Sha1, "abc", [0xa9, 0x99, 0x3e, 0x36]),
            (Algorithm::Md5, "abc", [0x90, 0x01, 0x50, 0x98]),
            (Algorithm::Crc32, "123456789", [0xcb, 0xf4, 0x39, 0x26]),
        ] {
            let mut hasher = hasher(algorithm).unwrap();
            for byte in text.as_bytes() {
                hasher.update(&[*byte]);
            }
            let digest = hasher.finish();
            assert!(digest.starts_with(&start), "{algorithm:?} {digest:02x?}");
        }
    }
}
