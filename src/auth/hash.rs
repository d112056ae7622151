//! Password hashes: verifies argon2id (RFC 9106), bcrypt and SHA-512-crypt, and makes argon2id and
//! SHA-512-crypt.
//!
//! A verification takes 10 to some 100 ms of CPU time by design, and argon2id its memory (19 MiB by default):
//! it must not run on the event loop. Hashes are text in the formats of other programs.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, try_generate_salt};
use argon2::{Argon2, Params};
use sha_crypt::{Algorithm, PasswordHasher, PasswordVerifier, ShaCrypt};

use super::{HashError, HashScheme, Password};

/// Whether the Cargo feature `hashed-passwords` is on.
pub const IS_BUILT_IN: bool = true;

/// KiB and passes of new argon2id hashes, each with one lane: the minima that OWASP recommends, which are
/// equally strong. A machine with little memory spends time instead.
const PARAMETERS: [(u32, u32); 4] = [(19 * 1024, 2), (12 * 1024, 3), (9 * 1024, 4), (7 * 1024, 5)];

/// Rounds of new SHA-512-crypt hashes: about the time of the argon2id hashes.
const ROUNDS: u32 = 50_000;

/// Bytes of the salt of SHA-512-crypt, which has 16 characters at the most.
const CRYPT_SALT: usize = 12;

enum Scheme {
    Argon2id,
    Bcrypt,
    Sha512Crypt,
}

impl Scheme {
    fn of(text: &str) -> Option<Self> {
        match text {
            _ if text.starts_with("$argon2id$") => Some(Self::Argon2id),
            _ if text.starts_with("$2b$") || text.starts_with("$2y$") => Some(Self::Bcrypt),
            _ if text.starts_with("$6$") => Some(Self::Sha512Crypt),
            _ => None,
        }
    }
}

/// Parses a hash, so that a malformed one is an error of the configuration and not of a login.
pub(super) fn validate(text: &str) -> Result<(), HashError> {
    let is_valid = match Scheme::of(text).ok_or(HashError::UnknownKind)? {
        Scheme::Argon2id => PasswordHash::new(text).is_ok_and(|hash| {
            hash.hash.is_some() && hash.salt.is_some() && params(&hash).is_some()
        }),
        Scheme::Bcrypt => is_bcrypt(text),
        Scheme::Sha512Crypt => is_sha512_crypt(text),
    };
    is_valid.then_some(()).ok_or(HashError::Malformed)
}

/// Whether the password has this hash. Blocks for as long as the hash takes; `false` for a malformed one.
///
/// # Errors
/// [`HashError::NoMemory`]: the memory cannot be allocated, so that it is not known.
pub(super) fn verify(password: &Password, text: &str) -> Result<bool, HashError> {
    let password = password.as_bytes();
    Ok(match Scheme::of(text) {
        Some(Scheme::Argon2id) => match Argon2::default().verify_password(password, text) {
            Err(Error::OutOfMemory) => return Err(HashError::NoMemory),
            verified => verified.is_ok(),
        },
        // An error only for a malformed hash, which `validate` has rejected before.
        Some(Scheme::Bcrypt) => bcrypt::verify(password, text).unwrap_or(false),
        Some(Scheme::Sha512Crypt) => ShaCrypt::SHA512.verify_password(password, text).is_ok(),
        None => false,
    })
}

/// Memory that verifying this hash takes, in bytes: that of argon2id; 0 for the others, which take next to
/// none.
pub fn hash_bytes(text: &str) -> usize {
    let hash = PasswordHash::new(text).ok();
    let params = hash.as_ref().and_then(params);
    params.map_or(0, |params| params.block_count().saturating_mul(1024))
}

/// Hashes a password: argon2id with a new salt and the minimum parameters that OWASP recommends
/// (19 MiB, two passes, one lane).
///
/// # Errors
/// When the system's random number generator fails, or there is no memory.
pub fn hash_password(password: &Password) -> Result<String, HashError> {
    hash_within(password, Some(HashScheme::Argon2id), u64::MAX)
}

/// As [`hash_password`], with a hash that takes so many bytes of memory at the most. Without a `scheme`, it
/// is argon2id if that is possible.
///
/// # Errors
/// Also when argon2id is wanted and would take more.
pub fn hash_within(
    password: &Password,
    scheme: Option<HashScheme>,
    bytes: u64,
) -> Result<String, HashError> {
    let fits = |(kib, _): &(u32, u32)| u64::from(*kib) * 1024 <= bytes;
    let parameters = PARAMETERS.into_iter().find(fits);
    match (scheme, parameters) {
        (None | Some(HashScheme::Argon2id), Some((kib, passes))) => argon2id(password, kib, passes),
        (Some(HashScheme::Argon2id), None) => Err(HashError::TooLittleMemory),
        (None, None) | (Some(HashScheme::Sha512Crypt), _) => sha512_crypt(password),
    }
}

fn argon2id(password: &Password, kib: u32, passes: u32) -> Result<String, HashError> {
    let params = Params::new(kib, passes, 1, None).map_err(|_| HashError::Malformed)?;
    let hash = Argon2::from(params).hash_password(password.as_bytes());
    let hash = hash.map_err(|error| match error {
        Error::OutOfMemory => HashError::NoMemory,
        _ => HashError::NoRandomness,
    })?;
    Ok(hash.to_string())
}

fn sha512_crypt(password: &Password) -> Result<String, HashError> {
    let rounds = sha_crypt::Params::new(ROUNDS).map_err(|_| HashError::Malformed)?;
    let salt = try_generate_salt().map_err(|_| HashError::NoRandomness)?;
    let salt = salt.get(..CRYPT_SALT).unwrap_or(&salt);
    let hasher = ShaCrypt::new(Algorithm::Sha512Crypt, rounds);
    let hash = hasher.hash_password_with_salt(password.as_bytes(), salt);
    Ok(hash.map_err(|_| HashError::Malformed)?.to_string())
}

fn params(hash: &PasswordHash) -> Option<Params> {
    Params::try_from(hash).ok()
}

fn is_bcrypt(text: &str) -> bool {
    let cost = text
        .parse()
        .map(|parts: bcrypt::HashParts| parts.get_cost());
    cost.is_ok_and(|cost| (4..=31).contains(&cost))
}

/// `$6$salt$hash` or `$6$rounds=5000$salt$hash`, where the hash has 86 characters.
fn is_sha512_crypt(text: &str) -> bool {
    let fields: Vec<_> = text.split('$').skip(2).collect();
    let hash = match fields.as_slice() {
        [rounds, _, hash] => {
            let rounds = rounds.strip_prefix("rounds=");
            let rounds = rounds.and_then(|rounds| rounds.parse::<u32>().ok());
            if !rounds.is_some_and(|rounds| (1000..=999_999_999).contains(&rounds)) {
                return false;
            }
            hash
        }
        [_, hash] => hash,
        _ => return false,
    };
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    hash.len() == 86 && hash.bytes().all(is_character)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of `secret` by the argon2 crate, OpenSSL and crypt(3) of the C library.
    const HASHES: [&str; 5] = [
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM",
        "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
        concat!(
            "$6$rounds=1000$abcdefgh$nhYjN017qxiYztzyUpZtPnUQcnLy62KsunSLHNeLahp2EHPlAKmFFlrj",
            "EwSXGo2kgY5hR2.peKEg2VGUqIJJu1"
        ),
        "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
    ];

    #[test]
    fn hashes_of_other_programs_verify() {
        for hash in HASHES {
            assert_eq!(validate(hash), Ok(()), "{hash}");
            assert_eq!(verify(&"secret".into(), hash), Ok(true), "{hash}");
            for wrong in ["", "secre", "secrets", "Secret"] {
                assert_eq!(verify(&wrong.into(), hash), Ok(false), "{hash} {wrong}");
            }
        }
    }

    #[test]
    fn new_hash_verifies_and_has_a_new_salt() {
        let made = hash_password(&"p\u{e4}ss".into()).unwrap();
        assert!(
            made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{made}"
        );
        assert_eq!(validate(&made), Ok(()));
        assert_eq!(verify(&"p\u{e4}ss".into(), &made), Ok(true));
        assert_eq!(verify(&"pass".into(), &made), Ok(false));
        assert_ne!(hash_password(&"p\u{e4}ss".into()), Ok(made.clone()));
        assert_eq!(hash_bytes(&made), 19 * 1024 * 1024);
    }

    #[test]
    fn new_hash_fits_into_the_memory() {
        const MIB: u64 = 1024 * 1024;
        const CRYPT: &str = "$6$rounds=50000$";
        let argon2id = Some(HashScheme::Argon2id);
        for (scheme, bytes, begin) in [
            (None, 19 * MIB, "$argon2id$v=19$m=19456,t=2,p=1$"),
            (None, 19 * MIB - 1, "$argon2id$v=19$m=12288,t=3,p=1$"),
            (argon2id, 9 * MIB, "$argon2id$v=19$m=9216,t=4,p=1$"),
            (None, 7 * MIB, "$argon2id$v=19$m=7168,t=5,p=1$"),
            (None, 7 * MIB - 1, CRYPT),
            (Some(HashScheme::Sha512Crypt), u64::MAX, CRYPT),
        ] {
            let made = hash_within(&"secret".into(), scheme, bytes).unwrap();
            assert!(made.starts_with(begin), "{made}");
            assert!(hash_bytes(&made) as u64 <= bytes);
            assert_eq!(validate(&made), Ok(()));
            assert_eq!(verify(&"secret".into(), &made), Ok(true), "{made}");
            assert_eq!(verify(&"secre".into(), &made), Ok(false), "{made}");
            // Other programs use and print no more characters of the salt than this.
            if let Some(rest) = made.strip_prefix(CRYPT) {
                assert_eq!(rest.find('$'), Some(16), "{made}");
            }
        }
        let refused = hash_within(&"secret".into(), argon2id, 7 * MIB - 1);
        assert_eq!(refused, Err(HashError::TooLittleMemory));
    }

    #[test]
    fn malformed_hashes_are_rejected_by_validate() {
        for text in [
            "",
            "secret",
            "$1$a$b",
            "$2a$",
            "$argon2i$v=19$m=8,t=1,p=1$c2FsdA$aaaa",
            "$7$",
        ] {
            assert_eq!(validate(text), Err(HashError::UnknownKind), "{text}");
        }
        for hash in HASHES {
            let cut = &hash[..hash.len() - 1];
            assert_eq!(verify(&"secret".into(), cut), Ok(false), "{cut}");
        }
        for text in [
            "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0",
            "$argon2id$v=19$m=1,t=0,p=1$c2FsdHNhbHRzYWx0$aaaaaaaaaaaaaaaaaaaaaa",
            "$argon2id$",
            "$2b$03$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
            "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIr",
            "$6$saltsalt$TVLlQ",
            &HASHES[2].replace("rounds=1000", "rounds=1"),
        ] {
            assert_eq!(validate(text), Err(HashError::Malformed), "{text}");
        }
    }
}
