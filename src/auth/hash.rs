//! Password hashes: verifies argon2id (RFC 9106), bcrypt, and those of crypt(5) that systems write: yescrypt,
//! SHA-512-crypt and SHA-256-crypt. It makes argon2id and SHA-512-crypt.
//!
//! A verification takes 10 to some 100 ms of CPU time by design, and argon2id and yescrypt their memory (19
//! and 16 MiB by default): it must not run on the event loop. Hashes are text, as other programs write it.

use std::sync::Arc;

use argon2::password_hash::{Error, try_generate_salt};
use sha_crypt::{Algorithm, PasswordHasher, PasswordVerifier, ShaCrypt};
use yescrypt::Yescrypt;

use super::hash_error::PASSWORD_BYTES;
use super::{HashError, HashScheme, Password, argon2id};

/// Whether the Cargo feature `hashed-passwords` is on.
pub const IS_BUILT_IN: bool = true;

/// Rounds of new SHA-512-crypt hashes: about the time of the argon2id hashes.
const ROUNDS: u32 = 50_000;

/// Bytes of the salt of SHA-512-crypt, which has 16 characters at the most.
const CRYPT_SALT: usize = 12;

/// The highest cost of bcrypt. As the other maxima, it is one to seven seconds of a current processor for
/// each login, and ten times as much of a board's.
const BCRYPT_COST: u64 = 14;

/// The most rounds of SHA-crypt; other programs make up to 656,000.
const MOST_ROUNDS: u64 = 1_000_000;

/// The most KiB times passes of argon2id: those of the costliest parameters that RFC 9106 §4 recommends.
const ARGON2_WORK: u64 = 2 * 1024 * 1024;

/// The most lanes of argon2id, whose number takes time as well; other programs make one to eight.
const ARGON2_LANES: u64 = 64;

/// The most bytes that yescrypt takes at the highest cost that `crypt_gensalt(3)` makes, 11. Its time grows
/// with them.
const YESCRYPT_BYTES: u64 = 1024 * 1024 * 1024;

enum Scheme {
    Argon2id,
    Bcrypt,
    /// SHA-256-crypt or SHA-512-crypt.
    ShaCrypt {
        /// Characters of the hash itself.
        characters: usize,
    },
    Yescrypt,
}

impl Scheme {
    fn of(text: &str) -> Option<Self> {
        match text {
            _ if text.starts_with("$argon2id$") => Some(Self::Argon2id),
            _ if text.starts_with("$2b$") || text.starts_with("$2y$") => Some(Self::Bcrypt),
            _ if text.starts_with("$5$") => Some(Self::ShaCrypt { characters: 43 }),
            _ if text.starts_with("$6$") => Some(Self::ShaCrypt { characters: 86 }),
            _ if text.starts_with("$y$") => Some(Self::Yescrypt),
            _ => None,
        }
    }
}

/// A password that is to be compared with a hash.
pub(super) struct HashRequest {
    hash: Arc<str>,
    password: Password,
}

impl HashRequest {
    /// `None` without the Cargo feature `hashed-passwords`.
    #[expect(clippy::unnecessary_wraps, reason = "no_hash makes none")]
    pub(super) fn new(hash: &Arc<str>, password: &Password) -> Option<Self> {
        Some(Self {
            hash: Arc::clone(hash),
            password: password.clone(),
        })
    }

    /// As [`verify`].
    pub(super) fn verify(&self) -> Result<bool, HashError> {
        verify(&self.password, &self.hash)
    }
}

/// Parses a hash, so that a malformed one, or one that takes too long, is an error of the configuration and
/// not of a login.
pub(super) fn validate(text: &str) -> Result<(), HashError> {
    let (what, value, most) = match Scheme::of(text).ok_or(HashError::UnknownKind)? {
        Scheme::Argon2id => match argon2id::Parsed::of(text) {
            Some(hash) if hash.lanes() > ARGON2_LANES => {
                ("lanes", Some(hash.lanes()), ARGON2_LANES)
            }
            hash => (
                "KiB times passes",
                hash.map(|hash| hash.work()),
                ARGON2_WORK,
            ),
        },
        Scheme::Bcrypt => ("cost", bcrypt_cost(text), BCRYPT_COST),
        Scheme::ShaCrypt { characters } => {
            ("rounds", sha_crypt_rounds(text, characters), MOST_ROUNDS)
        }
        Scheme::Yescrypt => ("bytes of memory", yescrypt_work(text), YESCRYPT_BYTES),
    };
    let value = value.ok_or(HashError::Malformed)?;
    if value > most {
        return Err(HashError::TooCostly { what, value, most });
    }
    Ok(())
}

/// Whether the password has this hash. Blocks for as long as the hash takes; `false` for a malformed one.
///
/// # Errors
/// [`HashError::NoMemory`]: the memory cannot be allocated, so that it is not known.
fn verify(password: &Password, text: &str) -> Result<bool, HashError> {
    if password.as_bytes().len() > PASSWORD_BYTES {
        return Ok(false);
    }
    let password = password.as_bytes();
    Ok(match Scheme::of(text) {
        Some(Scheme::Argon2id) => match argon2id::Parsed::of(text) {
            Some(hash) => hash.verify(password)?,
            None => false,
        },
        // An error only for a malformed hash, which `validate` has rejected before.
        Some(Scheme::Bcrypt) => bcrypt::verify(password, text).unwrap_or(false),
        // It takes the algorithm from the hash.
        Some(Scheme::ShaCrypt { .. }) => {
            ShaCrypt::default().verify_password(password, text).is_ok()
        }
        Some(Scheme::Yescrypt) => {
            // The crate ends the process when its allocation fails. One hash is computed at a time.
            let bytes = yescrypt_bytes(text).unwrap_or(0);
            let probe = Vec::<u8>::new().try_reserve_exact(bytes);
            probe.map_err(|_| HashError::NoMemory)?;
            bytes > 0 && Yescrypt::default().verify_password(password, text).is_ok()
        }
        None => false,
    })
}

/// Memory that verifying this hash takes, in bytes: that of argon2id and yescrypt; 0 for the others, which
/// take next to none.
pub fn hash_bytes(text: &str) -> usize {
    if let Some(bytes) = yescrypt_bytes(text) {
        return bytes;
    }
    argon2id::Parsed::of(text).map_or(0, |hash| hash.bytes())
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
    if password.as_bytes().len() > PASSWORD_BYTES {
        return Err(HashError::TooLong);
    }
    let fits = |(kib, _): &(u32, u32)| u64::from(*kib) * 1024 <= bytes;
    let parameters = argon2id::PARAMETERS.into_iter().find(fits);
    match (scheme, parameters) {
        (None | Some(HashScheme::Argon2id), Some((kib, passes))) => {
            argon2id::hash(password, kib, passes)
        }
        (Some(HashScheme::Argon2id), None) => Err(HashError::TooLittleMemory),
        (None, None) | (Some(HashScheme::Sha512Crypt), _) => sha512_crypt(password),
    }
}

fn sha512_crypt(password: &Password) -> Result<String, HashError> {
    let rounds = sha_crypt::Params::new(ROUNDS).map_err(|_| HashError::Malformed)?;
    let salt = try_generate_salt().map_err(|_| HashError::NoRandomness)?;
    let salt = salt.get(..CRYPT_SALT).unwrap_or(&salt);
    let hasher = ShaCrypt::new(Algorithm::Sha512Crypt, rounds);
    let hash = hasher.hash_password_with_salt(password.as_bytes(), salt);
    Ok(hash.map_err(|_| HashError::Malformed)?.to_string())
}

fn bcrypt_cost(text: &str) -> Option<u64> {
    let parts: bcrypt::HashParts = text.parse().ok()?;
    let cost = parts.get_cost();
    (4..=31).contains(&cost).then(|| cost.into())
}

/// Those of `$6$salt$hash` or `$6$rounds=5000$salt$hash`, where the hash has so many characters.
fn sha_crypt_rounds(text: &str, characters: usize) -> Option<u64> {
    let fields: Vec<_> = text.split('$').skip(2).collect();
    let (rounds, salt, hash) = match fields.as_slice() {
        [rounds, salt, hash] => (rounds.strip_prefix("rounds=")?.parse().ok()?, salt, hash),
        [salt, hash] => (sha_crypt::Params::RECOMMENDED_ROUNDS, salt, hash),
        _ => return None,
    };
    let is_valid = (1000..=999_999_999).contains(&rounds)
        && (1..=16).contains(&salt.len())
        && hash.len() == characters;
    (is_valid && is_crypt(salt) && is_crypt(hash)).then(|| rounds.into())
}

/// Whether the text has only the characters of crypt(5).
fn is_crypt(text: &str) -> bool {
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    text.bytes().all(is_character)
}

/// The memory of a yescrypt hash, if it may be verified.
fn yescrypt_bytes(text: &str) -> Option<usize> {
    let bytes = yescrypt_work(text).filter(|bytes| *bytes <= YESCRYPT_BYTES);
    bytes.and_then(|bytes| usize::try_from(bytes).ok())
}

/// The bytes of a yescrypt hash, `$y$j9T$salt$hash`; `None` if it is malformed. The parameters have three
/// characters (flavour, cost and block size), as `crypt_gensalt(3)` makes them: further ones would be numbers
/// that multiply the time.
fn yescrypt_work(text: &str) -> Option<u64> {
    let (parameters, rest) = text.strip_prefix("$y$")?.split_once('$')?;
    let (_, hash) = rest.split_once('$')?;
    let parsed: yescrypt::Params = parameters.parse().ok()?;
    let bytes = parsed.n().checked_mul(128 * u64::from(parsed.r()))?;
    // The crate decodes the salt and the hash, here with a cost of next to nothing. It would accept a hash
    // that is cut.
    let cheap = Yescrypt::default().verify_password(b"", format!("$y$j/.${rest}").as_str());
    let is_whole = parameters.len() == 3 && parameters.starts_with('j') && hash.len() == 43;
    (is_whole && cheap == Err(Error::PasswordInvalid)).then_some(bytes)
}

#[cfg(test)]
mod tests;
