//! Tests of the account table: lookup, decoys against the timing side channel, session counts, reloads.

use super::*;
use crate::auth::{Permissions, Verified};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn credentials(name: &str, password: &str) -> LoginCredentials {
    LoginCredentials {
        name: name.into(),
        password: password.into(),
    }
}

/// The name of the account with these credentials, or `none`; and `slow` if the check had to block.
fn find(accounts: &Accounts, name: &str, password: &str) -> String {
    let (account, slow) = match accounts.check(credentials(name, password), HERE) {
        Check::Done(account) => (account, ""),
        Check::Slow(verification) => match verification.run() {
            Verified::Accepted(account) => (Some(account), " slow"),
            Verified::Rejected => (None, " slow"),
            Verified::Unavailable => unreachable!("the hashes take little memory"),
            Verified::NextStep(_) => unreachable!("nothing here asks PAM"),
        },
    };
    let name = account.map_or_else(|| b"none".to_vec(), |account| account.name.clone());
    String::from_utf8(name).unwrap() + slow
}

#[test]
fn anonymous_accepts_any_password_by_both_names() {
    let accounts = Accounts::new().with(Account::anonymous(Permissions::READ));
    for name in ["anonymous", "ftp", "FTP", "Anonymous"] {
        assert_eq!(find(&accounts, name, "me@home"), "anonymous");
    }
    assert_eq!(find(&accounts, "", ""), "none");
    assert_eq!(find(&accounts, "root", ""), "none");
}

#[test]
fn name_and_password_match_byte_for_byte() {
    let accounts = Accounts::new().with(Account::with_password("ann", "secret"));
    assert_eq!(find(&accounts, "ann", "secret"), "ann");
    for (name, password) in [
        ("ann", "secre"),
        ("ann", ""),
        ("Ann", "secret"),
        ("anonymous", "secret"),
        ("bob", "secret"),
        ("", ""),
    ] {
        assert_eq!(find(&accounts, name, password), "none", "{name} {password}");
    }
}

#[cfg(feature = "hashed-passwords")]
#[test]
fn every_failed_login_hashes_if_one_account_does() {
    let hash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    let hashed = Secret::hashed(hash).unwrap();
    let accounts: Accounts = [
        Account::anonymous(Permissions::READ),
        Account::with_password("ann", "plain"),
        Account::new("bob", hashed, Permissions::ALL),
    ]
    .into_iter()
    .collect();
    for (name, password, expected) in [
        ("bob", "secret", "bob slow"),
        ("bob", "x", "none slow"),
        ("ann", "x", "none slow"),
        ("eve", "x", "none slow"),
        // The right password for the decoy hash.
        ("eve", "secret", "none slow"),
        ("ann", "secret", "none slow"),
        ("ann", "plain", "ann"),
        ("ftp", "x", "anonymous"),
    ] {
        assert_eq!(
            find(&accounts, name, password),
            expected,
            "{name} {password}"
        );
    }
}

#[test]
fn sessions_are_counted_across_a_reload() {
    let mut ann = Account::with_password("ann", "secret");
    ann.sessions = Some(2);
    let accounts = Accounts::new().with(ann.clone());
    let admit = |accounts: &Accounts| accounts.admit(b"ann", &ann, HERE, 0);
    let first = admit(&accounts).unwrap();
    let second = admit(&accounts).unwrap();
    assert_eq!(admit(&accounts).unwrap_err(), Denial::SessionLimit);
    drop(first);
    let third = admit(&accounts).unwrap();

    let mut reloaded = Accounts::new().with(ann.clone());
    reloaded.succeed(&accounts);
    assert_eq!(admit(&reloaded).unwrap_err(), Denial::SessionLimit);
    drop((second, third));
    assert!(admit(&reloaded).is_ok());
}

#[test]
fn login_during_reload_needs_same_account_and_secret() {
    let catch_all = Account::with_password(CATCH_ALL, "old");
    let open = Account::new(CATCH_ALL, Secret::AnyPassword, Permissions::ALL);
    let ann = |password: &str| Account::with_password("ann", password);
    for (proved, after, is_admitted) in [
        (ann("old"), vec![], false),
        (ann("old"), vec![ann("new")], false),
        (ann("old"), vec![ann("old")], true),
        (catch_all.clone(), vec![catch_all, ann("old")], false),
        (ann("old"), vec![open], false),
    ] {
        let after: Accounts = after.into_iter().collect();
        let admitted = after.admit(b"ann", &proved, HERE, 0);
        assert_eq!(admitted.is_ok(), is_admitted, "{after:?}");
        if let Err(denial) = admitted {
            assert_eq!(denial, Denial::WrongCredentials, "{after:?}");
        }
    }
    let anonymous = Account::anonymous(Permissions::READ);
    let mut renamed = anonymous.clone();
    renamed.name = b"FTP".to_vec();
    let after = Accounts::new().with(renamed);
    assert!(after.admit(b"ftp", &anonymous, HERE, 0).is_ok());
}

#[test]
fn may_write_is_per_directory() {
    let readers = || Accounts::new().with(Account::anonymous(Permissions::READ));
    let mut ann = Account::with_password("ann", "secret");
    let here = Path::new("/home/ann");
    assert!(!Accounts::new().may_write(None));
    assert!(!readers().may_write(None));
    assert!(readers().with(ann.clone()).may_write(None));
    for permissions in [Permissions::ALL, Permissions::WRITE, Permissions::MODES] {
        let accounts = Accounts::new().with(Account::anonymous(permissions));
        assert!(accounts.may_write(None), "{permissions}");
    }
    ann.root = Some(here.into());
    let accounts = readers().with(ann);
    assert!(accounts.may_write(Some(here)) && !accounts.may_write(None));
    assert!(!accounts.may_write(Some(Path::new("/home"))));
}

#[test]
fn certificate_authenticates_personal_accounts_only() {
    let accounts = Accounts::new()
        .with(Account::anonymous(Permissions::READ))
        .with(Account::with_password("ann", "secret"));
    assert_eq!(accounts.by_certificate(b"ann").unwrap().name, b"ann");
    for name in ["Ann", "bob", "anonymous", "ftp", ""] {
        assert_eq!(accounts.by_certificate(name.as_bytes()), None, "{name}");
    }
}

#[test]
fn debug_output_hides_secrets() {
    let accounts = Accounts::new().with(Account::with_password("ann", "hunter2"));
    assert!(!format!("{accounts:?}").contains("hunter2"));
}

#[cfg(feature = "pam")]
#[test]
fn catch_all_account_needs_pam_and_excludes_root() {
    let service = Secret::System(PamService::named("mioftpd").unwrap());
    let catch_all = Account::new(CATCH_ALL, service, Permissions::READ);
    let accounts = Accounts::new()
        .with(catch_all)
        .with(Account::with_password("ann", "secret"));
    assert!(accounts.needs_pam_helper());
    for (name, account) in [
        ("ann", Some("ann")),
        ("bob", Some("*")),
        ("anonymous", Some("*")),
        ("*", Some("*")),
        ("Root", Some("*")),
        ("root", None),
    ] {
        let resolved = accounts.resolve(name.as_bytes());
        let resolved = resolved.map(|account| account.name.as_slice());
        assert_eq!(resolved, account.map(str::as_bytes), "{name}");
    }
    // A certificate does not authenticate the catch-all account.
    for name in ["bob", "*"] {
        assert_eq!(accounts.by_certificate(name.as_bytes()), None, "{name}");
    }
    // The PAM helper is not running, so the login fails.
    assert_eq!(find(&accounts, "bob", "secret"), "none");
    assert_eq!(find(&accounts, "ann", "secret"), "ann");
}
