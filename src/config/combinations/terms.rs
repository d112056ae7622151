//! The conditions of the tables: the notation in a file, that on the command line, and the predicate.
//!
//! A switch holds if it is on, whether it is set or not; any other key holds if it is set.

use std::net::SocketAddr;
use std::path::Path;

use super::{Facts, Holds, Term};
use crate::auth::{Account, Permissions, Secret};
use crate::config::{StatusAddress, directories_above};
use crate::net::{Cidr, PassiveHost};
use crate::protocol::unicast::is_unicast;
use crate::session::TlsRequired;

/// `NAME: "FILE" | "OPTION" at "KEY", PREDICATE;` for each [`Term`]. `at` is for a key that the notation
/// does not begin with; without a predicate the term holds if its key is set.
macro_rules! terms {
    ($($(#[$doc:meta])* $name:ident:
        $file:literal $(| $option:literal)? $(at $at:literal)? $(, $holds:expr)?;)*) => {
        $($(#[$doc])* pub(super) const $name: Term = Term {
            $(option: $option,)?
            $(at: $at,)?
            $(holds: $crate::config::combinations::Holds::If($holds),)?
            ..Term::set($file)
        };)*
    };
}
pub(super) use terms;

terms! {
    // Directory, greeting, workers.
    DIRECTORY: "directory = \"DIR\"" | "a DIR to serve", |f| f.config.root.is_some();
    SERVED: "directory" | "DIR", |f| f.config.root.is_some();
    GREETING: "greeting", |f| f.config.greeting.is_some();
    WORKERS: "workers = 1 or more" | "--workers 1 or more", |f| f.config.workers > 0;
    NO_WORKERS: "workers = 0" | "--workers 0", |f| f.config.workers == 0;
    COMBINE: "allow-combine = true", |f| f.config.allow_combine;

    // Accounts.
    ACCOUNT: "an account, such as [[account]] with name = \"anonymous\" in the file, \
        or --anonymous, or --user NAME", |f| f.any_account(|_| true);
    /// Holds without any account: another row covers that.
    ENABLED: "an account that is enabled",
        |f| !f.any_account(|_| true) || f.any_account(|account| account.enabled);
    ANONYMOUS: "[[account]] with name = \"anonymous\""
        | "--anonymous (a --user account may write anyway)",
        |f| f.any_account(|account| !account.is_personal());
    PERSONAL: "an account with a password" | "--user NAME",
        |f| f.any_account(|account| account.is_personal() && !account.is_catch_all());
    NEEDS_PASSWORD: "an account with a password" | "--user NAME",
        |f| f.any_account(Account::is_personal);
    /// Holds without a directory: other rows cover that.
    QUOTA: "account.quota-bytes or account.quota-files", |f| f.config.root.is_none()
        || f.any_account(|account| account.quota_bytes.is_some() || account.quota_files.is_some());
    /// Holds without a directory: other rows cover that.
    WRITER: "an account that may write" | "--writable or --user NAME", |f| f.config.root.is_none()
        || f.any_account(|account| account.permissions.intersects(Permissions::WRITE));
    PAM: "account.pam" at "account", |f| f.config.accounts.services().next().is_some();
    HASHED: "a hashed password",
        |f| f.any_account(|account| matches!(account.secret, Secret::Hash(_)));
    USER: "" | "--user NAME";
    WRITABLE: "" | "--writable";
    ANONYMOUS_OPTION: "" | "--anonymous";
    FXP_OPTION: "" | "--allow-fxp";
    PASSWORD_FILE: "" | "--password-file FILE";
    TRACE: "" | "--trace FILE";
    TRACE_NAMES: "" | "--trace-names";
    INETD: "" | "--inetd";
    DAEMON: "" | "--daemon";
    PID_FILE: "" | "--pid-file FILE";
    PASSWORD_VARIABLE: "" | "the variable MIOFTPD_PASSWORD" at "MIOFTPD_PASSWORD";

    // TLS.
    TLS: "tls", |f| f.tls.is_wanted(&f.config.origins);
    TLS_IN_BUILD: "a build with --features tls", |_| cfg!(feature = "tls");
    CERTIFICATE: "tls.certificate = \"FILE\"" | "--tls-cert FILE", |f| f.tls.certificate.is_some();
    KEY: "tls.key = \"FILE\"" | "--tls-key FILE", |f| f.tls.key.is_some();
    CERTIFICATE_AND_KEY: "tls.certificate and tls.key" | "--tls-cert FILE and --tls-key FILE",
        |f| f.tls.certificate.is_some() || f.tls.key.is_some();
    SELF_SIGNED: "tls.self-signed = true" | "--tls-self-signed", |f| f.tls.self_signed;
    STATE: "tls.state-directory", |f| f.tls.state.is_some();
    NAMES: "tls.names", |f| f.tls.names.is_some();
    AUTHORITY: "tls.client-authority = \"FILE\"" | "--tls-client-ca FILE",
        |f| f.tls.client_authority.is_some();
    CLIENT_REQUIRED: "tls.client-required = true" | "--tls-client-required",
        |f| f.tls.client_required;
    CLIENT_LOGIN: "tls.client-login = true" | "--tls-client-login",
        |f| f.tls.policy.certificate_login;
    REQUIRE_CONTROL: "tls.require = \"control\" or \"data\"" | "--tls-require control or data",
        |f| f.tls.policy.require >= TlsRequired::Control;
    REQUIRE_LOGIN: "tls.require = \"login\"" | "--tls-require login",
        |f| f.tls.policy.require == TlsRequired::Login;
    UNCLEAN_UPLOADS: "tls.unclean-uploads", |f| !f.tls.policy.unclean_uploads.is_empty();
    UNCLEAN_EVERYWHERE: "0.0.0.0/0 or ::/0 in it",
        |f| f.tls.policy.unclean_uploads.iter().any(Cidr::is_everything);
    UNCLEAN_NOT_ALLOWED: "addresses.allow, which contains none of it",
        |f| allows_none(f, &f.tls.policy.unclean_uploads);

    // Events and logs.
    COMMAND: "events.command", |f| !f.config.events.command.is_empty();
    SOCKET: "events.socket", |f| f.config.events.socket.is_some();
    DIGEST: "events.digest = true", |f| f.config.events.digest;
    SAME_LOG: "the same file in log.transfers",
        |f| matches!(f.config.transfer_logs.as_slice(), [one, other] if one.file == other.file);

    // Addresses and ports.
    LISTEN: "listen", |f| !f.config.listen.is_empty();
    TLS_LISTEN: "tls.listen", |f| !f.tls.listen.is_empty();
    LISTEN_IN_PASSIVE: "listen on one of them" | "--listen on one of them",
        |f| any_passive(f, listened(f));
    DEFAULT_DATA_PORT: "active.from-default-port = true", |f| f.config.active_from_default_port;
    DEFAULT_DATA_PORT_LISTENED: "listen on port L-1 of another address"
        | "--listen on port L-1 of another address",
        |f| default_data_ports(f).any(|port| listened(f).any(|one| overlap(one, port)));
    DEFAULT_DATA_PORT_PASSIVE: "passive.ports that contain port L-1 of listen"
        | "--passive-ports that contain port L-1 of --listen",
        |f| any_passive(f, default_data_ports(f));
    PASSIVE_ADDRESS: "passive.address" | "--passive-address",
        |f| f.config.passive_address.is_some();
    PASSIVE_LOOPBACK: "an address of 127.0.0.0/8", |f| matches!(&f.config.passive_address,
        Some(PassiveHost::Address(address)) if address.is_loopback());
    PASSIVE_FOR_PRIVATE: "passive.address-for-private = true",
        |f| f.config.passive_address_for_private;
    PASSIVE_NETWORK_COVERED: "an earlier network of its own", |f| {
        let networks = &f.config.passive_addresses;
        networks.iter().enumerate().any(|(index, (one, _))| {
            networks.iter().take(index).any(|(earlier, _)| earlier.covers(one))
        })
    };
    PASSIVE_EVERYWHERE: "passive.address-by-network for 0.0.0.0/0", |f| {
        let mut networks = f.config.passive_addresses.iter();
        networks.any(|(network, _)| network.is_everything() && network.is_ipv4())
    };
    ALLOW: "addresses.allow", |f| !f.config.addresses.allow.is_empty();
    DENY: "addresses.deny", |f| !f.config.addresses.deny.is_empty();
    /// No address may connect.
    DENY_ALL: "addresses.deny, which contains all of it",
        |f| denies_all(f, &f.config.addresses.allow);
    /// None of the denied networks is allowed in the first place.
    DENY_NONE_ALLOWED: "addresses.allow, which contains none of it",
        |f| allows_none(f, &f.config.addresses.deny);
    DENY_EVERYWHERE: "addresses.deny of 0.0.0.0/0 and ::/0", |f| {
        let everything = || f.config.addresses.deny.iter().filter(|one| one.is_everything());
        everything().any(Cidr::is_ipv4) && !everything().all(Cidr::is_ipv4)
    };
    /// Any client may claim any address.
    PROXIES_EVERYWHERE: "addresses.proxies with 0.0.0.0/0 or ::/0",
        |f| f.config.proxies.iter().any(Cidr::is_everything);

    // The status service.
    STATUS_LISTEN: "status.listen", |f| !f.config.status.listen.is_empty();
    STATUS_REMOTE: "status.listen with an address of the network",
        |f| f.config.status.listen.iter().any(StatusAddress::is_remote);
    STATUS_PUBLIC: "status.public = true", |f| f.config.status.public;
    STATUS_TWICE: "the same Unix socket twice", |f| {
        let mut sockets = f.config.status.sockets().enumerate();
        sockets.any(|(index, one)| f.config.status.sockets().take(index).any(|other| other == one))
    };

    // Limits and time-outs.
    FEWER_CONNECTIONS: "fewer limits.connections",
        |f| f.config.connections_per_address > f.config.connections;
    NO_CONNECTION_INTERVAL: "throttling.connection-interval = 0",
        |f| f.config.throttling.connections.interval.is_zero();
    NO_COMMAND_INTERVAL: "throttling.command-interval = 0",
        |f| f.config.throttling.commands.interval.is_zero();
    NO_LONGEST_PENALTY: "throttling.longest-penalty = 0",
        |f| f.config.throttling.longest_penalty.is_zero();
    PENALTY: "timings.penalty", |f| !f.config.timings.penalty.is_zero()
        && f.config.origins.is_set(None, "timings.penalty");
    SHORT_LOGIN: "timings.login", |f| {
        let (timings, longest) = (&f.config.timings, f.config.throttling.longest_penalty);
        timings.penalty.min(longest) >= timings.login
    };

    REOPEN: "storage.reopen = true", |f| f.config.reopen;
    BELOW_SLASH: "a directory that is directly below /", |f| {
        let mut roots = f.config.roots().into_iter().flat_map(|(_, root)| directories_above(root));
        f.config.sandbox && roots.any(|above| above == Path::new("/"))
    };

    // Secrets and logs below a served directory.
    SOURCES: "the configuration file, or a password file,", |f| !f.config.sources.is_empty();
    SOURCES_SERVED: "a directory that contains it",
        |f| f.config.sources.iter().any(|path| is_served(f, path));
    KEY_SERVED: "a directory that contains it",
        |f| f.tls.key.iter().any(|path| is_served(f, path));
    STATE_SERVED: "a directory that contains it",
        |f| f.tls.state.iter().any(|path| is_served(f, path));
    LOGS: "a transfer log", |f| !f.config.transfer_logs.is_empty();
    LOGS_SERVED: "a directory that contains it",
        |f| f.config.transfer_logs.iter().any(|log| is_served(f, &log.file));
}

const fn addresses(
    file: &'static str,
    option: &'static str,
    of: fn(&Facts<'_>) -> Vec<SocketAddr>,
) -> Term {
    let holds = Holds::For(of);
    Term {
        option,
        holds,
        ..Term::set(file)
    }
}

pub(super) const LISTEN_OVERLAPS: Term = addresses("overlapping addresses", "", |f| {
    overlapping(&f.config.listen, &[])
});
pub(super) const TLS_LISTEN_OVERLAPS: Term = addresses(
    "overlapping addresses in tls.listen and listen",
    "overlapping addresses in --tls-listen and --listen",
    |f| overlapping(&f.tls.listen, &f.config.listen),
);
pub(super) const STATUS_OVERLAPS: Term = addresses(
    "overlapping addresses there, in listen or in tls.listen",
    "",
    |f| {
        let own: Vec<_> = f.config.status.addresses().collect();
        let others: Vec<_> = listened(f).collect();
        overlapping(&own, &others)
    },
);
const NOT_UNICAST: &str = "an address that is not unicast";
pub(super) const LISTEN_NOT_UNICAST: Term =
    addresses(NOT_UNICAST, "", |f| not_unicast(&f.config.listen));
pub(super) const TLS_LISTEN_NOT_UNICAST: Term =
    addresses(NOT_UNICAST, "", |f| not_unicast(&f.tls.listen));

fn listened(f: &Facts<'_>) -> impl Iterator<Item = SocketAddr> {
    f.config.listen.iter().chain(&f.tls.listen).copied()
}

/// Port L-1 of each listen address, for active data connections (RFC 959 §3.3).
fn default_data_ports(f: &Facts<'_>) -> impl Iterator<Item = SocketAddr> {
    listened(f).filter_map(|address| {
        let port = address.port().checked_sub(1).filter(|port| *port > 0)?;
        Some(SocketAddr::new(address.ip(), port))
    })
}

/// Whether one of the addresses has a passive port.
fn any_passive(f: &Facts<'_>, mut addresses: impl Iterator<Item = SocketAddr>) -> bool {
    let ports = f.config.passive_ports.as_ref();
    ports.is_some_and(|ports| addresses.any(|address| ports.contains(&address.port())))
}

/// Whether `addresses.allow` is set and contains none of these networks.
pub(super) fn allows_none(f: &Facts<'_>, networks: &[Cidr]) -> bool {
    let allow = &f.config.addresses.allow;
    let is_allowed = |network| allow.iter().any(|one| one.overlaps(network));
    !allow.is_empty() && !networks.iter().any(is_allowed)
}

/// Whether there are networks, and `addresses.deny` contains all of them.
pub(super) fn denies_all(f: &Facts<'_>, networks: &[Cidr]) -> bool {
    let deny = &f.config.addresses.deny;
    let is_denied = |network| deny.iter().any(|one| one.covers(network));
    !networks.is_empty() && networks.iter().all(is_denied)
}

/// Whether one process cannot bind both.
pub(crate) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.is_ipv4() == other.is_ipv4()
        && one.port() == other.port()
        && one.port() != 0
        && (is_any || one == other)
}

/// The addresses that are neither unicast nor the wildcard address.
fn not_unicast(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_unusable =
        |address: &&SocketAddr| !address.ip().is_unspecified() && !is_unicast(address.ip());
    addresses.iter().filter(is_unusable).copied().collect()
}

/// The first pair of an address of `own` and another of `own` or `others` that overlap; empty if none do.
fn overlapping(own: &[SocketAddr], others: &[SocketAddr]) -> Vec<SocketAddr> {
    for (index, &one) in own.iter().enumerate() {
        let mut before = own.iter().take(index).chain(others);
        if let Some(&other) = before.find(|other| overlap(one, **other)) {
            return vec![other, one];
        }
    }
    Vec::new()
}

/// Whether a path is below a served directory. The comparison is lexical: links are not resolved.
fn is_served(f: &Facts<'_>, path: &Path) -> bool {
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
