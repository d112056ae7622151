//! Every row of the tables: the change that is refused, the one that is logged, and the one that is fine.

use super::*;
use crate::auth::{Accounts, Permissions, Secret};
use crate::config::{Certificate, ClientAuthority, TlsConfig};
use crate::session::{SecurityPolicy, TlsRequired};

fn cidrs() -> Vec<Cidr> {
    vec!["192.0.2.0/24".parse().unwrap()]
}

fn ann(change: impl FnOnce(&mut Account)) -> Accounts {
    let mut account = Account::new("ann", Secret::Plain("secret".into()), Permissions::READ);
    change(&mut account);
    Accounts::new().with(account)
}

fn tls(config: &mut Config) -> &mut TlsConfig {
    config.tls.as_mut().unwrap()
}

/// A configuration with every restriction.
fn closed() -> Config {
    Config {
        root: Some("/srv".into()),
        accounts: ann(|account| {
            account.addresses = cidrs();
            account.enabled = false;
            account.expires = Some(1);
            account.root = Some("/srv/ann".into());
            account.permissions = Permissions::UPLOAD_ONLY;
            account.umask = Some("077".parse().unwrap());
            account.sessions = Some(1);
            (account.rate_up, account.rate_down) = (Some(1), Some(1));
            (account.quota_bytes, account.quota_files) = (Some(1), Some(1));
        }),
        addresses: crate::net::AddressRules {
            allow: cidrs(),
            deny: cidrs(),
        },
        proxies: cidrs(),
        tls: Some(TlsConfig {
            certificate: Certificate::SelfSigned {
                state: None,
                names: Vec::new(),
            },
            listen: Vec::new(),
            policy: SecurityPolicy {
                require: TlsRequired::Data,
                ..SecurityPolicy::default()
            },
            data_session: DataSession::Require,
            clients: Some(ClientAuthority {
                file: "ca".into(),
                required: true,
            }),
        }),
        max_memory: Some(1),
        ..Config::default()
    }
}

type Opening<T> = (&'static str, fn(&mut T), bool);

/// A key, the change that opens it, and whether it limits resources only.
const OPENED: &[Opening<Config>] = &[
    ("directory", |c| c.root = None, false),
    ("account", |c| c.accounts = Accounts::new(), false),
    ("tls", |c| c.tls = None, false),
    ("addresses.allow", |c| c.addresses.allow.clear(), false),
    ("addresses.deny", |c| c.addresses.deny.clear(), false),
    ("addresses.proxies", |c| c.proxies.clear(), false),
    ("tls.require", require_control, false),
    ("tls.client-required", accept_uncertified, false),
    ("tls.data-session", observe, false),
    ("throttling.failures", |c| c.throttling.failures = 100, true),
    ("limits.memory", |c| c.max_memory = None, true),
];

fn require_control(config: &mut Config) {
    tls(config).policy.require = TlsRequired::Control;
}

fn accept_uncertified(config: &mut Config) {
    tls(config).clients.as_mut().unwrap().required = false;
}

fn observe(config: &mut Config) {
    tls(config).data_session = DataSession::Observe;
}

const OPENED_ACCOUNTS: &[Opening<Account>] = &[
    ("account.addresses", |a| a.addresses.clear(), false),
    ("account.enabled", |a| a.enabled = true, false),
    ("account.expires", |a| a.expires = None, false),
    ("account.directory", |a| a.root = None, false),
    ("account.permissions", read_all, false),
    ("account.umask", |a| a.umask = None, false),
    ("account.sessions", |a| a.sessions = None, true),
    ("account.rate-up", |a| a.rate_up = None, true),
    ("account.rate-down", |a| a.rate_down = None, true),
    ("account.quota-bytes", |a| a.quota_bytes = None, true),
    ("account.quota-files", |a| a.quota_files = None, true),
];

fn read_all(account: &mut Account) {
    account.permissions = Permissions::READ;
}

/// Asserts that this key is the only loss between the two; returns whether it is refused.
fn is_refused(old: &Config, new: &Config, key: &str) -> bool {
    let losses = losses(old, new);
    let [loss] = losses.as_slice() else {
        panic!("{key}: {losses:?}");
    };
    assert!(loss.key.starts_with(key), "{key}: {losses:?}");
    let refusal = refusal(&losses, new);
    assert_eq!(refusal.is_some(), loss.is_refused);
    assert!(refusal.is_none_or(|text| text.contains(key) && text.contains("restart")));
    loss.is_refused
}

fn from_file(mut config: Config) -> Config {
    config.origins.set_file("f".as_ref());
    config
}

#[test]
fn removed_key_is_refused_and_opened_key_is_logged() {
    assert_eq!(OPENED.len(), ROWS.len());
    for (key, open, is_resource) in OPENED {
        let mut new = from_file(closed());
        open(&mut new);
        assert_eq!(is_refused(&closed(), &new, key), !is_resource, "{key}");
        // The key is still set, with an open value.
        new.origins.set_at(None, key, (1, 1));
        let needs_restart = matches!(*key, "directory" | "account" | "tls");
        assert_eq!(is_refused(&closed(), &new, key), needs_restart, "{key}");
        // The configuration of a host program is never refused.
        let mut new = closed();
        open(&mut new);
        assert!(!is_refused(&closed(), &new, key), "{key}");
        // The reverse change is no loss.
        assert_eq!(losses(&new, &closed()), [], "{key}");
    }
}

#[test]
fn removed_account_key_is_refused_unless_it_limits_resources() {
    assert_eq!(OPENED_ACCOUNTS.len(), ACCOUNT_ROWS.len());
    for (key, open, is_resource) in OPENED_ACCOUNTS {
        let mut new = from_file(closed());
        let mut account = closed().accounts.get(b"ann").unwrap().as_ref().clone();
        open(&mut account);
        new.accounts.add(account);
        let mut old = closed();
        old.origins.set_at(Some(b"ann"), key, (1, 1));
        assert_eq!(is_refused(&old, &new, key), !is_resource, "{key}");
        new.origins.set_at(Some(b"ann"), key, (1, 1));
        assert_eq!(losses(&old, &new), [], "{key}");
    }
}

/// A shadow file closes and opens accounts too.
#[test]
fn key_of_an_account_that_was_not_set_is_no_loss() {
    for (_, open, _) in OPENED_ACCOUNTS {
        let mut new = from_file(closed());
        let mut account = closed().accounts.get(b"ann").unwrap().as_ref().clone();
        open(&mut account);
        new.accounts.add(account);
        assert_eq!(losses(&closed(), &new), []);
    }
}

/// As with two reloads while an editor writes the file.
#[test]
fn account_that_returns_is_compared_with_its_former_keys() {
    let mut between = from_file(Config {
        accounts: ann(|account| account.name = b"bob".to_vec()),
        ..closed()
    });
    assert_eq!(losses(&closed(), &between), []);
    between.accounts.succeed(&closed().accounts);
    let open = from_file(Config {
        accounts: ann(|_| ()),
        ..closed()
    });
    let text = refusal(&losses(&between, &open), &open).unwrap();
    assert!(text.contains("account.addresses of ann"), "{text}");
    let back = from_file(closed());
    assert_eq!(losses(&between, &back), []);
}

#[test]
fn emptied_file_is_refused_and_names_every_key() {
    let empty = from_file(Config {
        accounts: Accounts::new(),
        ..Config::default()
    });
    let text = refusal(&losses(&closed(), &empty), &empty).unwrap();
    for key in [
        "directory",
        "account",
        "tls",
        "addresses.allow",
        "addresses.deny",
    ] {
        assert!(text.contains(&format!("{key} (")), "{key}: {text}");
    }
    assert_eq!(losses(&closed(), &from_file(closed())), []);
}
