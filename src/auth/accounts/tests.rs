//! Who is found by which name and password, how long that takes, and who is counted.

use super::*;
use crate::auth::{Permissions, Verified};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn credentials(name: &str, password: &str) -> Credentials {
    Credentials {
        name: name.into(),
        password: password.into(),
    }
}

/// The name of who it is, and whether that took long.
fn find(accounts: &Accounts, name: &str, password: &str) -> (Option<String>, bool) {
    let (account, is_slow) = match accounts.check(credentials(name, password), HERE) {
        Check::Done(account) => (account, false),
        Check::Slow(verification) => match verification.run() {
            Verified::Is(account) => (Some(account), true),
            Verified::Nobody => (None, true),
            Verified::NotYet(_) => unreachable!("nothing here asks PAM"),
        },
    };
    let name = account.map(|account| String::from_utf8(account.name.clone()).unwrap());
    (name, is_slow)
}

#[test]
fn anonymous_takes_any_password_under_both_names() {
    let accounts = Accounts::new().with(Account::anonymous(Permissions::READ));
    for name in ["anonymous", "ftp", "FTP", "Anonymous"] {
        let found = find(&accounts, name, "me@home");
        assert_eq!(found, (Some("anonymous".into()), false));
    }
    assert_eq!(find(&accounts, "", ""), (None, false));
    assert_eq!(find(&accounts, "root", ""), (None, false));
}

#[test]
fn a_password_and_its_name_are_right_to_the_byte() {
    let accounts = Accounts::new().with(Account::with_password("ann", "secret"));
    assert_eq!(
        find(&accounts, "ann", "secret"),
        (Some("ann".into()), false)
    );
    for (name, password) in [
        ("ann", "secre"),
        ("ann", ""),
        ("Ann", "secret"),
        ("anonymous", "secret"),
        ("bob", "secret"),
        ("", ""),
    ] {
        assert_eq!(
            find(&accounts, name, password),
            (None, false),
            "{name} {password}"
        );
    }
}

#[cfg(feature = "hashed-passwords")]
#[test]
fn every_failure_takes_as_long_where_one_does() {
    let hash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
    let hashed = Secret::hashed(hash).unwrap();
    let accounts: Accounts = [
        Account::anonymous(Permissions::READ),
        Account::with_password("ann", "plain"),
        Account::new("bob", hashed, Permissions::ALL),
    ]
    .into_iter()
    .collect();
    assert_eq!(find(&accounts, "bob", "secret"), (Some("bob".into()), true));
    for (name, password) in [("bob", "x"), ("ann", "x"), ("eve", "x")] {
        assert_eq!(find(&accounts, name, password), (None, true), "{name}");
    }
    // Right for the hash that is only computed for its time.
    for name in ["eve", "ann"] {
        assert_eq!(find(&accounts, name, "secret"), (None, true), "{name}");
    }
    assert_eq!(find(&accounts, "ann", "plain"), (Some("ann".into()), false));
    assert_eq!(
        find(&accounts, "ftp", "x"),
        (Some("anonymous".into()), false)
    );
}

#[test]
fn guests_are_counted_while_they_are_there() {
    let mut ann = Account::with_password("ann", "secret");
    ann.sessions = Some(2);
    let accounts = Accounts::new().with(ann.clone());
    let admit = |accounts: &Accounts| accounts.admit(b"ann", &ann, HERE, 0);
    let first = admit(&accounts).unwrap();
    let second = admit(&accounts).unwrap();
    assert_eq!(admit(&accounts).unwrap_err(), Denial::Crowded);
    drop(first);
    let third = admit(&accounts).unwrap();

    let mut reloaded = Accounts::new().with(ann.clone());
    reloaded.succeed(&accounts);
    assert_eq!(admit(&reloaded).unwrap_err(), Denial::Crowded);
    drop((second, third));
    assert!(admit(&reloaded).is_ok());
}

#[test]
fn a_login_that_a_reload_overtakes_needs_the_same_account_and_secret() {
    let everybody = |secret| Account::new(EVERYBODY, secret, Permissions::ALL);
    let ann = |password: &str| Account::with_password("ann", password);
    for (proved, after, is_admitted) in [
        (ann("old"), Accounts::new(), false),
        (ann("old"), Accounts::new().with(ann("new")), false),
        (ann("old"), Accounts::new().with(ann("old")), true),
        (
            everybody(Secret::Plain("old".into())),
            Accounts::new()
                .with(everybody(Secret::Plain("old".into())))
                .with(ann("old")),
            false,
        ),
        (
            ann("old"),
            Accounts::new().with(everybody(Secret::Anyone)),
            false,
        ),
    ] {
        let admitted = after.admit(b"ann", &proved, HERE, 0);
        assert_eq!(admitted.is_ok(), is_admitted, "{after:?}");
        if let Err(denial) = admitted {
            assert_eq!(denial, Denial::Unproven, "{after:?}");
        }
    }
    let anonymous = Account::anonymous(Permissions::READ);
    let mut renamed = anonymous.clone();
    renamed.name = b"FTP".to_vec();
    let after = Accounts::new().with(renamed);
    assert!(after.admit(b"ftp", &anonymous, HERE, 0).is_ok());
}

#[test]
fn whoever_may_write_is_found_by_directory() {
    let reader = || Account::anonymous(Permissions::READ);
    let mut ann = Account::with_password("ann", "secret");
    let here = Path::new("/home/ann");
    assert!(!Accounts::new().may_write(None));
    assert!(!Accounts::new().with(reader()).may_write(None));
    assert!(
        Accounts::new()
            .with(reader())
            .with(ann.clone())
            .may_write(None)
    );
    for permissions in [Permissions::ALL, Permissions::WRITE, Permissions::MODES] {
        let accounts = Accounts::new().with(Account::anonymous(permissions));
        assert!(accounts.may_write(None), "{permissions}");
    }
    ann.root = Some(here.into());
    let accounts = Accounts::new().with(reader()).with(ann);
    assert!(accounts.may_write(Some(here)) && !accounts.may_write(None));
    assert!(!accounts.may_write(Some(Path::new("/home"))));
}

#[test]
fn only_an_account_of_somebodys_own_can_be_vouched_for() {
    let accounts = Accounts::new()
        .with(Account::anonymous(Permissions::READ))
        .with(Account::with_password("ann", "secret"));
    assert_eq!(accounts.vouched(b"ann").unwrap().name, b"ann");
    for name in ["Ann", "bob", "anonymous", "ftp", ""] {
        assert_eq!(accounts.vouched(name.as_bytes()), None, "{name}");
    }
}

#[test]
fn no_secret_is_shown() {
    let accounts = Accounts::new().with(Account::with_password("ann", "hunter2"));
    assert!(!format!("{accounts:?}").contains("hunter2"));
}

#[cfg(feature = "pam")]
#[test]
fn everybody_is_nobody_until_pam_has_said_so() {
    let service = Secret::System(Service::named("mioftpd").unwrap());
    let everybody = Account::new(EVERYBODY, service, Permissions::READ);
    let accounts = Accounts::new()
        .with(everybody)
        .with(Account::with_password("ann", "secret"));
    assert!(accounts.needs_monitor());
    let claimed = |name: &str| {
        accounts
            .claimed(name.as_bytes())
            .map(|one| one.name.clone())
    };
    assert_eq!(claimed("ann").as_deref(), Some(&b"ann"[..]));
    for name in ["bob", "anonymous", "*", "Root"] {
        assert_eq!(claimed(name).as_deref(), Some(EVERYBODY), "{name}");
    }
    assert_eq!(claimed("root"), None);
    // Without a password nobody is let in by that account.
    for name in ["bob", "*"] {
        assert_eq!(accounts.vouched(name.as_bytes()), None, "{name}");
    }
    // Nothing can be asked here, so nobody is let in.
    assert_eq!(find(&accounts, "bob", "secret"), (None, false));
    assert_eq!(
        find(&accounts, "ann", "secret"),
        (Some("ann".into()), false)
    );
}
