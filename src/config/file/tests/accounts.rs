//! Parsing and errors of `[[account]]`.

use super::*;
use crate::auth::Secret;

#[test]
fn every_example_value_of_an_account_is_effective() {
    let (example, directory) = example();
    let secret = directory.path().join("secret");
    let password = format!("password-file = {secret:?}\n");
    let base = format!("[[account]]\nname = \"bob\"\n{password}");
    for key in ACCOUNT_KEYS {
        let line = line_of(&example, key.path);
        let name = key.path.trim_start_matches("account.");
        let with = match name {
            "name" => base.replace("bob", "eve"),
            "password" if !crate::auth::IS_BUILT_IN => continue,
            "pam" if !cfg!(feature = "pam") => continue,
            "password" | "pam" => {
                let text = base.replace(&password, line.trim_start_matches('#'));
                let accounts = parsed(&text).accounts;
                match &accounts.get(b"bob").unwrap().secret {
                    Secret::Hash(_) => assert_eq!(name, "password"),
                    Secret::System(service) => {
                        assert_eq!((name, service.name()), ("pam", "mioftpd"));
                    }
                    other => panic!("{other:?}"),
                }
                continue;
            }
            "password-file" | "shadow" => continue,
            _ => format!("{base}{line}\n"),
        };
        let (with, without) = (shown(&with), shown(&base));
        let changed = difference(&with, &without);
        assert!((1..=2).contains(&changed.len()), "{name}: {changed:?}");
        assert!(
            changed.iter().all(|line| line.starts_with(name)),
            "{name}: {changed:?}"
        );
    }
}

#[test]
fn plain_password_is_refused_and_not_printed() {
    for value in ["\"hunter2\"", "[\"hunter2\"]", "\"$hunter2\""] {
        let error = error_of(&format!("[[account]]\npassword = {value}"));
        assert!(error.starts_with("f:2:12: account.password"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn expiry_date_and_time_are_parsed_with_zone() {
    for (text, expected) in [
        ("1970-01-02", 86_400),
        ("1970-01-02T00:00:01Z", 86_401),
        ("1970-01-02 01:00:00+01:00", 86_400),
        ("1970-01-01 23:30:00-00:30", 86_400),
        ("1970-01-02T00:00:00", 86_400),
    ] {
        let text = format!("[[account]]\nname = \"ftp\"\nexpires = {text}");
        let accounts = parsed(&text).accounts;
        let account = accounts.get(b"anonymous").unwrap();
        assert_eq!(account.expires, Some(expected), "{text}");
        assert!(shown(&text).contains("expires = 1970-01-02T00:00:0"));
    }
}

#[test]
fn missing_or_conflicting_secret_has_position_and_remedy() {
    assert_errors! {
        "[[account]]": "f:1:1" "needs a name";
        "[[account]]\nname = \"ann\"":
            "f:2:1"
            "account.name of ann needs account.password = \"HASH\", or account.password-file = \"FILE\", or";
        "[[account]]\nname = \"ftp\"\npassword-file = \"x\"":
            "f:3:1" "account.password-file = \"FILE\" of ftp cannot be used with an anonymous name";
        "[[account]]\nname = \"*\"\npassword-file = \"x\"":
            "f:3:1" "this account stands for all users of PAM";
        "[[account]]\nname = \"*\"": "f:2:1" "needs account.pam = \"SERVICE\"";
    }
}

#[test]
fn invalid_account_value_has_position_and_remedy() {
    assert_errors! {
        "[[account]]\npam = \"../x\"": "f:2:7" "a service is named by letters";
        "[[account]]\npam = true": "f:2:7" "the name of a PAM service";
        "[[account]]\nnmae = \"ann\"": "f:2:1" "[[account]] has name";
        "[[account]]\npermissions = \"w\"":
            "f:2:15" "unknown permission 'w'; write one or more of none, read";
        "[[account]]\npermissions = 7":
            "f:2:15" "account.permissions: invalid value 7; write permissions such as";
        "[[account]]\nexpires = \"never\"": "f:2:11" "a date such as 2027-12-31";
        "[[account]]\nexpires = 07:32:00": "f:2:11" "a date";
        "[[account]]\nsessions = 0": "f:2:12" "a number from 1";
        "[[account]]\nquota-bytes = \"1G\"": "f:2:15" "a size such as";
        "[[account]]\nname = \"ann\"\npassword-file = \"/no\"": "f:3:1" "/no: No such file";
        "[[account]]\nname = \"ann\"\nshadow = \"/no\"": "f:3:1" "/no: No such file";
        "[[account]]\nshadow = true":
            "f:2:10" "account.shadow: invalid value true; write the path in quotes, usually \"/etc/shadow\"";
        "[[account]]\npassword-file = true": "f:2:17" "write a path in quotes";
        "[[account]]\nname=\"ftp\"\n[[account]]\nname=\"anonymous\"": "f:3:1" "defined twice";
    }
}
