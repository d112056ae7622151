//! Hashes of this and of other programs: parsed, made and verified; what is malformed, and what takes too
//! long.
//!
//! They are cheap, so that a test takes no time.

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

#[test]
fn hash_that_takes_too_long_is_rejected() {
    let argon2id = |parameters| HASHES[0].replace("m=8,t=1", parameters);
    let (crypt, long) = (HASHES[2], "a login would take too long with this hash: ");
    for (most, more, why) in [
        (
            HASHES[3].replace("$04$", "$14$"),
            HASHES[3].replace("$04$", "$15$"),
            "cost 15, where the maximum is 14",
        ),
        (
            crypt.replace("=1000$", "=1000000$"),
            crypt.replace("=1000$", "=1000001$"),
            "rounds 1000001, where the maximum is 1000000",
        ),
        (
            argon2id("m=2097152,t=1"),
            argon2id("m=2097153,t=1"),
            "KiB times passes 2097153, where the maximum is 2097152",
        ),
        (
            argon2id("m=1024,t=2048"),
            argon2id("m=8,t=4294967295"),
            "KiB times passes 34359738360, where the maximum is 2097152",
        ),
        (
            argon2id("m=520,t=1").replace("p=1", "p=64"),
            argon2id("m=520,t=1").replace("p=1", "p=65"),
            "lanes 65, where the maximum is 64",
        ),
        (
            YESCRYPT.replace("j75", "jFT"),
            YESCRYPT.replace("j75", "jGT"),
            "bytes of memory 2147483648, where the maximum is 1073741824",
        ),
    ] {
        assert_eq!(validate(&most), Ok(()), "{most}");
        let refused = validate(&more).unwrap_err().to_string();
        let expected = format!("{long}{why}; make a new one with --hash-password");
        assert_eq!(refused, expected, "{more}");
    }
}

/// More memory than any system asks for, further parameters (which multiply the time), other flavours,
/// and what no parameter is. All that is accepted has a limit.
#[test]
fn yescrypt_with_other_parameters_is_rejected() {
    for parameters in [
        "j", "j7", "j75.0", "j751", "j753/2", "j7510", ".75", "/75", "j7\u{e4}", "",
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
