//! The conditions of the tables: each with its key, its notation in a file and on the command line, and its
//! predicate.
//!
//! A switch holds if it is on, whether it is set or not; any other key holds if it is set.

use std::net::SocketAddr;
use std::path::Path;

use super::{Facts, Term};
use crate::auth::{Account, Permissions, Secret};
use crate::protocol::unicast::is_unicast;
use crate::session::TlsRequired;

pub(super) const fn term(
    key: &'static str,
    file: &'static str,
    option: &'static str,
    holds: fn(&Facts<'_>) -> bool,
) -> Term {
    Term {
        key,
        file,
        option,
        holds,
        addresses: |_| Vec::new(),
    }
}

/// A term that holds if the key is set.
macro_rules! set {
    ($key:literal) => {
        set!($key, "")
    };
    ($key:literal, $option:literal) => {
        $crate::config::combinations::terms::term($key, $key, $option, |f| f.is_set($key))
    };
}
pub(super) use set;

// Directory, greeting, workers.
pub(super) const DIRECTORY: Term =
    term("directory", "directory = \"DIR\"", "a DIR to serve", |f| {
        f.config.root.is_some()
    });
pub(super) const SERVED: Term = term("directory", "directory", "DIR", |f| f.config.root.is_some());
pub(super) const GREETING: Term = term("greeting", "greeting", "", |f| f.config.greeting.is_some());
pub(super) const WORKERS: Term = term(
    "workers",
    "workers = 1 or more",
    "--workers 1 or more",
    |f| f.config.workers > 0,
);
pub(super) const NO_WORKERS: Term = term("workers", "workers = 0", "--workers 0", |f| {
    f.config.workers == 0
});
pub(super) const COMBINE: Term = term(
    "allow-combine",
    "allow-combine = true",
    "--allow-combine",
    |f| f.config.allow_combine,
);

// Accounts.
pub(super) const ACCOUNT: Term = term(
    "account",
    "an account, such as [[account]] with name = \"anonymous\" in the file, or --anonymous, or --user NAME",
    "",
    |f| f.config.accounts.iter().next().is_some(),
);
/// Holds without any account: another row covers that.
pub(super) const ENABLED: Term = term("account", "an account that is enabled", "", |f| {
    f.config.accounts.iter().next().is_none() || f.any_account(|account| account.enabled)
});
pub(super) const ACCOUNTS_SET: Term = set!("account");
pub(super) const ANONYMOUS: Term = term(
    "account",
    "[[account]] with name = \"anonymous\"",
    "--anonymous (a --user account may write anyway)",
    |f| f.any_account(|account| !account.is_personal()),
);
pub(super) const PERSONAL: Term = term(
    "account",
    "an account with a password",
    "--user NAME",
    |f| f.any_account(|account| account.is_personal() && !account.is_catch_all()),
);
pub(super) const NEEDS_PASSWORD: Term = term(
    "account",
    "an account with a password",
    "--user NAME",
    |f| f.any_account(Account::is_personal),
);
/// Holds without a directory: other rows cover that.
pub(super) const QUOTA: Term = term(
    "account.quota-bytes",
    "account.quota-bytes or account.quota-files",
    "",
    |f| {
        let has_quota =
            |account: &Account| account.quota_bytes.is_some() || account.quota_files.is_some();
        f.config.root.is_none() || f.any_account(has_quota)
    },
);
/// Holds without a directory: other rows cover that.
pub(super) const WRITER: Term = term(
    "account",
    "an account that may write",
    "--writable or --user NAME",
    |f| {
        let may_write = |account: &Account| account.permissions.intersects(Permissions::WRITE);
        f.config.root.is_none() || f.any_account(may_write)
    },
);
pub(super) const PAM: Term = term("account", "account.pam", "", |f| {
    f.config.accounts.services().next().is_some()
});
pub(super) const HASHED: Term = term("account", "a hashed password", "", |f| {
    f.any_account(|account| matches!(account.secret, Secret::Hash(_)))
});
pub(super) const USER: Term = term("--user", "", "--user NAME", |f| f.is_set("--user"));
pub(super) const WRITABLE: Term = term("--writable", "", "--writable", |f| f.is_set("--writable"));
pub(super) const ANONYMOUS_OPTION: Term = term("--anonymous", "", "--anonymous", |f| {
    f.is_set("--anonymous")
});
pub(super) const FXP_OPTION: Term = term("--allow-fxp", "", "--allow-fxp", |f| {
    f.is_set("--allow-fxp")
});
pub(super) const PASSWORD_FILE: Term = term("--password-file", "", "--password-file FILE", |f| {
    f.is_set("--password-file")
});
pub(super) const PASSWORD_VARIABLE: Term = term(
    "MIOFTPD_PASSWORD",
    "",
    "the variable MIOFTPD_PASSWORD",
    |f| f.is_set("MIOFTPD_PASSWORD"),
);

// TLS.
pub(super) const TLS: Term = term("tls", "tls", "", |f| f.tls.is_wanted(&f.config.origins));
pub(super) const TLS_IN_BUILD: Term = term("tls", "a build with --features tls", "", |_| {
    cfg!(feature = "tls")
});
pub(super) const CERTIFICATE: Term = term(
    "tls.certificate",
    "tls.certificate = \"FILE\"",
    "--tls-cert FILE",
    |f| f.tls.certificate.is_some(),
);
pub(super) const KEY: Term = term("tls.key", "tls.key = \"FILE\"", "--tls-key FILE", |f| {
    f.tls.key.is_some()
});
pub(super) const CERTIFICATE_AND_KEY: Term = term(
    "tls.certificate",
    "tls.certificate and tls.key",
    "--tls-cert FILE and --tls-key FILE",
    |f| f.tls.certificate.is_some() || f.tls.key.is_some(),
);
pub(super) const SELF_SIGNED: Term = term(
    "tls.self-signed",
    "tls.self-signed = true",
    "--tls-self-signed",
    |f| f.tls.self_signed,
);
pub(super) const STATE: Term = term(
    "tls.state-directory",
    "tls.state-directory",
    "--state-dir",
    |f| f.tls.state.is_some(),
);
pub(super) const NAMES: Term = term("tls.names", "tls.names", "", |f| f.tls.names.is_some());
pub(super) const AUTHORITY: Term = term(
    "tls.client-authority",
    "tls.client-authority = \"FILE\"",
    "--tls-client-ca FILE",
    |f| f.tls.client_authority.is_some(),
);
pub(super) const CLIENT_REQUIRED: Term = term(
    "tls.client-required",
    "tls.client-required = true",
    "--tls-client-required",
    |f| f.tls.client_required,
);
pub(super) const CLIENT_LOGIN: Term = term(
    "tls.client-login",
    "tls.client-login = true",
    "--tls-client-login",
    |f| f.tls.policy.certificate_login,
);
pub(super) const REQUIRE_CONTROL: Term = term(
    "tls.require",
    "tls.require = \"control\" or \"data\"",
    "--tls-require control or data",
    |f| f.tls.policy.require >= TlsRequired::Control,
);
pub(super) const REQUIRE_LOGIN: Term = term(
    "tls.require",
    "tls.require = \"login\"",
    "--tls-require login",
    |f| f.tls.policy.require == TlsRequired::Login,
);

pub(super) const UNCLEAN_UPLOADS: Term =
    term("tls.unclean-uploads", "tls.unclean-uploads", "", |f| {
        !f.tls.policy.unclean_uploads.is_empty()
    });

// Events.
pub(super) const COMMAND: Term = term("events.command", "events.command", "", |f| {
    !f.config.events.command.is_empty()
});
pub(super) const SOCKET: Term = term("events.socket", "events.socket", "", |f| {
    f.config.events.socket.is_some()
});
pub(super) const DIGEST: Term = term("events.digest", "events.digest = true", "", |f| {
    f.config.events.digest
});

// Addresses.
pub(super) const LISTEN: Term = term("listen", "listen", "--listen", |f| {
    !f.config.listen.is_empty()
});
pub(super) const LISTEN_OVERLAPS: Term = term(
    "listen",
    "overlapping addresses",
    "overlapping addresses",
    |f| !overlapping(&f.config.listen, &[]).is_empty(),
)
.with_addresses(|f| overlapping(&f.config.listen, &[]));
pub(super) const LISTEN_NOT_UNICAST: Term =
    term("listen", "an address that is not unicast", "", |f| {
        f.config.listen.iter().any(is_not_unicast)
    })
    .with_addresses(|f| not_unicast(&f.config.listen));
pub(super) const TLS_LISTEN_NOT_UNICAST: Term =
    term("tls.listen", "an address that is not unicast", "", |f| {
        f.tls.listen.iter().any(is_not_unicast)
    })
    .with_addresses(|f| not_unicast(&f.tls.listen));
pub(super) const TLS_LISTEN: Term = term("tls.listen", "tls.listen", "--tls-listen", |f| {
    !f.tls.listen.is_empty()
});
pub(super) const TLS_LISTEN_OVERLAPS: Term = term(
    "tls.listen",
    "overlapping addresses in tls.listen and listen",
    "overlapping addresses in --tls-listen and --listen",
    |f| !overlapping(&f.tls.listen, &f.config.listen).is_empty(),
)
.with_addresses(|f| overlapping(&f.tls.listen, &f.config.listen));
pub(super) const DEFAULT_DATA_PORT: Term = term(
    "active.from-default-port",
    "active.from-default-port = true",
    "",
    |f| f.config.active_from_default_port,
);
/// Port L-1 of each listen address, for active data connections (RFC 959 §3.3).
pub(super) fn default_data_ports(f: &Facts<'_>) -> impl Iterator<Item = SocketAddr> {
    let listened = f.config.listen.iter().chain(&f.tls.listen);
    listened.filter_map(|address| {
        let port = address.port().checked_sub(1).filter(|port| *port > 0)?;
        Some(SocketAddr::new(address.ip(), port))
    })
}
pub(super) const ALLOW: Term = term("addresses.allow", "addresses.allow", "", |f| {
    !f.config.addresses.allow.is_empty()
});
pub(super) const DENY: Term = term("addresses.deny", "addresses.deny", "", |f| {
    !f.config.addresses.deny.is_empty()
});
/// No address may connect.
pub(super) const DENY_ALL: Term = term(
    "addresses.deny",
    "addresses.deny, which contains all of it",
    "",
    |f| {
        let (allow, deny) = (&f.config.addresses.allow, &f.config.addresses.deny);
        let is_denied = |network| deny.iter().any(|one| one.covers(network));
        !allow.is_empty() && allow.iter().all(is_denied)
    },
);
/// None of the denied networks is allowed in the first place.
pub(super) const DENY_NONE_ALLOWED: Term = term(
    "addresses.allow",
    "addresses.allow, which contains none of it",
    "",
    |f| {
        let (allow, deny) = (&f.config.addresses.allow, &f.config.addresses.deny);
        let is_allowed = |network| allow.iter().any(|one| one.overlaps(network));
        !allow.is_empty() && !deny.iter().any(is_allowed)
    },
);
pub(super) const DENY_EVERYWHERE: Term = term(
    "addresses.deny",
    "addresses.deny of 0.0.0.0/0 and ::/0",
    "",
    |f| {
        let deny = &f.config.addresses.deny;
        let has = |v4: bool| {
            deny.iter()
                .any(|one| one.is_everything() && one.is_ipv4() == v4)
        };
        has(true) && has(false)
    },
);
/// Any client may claim any address.
pub(super) const PROXIES_EVERYWHERE: Term = term(
    "addresses.proxies",
    "addresses.proxies with 0.0.0.0/0 or ::/0",
    "",
    |f| f.config.proxies.iter().any(crate::net::Cidr::is_everything),
);

/// Whether one process cannot bind both.
pub(crate) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.is_ipv4() == other.is_ipv4()
        && one.port() == other.port()
        && one.port() != 0
        && (is_any || one == other)
}

/// Whether an address is neither unicast nor the wildcard address.
fn is_not_unicast(address: &SocketAddr) -> bool {
    let ip = address.ip();
    !ip.is_unspecified() && !is_unicast(ip)
}

fn not_unicast(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let found = addresses.iter().filter(|address| is_not_unicast(address));
    found.copied().collect()
}

/// The first pair of an address of `own` and another of `own` or `others` that overlap; empty if none do.
fn overlapping(own: &[SocketAddr], others: &[SocketAddr]) -> Vec<SocketAddr> {
    let pair = own.iter().enumerate().find_map(|(index, &one)| {
        let mut before = own.iter().take(index).chain(others);
        let other = before.find(|other| overlap(one, **other))?;
        Some(vec![*other, one])
    });
    pair.unwrap_or_default()
}

/// Whether a path is below a served directory. The comparison is lexical: links are not resolved.
pub(super) fn is_served(f: &Facts<'_>, path: &Path) -> bool {
    // Fails if the path is empty or the working directory is gone.
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let path = absolute(path);
    let mut roots = f.config.roots().into_iter();
    roots.any(|(_, root)| path.starts_with(absolute(root)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_overlap_as_in_the_kernel() {
        for (one, other, expected) in [
            ("127.0.0.1:21", "127.0.0.1:21", true),
            ("0.0.0.0:21", "127.0.0.1:21", true),
            ("127.0.0.1:21", "127.0.0.1:22", false),
            ("127.0.0.1:21", "127.0.0.2:21", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
            ("[::]:21", "0.0.0.0:21", false),
            ("[::]:21", "[::1]:21", true),
        ] {
            let overlaps = overlap(one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(overlaps, expected, "{one} {other}");
        }
    }
}
