//! Password hashes: verifies argon2id (RFC 9106), bcrypt, and those of crypt(5) that systems write: yescrypt,
//! SHA-512-crypt and SHA-256-crypt. It makes argon2id and SHA-512-crypt.
//!
//! A verification takes 10 to some 100 ms of CPU time by design, and argon2id and yescrypt their memory (19
//! and 16 MiB by default): it must not run on the event loop. Hashes are text, as other programs write it.

use argon2::password_hash::{Error, try_generate_salt};
use sha_crypt::{Algorithm, PasswordHasher, PasswordVerifier, ShaCrypt};
use yescrypt::Yescrypt;

use super::{HashError, HashScheme, Password, argon2id};

/// Whether the Cargo feature `hashed-passwords` is on.
pub const IS_BUILT_IN: bool = true;

/// Rounds of new SHA-512-crypt hashes: about the time of the argon2id hashes.
const ROUNDS: u32 = 50_000;

/// The longest password that is hashed, as of crypt(3): the time of SHA-512-crypt grows with it.
const PASSWORD_BYTES: usize = 512;

/// Bytes of the salt of SHA-512-crypt, which has 16 characters at the most.
const CRYPT_SALT: usize = 12;

/// The most bytes that yescrypt takes at the highest cost that `crypt_gensalt(3)` makes, 11.
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

/// Parses a hash, so that a malformed one is an error of the configuration and not of a login.
pub(super) fn validate(text: &str) -> Result<(), HashError> {
    let is_valid = match Scheme::of(text).ok_or(HashError::UnknownKind)? {
        Scheme::Argon2id => argon2id::Parsed::of(text).is_some(),
        Scheme::Bcrypt => is_bcrypt(text),
        Scheme::ShaCrypt { characters } => is_sha_crypt(text, characters),
        Scheme::Yescrypt => yescrypt_bytes(text).is_some(),
    };
    is_valid.then_some(()).ok_or(HashError::Malformed)
}

/// Whether the password has this hash. Blocks for as long as the hash takes; `false` for a malformed one.
///
/// # Errors
/// [`HashError::NoMemory`]: the memory cannot be allocated, so that it is not known.
pub(super) fn verify(password: &Password, text: &str) -> Result<bool, HashError> {
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

fn is_bcrypt(text: &str) -> bool {
    let cost = text
        .parse()
        .map(|parts: bcrypt::HashParts| parts.get_cost());
    cost.is_ok_and(|cost| (4..=31).contains(&cost))
}

/// `$6$salt$hash` or `$6$rounds=5000$salt$hash`, where the hash has so many characters.
fn is_sha_crypt(text: &str, characters: usize) -> bool {
    let fields: Vec<_> = text.split('$').skip(2).collect();
    let (salt, hash) = match fields.as_slice() {
        [rounds, salt, hash] => {
            let rounds = rounds.strip_prefix("rounds=");
            let rounds = rounds.and_then(|rounds| rounds.parse::<u32>().ok());
            if !rounds.is_some_and(|rounds| (1000..=999_999_999).contains(&rounds)) {
                return false;
            }
            (salt, hash)
        }
        [salt, hash] => (salt, hash),
        _ => return false,
    };
    (1..=16).contains(&salt.len()) && hash.len() == characters && is_crypt(salt) && is_crypt(hash)
}

/// Whether the text has only the characters of crypt(5).
fn is_crypt(text: &str) -> bool {
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    text.bytes().all(is_character)
}

/// The memory of a yescrypt hash, `$y$j9T$salt$hash`; `None` if it is malformed. The parameters have three
/// characters (flavour, cost and block size), as `crypt_gensalt(3)` makes them: further ones would be numbers
/// that multiply the time.
fn yescrypt_bytes(text: &str) -> Option<usize> {
    let (parameters, rest) = text.strip_prefix("$y$")?.split_once('$')?;
    let (_, hash) = rest.split_once('$')?;
    let parsed: yescrypt::Params = parameters.parse().ok()?;
    let bytes = parsed.n().checked_mul(128 * u64::from(parsed.r()))?;
    // The crate decodes the salt and the hash, here with a cost of next to nothing. It would accept a hash
    // that is cut.
    let cheap = Yescrypt::default().verify_password(b"", format!("$y$j/.${rest}").as_str());
    let is_whole = parameters.len() == 3 && parameters.starts_with('j') && hash.len() == 43;
    let is_valid = is_whole && bytes <= YESCRYPT_BYTES && cheap == Err(Error::PasswordInvalid);
    is_valid.then(|| usize::try_from(bytes).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of `secret` by the argon2 crate, OpenSSL and crypt(3) of the C library.
    const HASHES: [&str; 9] = [
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM",
        "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
        concat!(
            "$6$rounds=1000$abcdefgh$nhYjN017qxiYztzyUpZtPnUQcnLy62KsunSLHNeLahp2EHPlAKmFFlrj",
            "EwSXGo2kgY5hR2.peKEg2VGUqIJJu1"
        ),
        "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW",
        "$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA",
        "$5$rounds=1000$abcdefgh$XIppta5rT8zJUu4vAOKQXrwq9uY4Ijlz6VjyOmkx5i4",
        YESCRYPT,
        "$y$j9T$f6jdeR1jgP3hawxZLNm7T/$1jkxg5r.Z/VcKFtP/l.F9lT7vC/DZp/95vDyv0PE.AD",
    ];

    const YESCRYPT: &str = "$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2";

    #[test]
    fn password_that_is_too_long_is_neither_hashed_nor_verified() {
        let password = |bytes| Password::from("x".repeat(bytes).as_str());
        let hash = |bytes| hash_within(&password(bytes), Some(HashScheme::Sha512Crypt), u64::MAX);
        let longest = hash(PASSWORD_BYTES).unwrap();
        assert_eq!(verify(&password(PASSWORD_BYTES), &longest), Ok(true));
        assert_eq!(verify(&password(PASSWORD_BYTES + 1), &longest), Ok(false));
        assert_eq!(hash(PASSWORD_BYTES + 1), Err(HashError::TooLong));
    }

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
            "$gy$j9T$eY46f1hj2prNMehwhy2bQ.$P4RhGfZe2pEm136qf0SRi9z9Lw/CK6Q0E9W1hhDHmgB",
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
            &HASHES[1].replace("$6$", "$5$"),
            &HASHES[2].replace("rounds=1000", "rounds=1"),
            &HASHES[2].replace("abcdefgh", ""),
            &HASHES[2].replace("abcdefgh", "abcdefghijklmnopq"),
            &HASHES[2].replace("abcdefgh", "abcd:fgh"),
        ] {
            assert_eq!(validate(text), Err(HashError::Malformed), "{text}");
        }
    }

    #[test]
    fn yescrypt_memory_is_that_of_its_parameters() {
        for (parameters, bytes) in [
            ("j/.", 512),
            ("j75", 1 << 20),
            ("j9T", 16 << 20),
            ("jFT", 1 << 30),
        ] {
            let hash = YESCRYPT.replace("j75", parameters);
            assert_eq!(validate(&hash), Ok(()), "{parameters}");
            assert_eq!(hash_bytes(&hash), bytes, "{parameters}");
        }
    }

    /// More memory than any system asks for, further parameters (which multiply the time), other flavours,
    /// and what no parameter is. All that is accepted has a limit.
    #[test]
    fn yescrypt_with_other_parameters_is_rejected() {
        for parameters in [
            "jGT", "jkU", "j", "j7", "j75.0", "j751", "j753/2", "j7510", ".75", "/75", "j7\u{e4}",
            "",
        ] {
            let hash = YESCRYPT.replace("j75", parameters);
            assert_eq!(validate(&hash), Err(HashError::Malformed), "{parameters}");
            assert_eq!(hash_bytes(&hash), 0, "{parameters}");
            assert_eq!(verify(&"secret".into(), &hash), Ok(false), "{parameters}");
        }
        for byte in b' '..=b'~' {
            for other in ['.', '5', 'T', 'j', 'z'] {
                let parameters = format!("j{}{other}", char::from(byte));
                let bytes = hash_bytes(&YESCRYPT.replace("j75", &parameters));
                assert!(bytes <= 1 << 30, "{parameters} {bytes}");
            }
        }
    }

    #[test]
    fn yescrypt_with_cut_hash_or_other_salt_is_rejected() {
        let with_salt = |salt| YESCRYPT.replace("saltsalt", salt);
        let hash = "0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2";
        let begin = YESCRYPT.len() - hash.len();
        let cut = (0..hash.len()).map(|left| YESCRYPT[..begin + left].to_owned());
        let other = [
            with_salt(""),
            with_salt("a"),
            with_salt("salt!alt"),
            format!("{YESCRYPT}."),
            format!("{YESCRYPT}$"),
            YESCRYPT.replace(hash, &"z".repeat(43)),
        ];
        for hash in cut.chain(other) {
            assert_eq!(validate(&hash), Err(HashError::Malformed), "{hash}");
            assert_eq!(verify(&"secret".into(), &hash), Ok(false), "{hash}");
        }
    }
}
