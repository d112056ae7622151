//! Restrictions that a reload would lose: keys that restricted access and are no longer set.
//!
//! A truncated or emptied file must not open the server. A reload that removes such a key is refused; a
//! key that is still set, with a less restrictive value, is intended and only logged as a warning. Keys
//! that limit resources are never refused. This module compares two configurations and changes neither.

use super::{Config, TlsConfig};
use crate::auth::{Account, Cidr};
use crate::net::DataSession;

/// A restriction that the new configuration lacks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The key, and the account that it belongs to.
    key: String,
    effect: &'static str,
    when_removed: WhenRemoved,
    /// Whether the reload is refused because of it.
    pub(crate) is_refused: bool,
}

/// A key of the server (`T` is [`Config`]) or of an account.
struct Row<T> {
    key: &'static str,
    when_removed: WhenRemoved,
    effect: &'static str,
    /// Whether the second configuration is less restrictive than the first.
    opens: fn(&T, &T) -> bool,
}

/// The reaction to a configuration that no longer sets the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhenRemoved {
    /// Only a restart confirms the change.
    Refused,
    /// This value of the key confirms the change.
    RefusedUnless(&'static str),
    /// The key limited resources, not access.
    Warned,
}
use WhenRemoved::{Refused, RefusedUnless, Warned};

fn is_emptied(old: &[Cidr], new: &[Cidr]) -> bool {
    !old.is_empty() && new.is_empty()
}

fn is_gone<T>(old: Option<&T>, new: Option<&T>) -> bool {
    old.is_some() && new.is_none()
}

/// Compares the settings of TLS; false if one of the configurations has none.
fn tls_opens(old: &Config, new: &Config, opens: fn(&TlsConfig, &TlsConfig) -> bool) -> bool {
    let both = old.tls.as_ref().zip(new.tls.as_ref());
    both.is_some_and(|(old, new)| opens(old, new))
}

fn client_required(tls: &TlsConfig) -> bool {
    tls.clients.as_ref().is_some_and(|clients| clients.required)
}

macro_rules! rows {
    ($($key:literal $when_removed:expr, $effect:literal, $opens:expr;)*) => {
        &[$(Row { key: $key, when_removed: $when_removed, effect: $effect, opens: $opens }),*]
    };
}

const ROWS: &[Row<Config>] = rows! {
    "directory" Refused, "no file would be served",
        |old, new| is_gone(old.root.as_ref(), new.root.as_ref());
    "account" Refused, "no account would be left",
        |old, new| is_gone(old.accounts.iter().next(), new.accounts.iter().next());
    "tls" Refused, "all connections would be in clear text",
        |old, new| is_gone(old.tls.as_ref(), new.tls.as_ref());
    "addresses.allow" RefusedUnless("[]"), "clients from every address may connect",
        |old, new| is_emptied(&old.addresses.allow, &new.addresses.allow);
    "addresses.deny" RefusedUnless("[]"), "no address is denied any more",
        |old, new| is_emptied(&old.addresses.deny, &new.addresses.deny);
    "addresses.proxies" RefusedUnless("[]"),
        "clients behind a proxy count as one address, that of the proxy",
        |old, new| is_emptied(&old.proxies, &new.proxies);
    "tls.require" RefusedUnless("\"none\""), "more is allowed without TLS",
        |old, new| tls_opens(old, new, |old, new| old.policy.require > new.policy.require);
    "tls.client-required" RefusedUnless("false"), "client certificates are not required any more",
        |old, new| tls_opens(old, new, |old, new| client_required(old) && !client_required(new));
    "tls.data-session" RefusedUnless("\"observe\""),
        "data connections need not resume the session of their control connection",
        |old, new| tls_opens(old, new, |old, new| {
            old.data_session == DataSession::Require && new.data_session != DataSession::Require
        });
    "throttling.failures" Warned, "more failed logins are allowed before a ban",
        |old, new| new.throttling.failures > old.throttling.failures;
    "limits.memory" Warned, "memory is not limited any more",
        |old, new| is_gone(old.max_memory.as_ref(), new.max_memory.as_ref());
};

const ACCOUNT_ROWS: &[Row<Account>] = rows! {
    "account.addresses" RefusedUnless("[]"), "logins are allowed from every address",
        |old, new| is_emptied(&old.addresses, &new.addresses);
    "account.enabled" RefusedUnless("true"), "logins are allowed",
        |old, new| !old.enabled && new.enabled;
    "account.expires" RefusedUnless("9999-12-31"), "the account never expires",
        |old, new| is_gone(old.expires.as_ref(), new.expires.as_ref());
    "account.directory" RefusedUnless("the directory of the server"),
        "the account gets the directory of the server",
        |old, new| is_gone(old.root.as_ref(), new.root.as_ref());
    "account.permissions" RefusedUnless("\"read\""), "the account gets the default, read access",
        |old, new| !old.permissions.contains(new.permissions);
    "account.umask" RefusedUnless("the umask of the server"),
        "its uploads are created with the umask of the server",
        |old, new| is_gone(old.umask.as_ref(), new.umask.as_ref());
    "account.sessions" Warned, "the number of sessions is not limited any more",
        |old, new| is_gone(old.sessions.as_ref(), new.sessions.as_ref());
    "account.rate-up" Warned, "the upload rate is not limited any more",
        |old, new| is_gone(old.rate_up.as_ref(), new.rate_up.as_ref());
    "account.rate-down" Warned, "the download rate is not limited any more",
        |old, new| is_gone(old.rate_down.as_ref(), new.rate_down.as_ref());
    "account.quota-bytes" Warned, "the size of its files is not limited any more",
        |old, new| is_gone(old.quota_bytes.as_ref(), new.quota_bytes.as_ref());
    "account.quota-files" Warned, "the number of its files is not limited any more",
        |old, new| is_gone(old.quota_files.as_ref(), new.quota_files.as_ref());
};

impl<T> Row<T> {
    fn loss(&self, key: String, is_refused: bool) -> Loss {
        Loss {
            key,
            effect: self.effect,
            when_removed: self.when_removed,
            is_refused,
        }
    }
}

/// Restrictions of `old` that `new` lacks, sorted by key. Without a configuration file none is refused: the
/// configuration of a host program is deliberate.
pub(crate) fn losses(old: &Config, new: &Config) -> Vec<Loss> {
    let has_file = new.origins.file().is_some();
    let mut losses = Vec::new();
    for row in ROWS.iter().filter(|row| (row.opens)(old, new)) {
        let is_refused = match row.when_removed {
            Refused => has_file,
            RefusedUnless(_) => has_file && !new.origins.is_set(None, row.key),
            Warned => false,
        };
        losses.push(row.loss(row.key.to_owned(), is_refused));
    }
    for after in new.accounts.iter() {
        let before = old.accounts.get(&after.name);
        let Some(before) = before.or_else(|| old.accounts.former(&after.name)) else {
            continue;
        };
        let is_present = old.accounts.get(&after.name).is_some();
        let is_removed = |row: &&Row<Account>| {
            let is_set = |config: &Config| config.origins.is_set(Some(&after.name), row.key);
            // What no key has set, such as the lock of a user in `account.shadow`, is not lost. A former
            // account has no origins any more.
            !is_set(new) && (is_set(old) || !is_present)
        };
        let opened = ACCOUNT_ROWS.iter().filter(|row| (row.opens)(before, after));
        for row in opened.filter(is_removed) {
            let name = String::from_utf8_lossy(&after.name);
            let is_refused = has_file && row.when_removed != Warned;
            losses.push(row.loss(format!("{} of {name}", row.key), is_refused));
        }
    }
    losses.sort_by(|one, other| one.key.cmp(&other.key));
    losses
}

impl Loss {
    /// The log message for a loss that is not refused.
    pub(crate) fn warning(&self) -> String {
        format!(
            "{} is less restrictive than before: {}",
            self.key, self.effect
        )
    }
}

/// The reason to refuse a configuration with these losses; `None`: it is accepted.
pub(crate) fn refusal(losses: &[Loss], config: &Config) -> Option<String> {
    let refused = losses.iter().filter(|loss| loss.is_refused);
    let shown: Vec<_> = refused
        .map(|loss| {
            let Loss { key, effect, .. } = loss;
            match loss.when_removed {
                RefusedUnless(value) => format!("{key} ({effect}; to confirm, write {value})"),
                Refused | Warned => format!("{key} ({effect})"),
            }
        })
        .collect();
    if shown.is_empty() {
        return None;
    }
    let file = config
        .origins
        .file()
        .map(|file| format!("{}: ", file.display()));
    // A configuration without a file has no refused losses, but the message would be right.
    let (file, shown) = (file.unwrap_or_default(), shown.join(", "));
    Some(format!(
        "{file}no longer set: {shown}; set it again, or restart the server to confirm the change"
    ))
}

#[cfg(test)]
mod tests;
