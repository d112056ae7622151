//! Reads the password of a system user from a file in the format of shadow(5), without PAM.
//!
//! A locked user, one without a password, and one who has to set another first cannot log in. The days on
//! which the user or the password expires become the expiry of the account. The file is read with the
//! configuration, before privileges are given up; nothing is read at a login.

use std::io::Read as _;
use std::path::Path;

use rustix::fs::Access;

use crate::auth::Secret;
use crate::cause::of_path;
use crate::limits::CONFIG_BYTES;
use crate::storage::open_operator_file;

const SECONDS_OF_DAY: i64 = 24 * 60 * 60;

/// Characters of a hash by DES. A shorter field, such as `x`, is no hash of any kind.
const SHORTEST_HASH: usize = 13;

/// What the file says of one user.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShadowUser {
    pub(super) secret: Secret,
    /// In seconds since 1970.
    pub(super) expires: Option<i64>,
}

/// Reads the line of a user.
///
/// # Errors
/// The cause; it does not name the file.
pub(super) fn read(path: &Path, name: &str) -> Result<ShadowUser, String> {
    let mut text = String::new();
    let file = open_operator_file(path).and_then(|file| {
        let read = file.take(CONFIG_BYTES).read_to_string(&mut text);
        read.map(drop)
    });
    file.map_err(|error| of_path(&error, path, Access::READ_OK))?;
    user(&text, name)
}

fn user(text: &str, name: &str) -> Result<ShadowUser, String> {
    let mut users = text.lines().map(|line| line.split(':'));
    let fields = users.find_map(|mut fields| (fields.next() == Some(name)).then_some(fields));
    let missing = || format!("it has no user {name:?}; add the user, or remove the account");
    let fields: Vec<&str> = fields.ok_or_else(missing)?.collect();
    let hash = fields.first().copied().unwrap_or_default();
    // Some programs write -1 for a day that is not set.
    let day = |index: usize| {
        fields
            .get(index)?
            .parse::<i64>()
            .ok()
            .filter(|day| *day >= 0)
    };
    let (changed, longest, expires) = (day(1), day(3), day(6));
    let secret = match hash {
        "" => Secret::Locked("has no password"),
        _ if hash.starts_with(['!', '*']) => Secret::Locked("is locked"),
        _ if hash.len() < SHORTEST_HASH && !hash.starts_with('$') => {
            Secret::Locked("has no password that can be typed")
        }
        _ if changed == Some(0) => Secret::Locked("has to set another password first"),
        _ => Secret::hashed(hash).map_err(|error| format!("user {name:?}: {error}"))?,
    };
    let password_expires = changed
        .zip(longest)
        .map(|(changed, longest)| changed.saturating_add(longest).saturating_add(1));
    let day = expires.into_iter().chain(password_expires).min();
    Ok(ShadowUser {
        secret,
        expires: day.map(|day| day.saturating_mul(SECONDS_OF_DAY)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

    /// Without the Cargo feature no hash is valid.
    const HAS_HASHES: bool = crate::auth::IS_BUILT_IN;

    fn of_line(rest: &str) -> Result<ShadowUser, String> {
        user(
            &format!("root:*:1::::::\nannie:!:1::::::\nann:{rest}\n"),
            "ann",
        )
    }

    #[test]
    fn line_of_the_user_has_hash_and_expiry() {
        if !HAS_HASHES {
            return;
        }
        for (rest, days) in [
            (":19000:0:99999:7:::", Some(19_000 + 99_999 + 1)),
            (":19000:0:90:7:::", Some(19_091)),
            (":19000:0:90:7:14:19050:", Some(19_050)),
            // Days beyond what a number of days can be: never.
            (":9223372036854775807:0:1:7:::", Some(i64::MAX)),
            (":19000::::::", None),
            (":19000:0:-1:7:::", None),
            (":19000:0:99999:7:-1:-1:", Some(19_000 + 99_999 + 1)),
            ("::::::20000:", Some(20_000)),
            ("", None),
        ] {
            let expected = ShadowUser {
                secret: Secret::hashed(HASH).unwrap(),
                expires: days.map(|days: i64| days.saturating_mul(SECONDS_OF_DAY)),
            };
            assert_eq!(of_line(&format!("{HASH}{rest}")), Ok(expected), "{rest}");
        }
    }

    #[test]
    fn locked_users_have_no_secret() {
        if !HAS_HASHES {
            return;
        }
        let secret = |hash: &str, changed: &str| {
            let user = of_line(&format!("{hash}:{changed}::::::"));
            user.unwrap().secret
        };
        assert_eq!(secret("", "19000"), Secret::Locked("has no password"));
        for hash in [
            "!",
            "*",
            "!!",
            "!*",
            &format!("!{HASH}"),
            &format!("*{HASH}"),
        ] {
            assert_eq!(secret(hash, "19000"), Secret::Locked("is locked"), "{hash}");
        }
        let no_hash = Secret::Locked("has no password that can be typed");
        assert_eq!(secret("x", "19000"), no_hash);
        let has_to_change = Secret::Locked("has to set another password first");
        assert_eq!(secret(HASH, "0"), has_to_change);
    }

    #[test]
    fn missing_user_and_other_hashes_are_errors() {
        if !HAS_HASHES {
            return;
        }
        let error = user("bob:!::::::\n", "ann").unwrap_err();
        assert!(error.contains("no user \"ann\""), "{error}");
        let error = of_line("$gy$j9T$abc$def:19000::::::").unwrap_err();
        assert!(
            error.contains("user \"ann\": a hash begins with"),
            "{error}"
        );
        let error = of_line("$y$j9T$abc$def:19000::::::").unwrap_err();
        assert!(error.contains("the hash is malformed"), "{error}");
    }
}
