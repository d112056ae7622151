//! What a reload must not lose: keys that closed something, and are no longer set.
//!
//! A file that was cut short, or emptied, must not open what it had closed. A key that is gone is
//! refused; one that is still set, and opens more than before, is meant, and only warned of. It
//! compares two configurations and touches nothing.

use super::Config;
use crate::auth::{Account, Cidr};
use crate::net::DataSession;

/// Something that the new configuration leaves open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The key, with whose it is.
    key: String,
    effect: &'static str,
    /// What the file has to set so that it is meant; `None`: only a restart means it.
    open_value: Option<&'static str>,
    /// Whether the configuration is refused for it.
    pub(crate) is_refused: bool,
}

/// A key of the whole server.
struct Row {
    key: &'static str,
    opens: fn(&Config, &Config) -> bool,
    effect: &'static str,
    open_value: Option<&'static str>,
    when_gone: WhenGone,
}

/// A key of an account.
struct AccountRow {
    key: &'static str,
    opens: fn(&Account, &Account) -> bool,
    effect: &'static str,
    open_value: &'static str,
    when_gone: WhenGone,
}

/// What becomes of a configuration that no longer sets the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenGone {
    Refused,
    /// It limited resources, not access.
    Warned,
}
use WhenGone::{Refused, Warned};

fn is_emptied(old: &[Cidr], new: &[Cidr]) -> bool {
    !old.is_empty() && new.is_empty()
}

fn client_required(config: &Config) -> bool {
    let clients = config.tls.as_ref().and_then(|tls| tls.clients.as_ref());
    clients.is_some_and(|clients| clients.required)
}

const ROWS: &[Row] = &[
    Row {
        key: "directory",
        opens: |old, new| old.root.is_some() && new.root.is_none(),
        effect: "nothing would be served",
        open_value: None,
        when_gone: Refused,
    },
    Row {
        key: "account",
        opens: |old, new| {
            old.accounts.iter().next().is_some() && new.accounts.iter().next().is_none()
        },
        effect: "no account is left",
        open_value: None,
        when_gone: Refused,
    },
    Row {
        key: "tls",
        opens: |old, new| old.tls.is_some() && new.tls.is_none(),
        effect: "everything would be in the clear",
        open_value: None,
        when_gone: Refused,
    },
    Row {
        key: "addresses.allow",
        opens: |old, new| is_emptied(&old.addresses.allow, &new.addresses.allow),
        effect: "clients from every address may connect",
        open_value: Some("[]"),
        when_gone: Refused,
    },
    Row {
        key: "addresses.deny",
        opens: |old, new| is_emptied(&old.addresses.deny, &new.addresses.deny),
        effect: "no address is denied",
        open_value: Some("[]"),
        when_gone: Refused,
    },
    Row {
        key: "addresses.proxies",
        opens: |old, new| is_emptied(&old.proxies, &new.proxies),
        effect: "clients behind a proxy have its address",
        open_value: Some("[]"),
        when_gone: Refused,
    },
    Row {
        key: "tls.require",
        opens: |old, new| match (&old.tls, &new.tls) {
            (Some(old), Some(new)) => old.policy.require > new.policy.require,
            _ => false,
        },
        effect: "more is allowed without TLS",
        open_value: Some("\"none\""),
        when_gone: Refused,
    },
    Row {
        key: "tls.client-required",
        opens: |old, new| new.tls.is_some() && client_required(old) && !client_required(new),
        effect: "clients need no certificate",
        open_value: Some("false"),
        when_gone: Refused,
    },
    Row {
        key: "tls.data-session",
        opens: |old, new| match (&old.tls, &new.tls) {
            (Some(old), Some(new)) => {
                old.data_session == DataSession::Require && new.data_session != DataSession::Require
            }
            _ => false,
        },
        effect: "data connections need not resume the session of their control connection",
        open_value: Some("\"observe\""),
        when_gone: Refused,
    },
    Row {
        key: "throttling.failures",
        opens: |old, new| new.throttling.failures > old.throttling.failures,
        effect: "more failed logins are allowed before a ban",
        open_value: None,
        when_gone: Warned,
    },
    Row {
        key: "limits.memory",
        opens: |old, new| old.max_memory.is_some() && new.max_memory.is_none(),
        effect: "memory is not limited",
        open_value: None,
        when_gone: Warned,
    },
];

const ACCOUNT_ROWS: &[AccountRow] = &[
    AccountRow {
        key: "account.addresses",
        opens: |old, new| is_emptied(&old.addresses, &new.addresses),
        effect: "it may log in from every address",
        open_value: "[]",
        when_gone: Refused,
    },
    AccountRow {
        key: "account.enabled",
        opens: |old, new| !old.enabled && new.enabled,
        effect: "it may log in",
        open_value: "true",
        when_gone: Refused,
    },
    AccountRow {
        key: "account.expires",
        opens: |old, new| old.expires.is_some() && new.expires.is_none(),
        effect: "it never expires",
        open_value: "9999-12-31",
        when_gone: Refused,
    },
    AccountRow {
        key: "account.directory",
        opens: |old, new| old.root.is_some() && new.root.is_none(),
        effect: "it sees the directory of the server",
        open_value: "that of the server",
        when_gone: Refused,
    },
    AccountRow {
        key: "account.permissions",
        opens: |old, new| !old.permissions.contains(new.permissions),
        effect: "it may read",
        open_value: "\"read\"",
        when_gone: Refused,
    },
    AccountRow {
        key: "account.umask",
        opens: |old, new| old.umask.is_some() && new.umask.is_none(),
        effect: "others may read what it stores, as far as the umask of the server allows",
        open_value: "that of the server",
        when_gone: Refused,
    },
    AccountRow {
        key: "account.sessions",
        opens: |old, new| old.sessions.is_some() && new.sessions.is_none(),
        effect: "its sessions are not limited",
        open_value: "",
        when_gone: Warned,
    },
    AccountRow {
        key: "account.rate-up",
        opens: |old, new| old.rate_up.is_some() && new.rate_up.is_none(),
        effect: "its uploads are not limited",
        open_value: "",
        when_gone: Warned,
    },
    AccountRow {
        key: "account.rate-down",
        opens: |old, new| old.rate_down.is_some() && new.rate_down.is_none(),
        effect: "its downloads are not limited",
        open_value: "",
        when_gone: Warned,
    },
    AccountRow {
        key: "account.quota-bytes",
        opens: |old, new| old.quota_bytes.is_some() && new.quota_bytes.is_none(),
        effect: "the bytes of its files are not limited",
        open_value: "",
        when_gone: Warned,
    },
    AccountRow {
        key: "account.quota-files",
        opens: |old, new| old.quota_files.is_some() && new.quota_files.is_none(),
        effect: "the number of its files is not limited",
        open_value: "",
        when_gone: Warned,
    },
];

/// All that `new` opens and `old` had closed. A host program means what it says: of what has no file
/// nothing is refused.
pub(crate) fn losses(old: &Config, new: &Config) -> Vec<Loss> {
    let has_file = new.origins.file().is_some();
    let mut losses = Vec::new();
    for row in ROWS.iter().filter(|row| (row.opens)(old, new)) {
        let is_gone = !new.origins.is_set(None, row.key);
        losses.push(Loss {
            key: row.key.to_owned(),
            effect: row.effect,
            open_value: row.open_value,
            is_refused: row.when_gone == Refused
                && has_file
                && (is_gone || row.open_value.is_none()),
        });
    }
    for after in new.accounts.iter() {
        let before = old.accounts.get(&after.name);
        let Some(before) = before.or_else(|| old.accounts.former(&after.name)) else {
            continue;
        };
        let is_gone = |row: &&AccountRow| !new.origins.is_set(Some(&after.name), row.key);
        let opened = ACCOUNT_ROWS.iter().filter(|row| (row.opens)(before, after));
        for row in opened.filter(is_gone) {
            let name = String::from_utf8_lossy(&after.name);
            losses.push(Loss {
                key: format!("{} of {name}", row.key),
                effect: row.effect,
                open_value: (row.when_gone == Refused).then_some(row.open_value),
                is_refused: row.when_gone == Refused && has_file,
            });
        }
    }
    losses.sort_by(|one, other| one.key.cmp(&other.key));
    losses
}

impl Loss {
    /// For the log, where it is no reason to refuse.
    pub(crate) fn warning(&self) -> String {
        format!("{} no longer closes what it did: {}", self.key, self.effect)
    }
}

/// Why a configuration with these losses is refused; `None`: it is not.
pub(crate) fn refusal(losses: &[Loss], config: &Config) -> Option<String> {
    let refused = losses.iter().filter(|loss| loss.is_refused);
    let shown: Vec<_> = refused
        .map(|loss| {
            let Loss { key, effect, .. } = loss;
            match loss.open_value {
                Some(value) => format!("{key} ({effect}; if that is meant, write {value})"),
                None => format!("{key} ({effect})"),
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
    let (file, shown) = (file.unwrap_or_default(), shown.join(", "));
    Some(format!(
        "{file}no longer set: {shown}; write it again, or restart the server if that is meant"
    ))
}

#[cfg(test)]
mod tests;
