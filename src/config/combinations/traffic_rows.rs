//! The rows for keys of the server: events and logs, addresses and ports, limits, time-outs, storage.
//!
//! Data only: [`Row::find`] evaluates it, and `tests/traffic_samples.rs` has a sample for each row.

#[allow(clippy::wildcard_imports, reason = "the vocabulary of this table")]
use super::terms::*;
use super::{Facts, Row};
use crate::net::PassiveHost;
use std::net::SocketAddr;

pub(super) const TRAFFIC_ROWS: &[Row] = &[
    // Events and logs.
    Row::no_effect_without(DIGEST, &[COMMAND, SOCKET], "only events report it"),
    Row::no_effect_without(
        set!("events.at-once"),
        &[COMMAND],
        "it limits the number of running commands",
    ),
    Row::no_effect_without(
        set!("events.time"),
        &[COMMAND],
        "it limits the run time of the command",
    ),
    Row::conflicts(
        set!("log.transfers-json"),
        &[term(
            "log.transfers",
            "the same file in log.transfers",
            "",
            is_one_file,
        )],
        "the file would mix two formats",
    ),
    // Addresses and ports.
    Row::conflicts(LISTEN, &[LISTEN_OVERLAPS], "one process cannot bind both"),
    Row::conflicts(
        TLS_LISTEN,
        &[TLS_LISTEN_OVERLAPS],
        "one process cannot bind both",
    ),
    Row::conflicts(LISTEN, &[LISTEN_NOT_UNICAST], "no client can connect to it"),
    Row::conflicts(
        TLS_LISTEN,
        &[TLS_LISTEN_NOT_UNICAST],
        "no client can connect to it",
    ),
    Row::discouraged_with(
        set!("passive.address", "--passive-address"),
        &[term(
            "passive.address",
            "an address of 127.0.0.0/8",
            "",
            |f| {
                let address = f.config.passive_address.as_ref();
                matches!(address, Some(PassiveHost::Address(address)) if address.is_loopback())
            },
        )],
        "only clients on this host can connect to it",
    ),
    Row::conflicts(ALLOW, &[DENY_ALL], "no client could connect"),
    Row::conflicts(DENY, &[DENY_EVERYWHERE], "no client could connect"),
    Row::overridden_by(
        DENY,
        &[DENY_NONE_ALLOWED],
        "those clients are not allowed anyway",
    ),
    Row::conflicts(
        PROXIES_EVERYWHERE,
        &[ALLOW, DENY],
        "any client could claim another address",
    ),
    Row::no_effect_without(
        term(
            "passive.address-for-private",
            "passive.address-for-private = true",
            "",
            |f| f.config.passive_address_for_private,
        ),
        &[term(
            "passive.address",
            "passive.address",
            "--passive-address",
            |f| f.config.passive_address.is_some(),
        )],
        "it selects the clients that get that address",
    ),
    Row::overridden_by(
        set!("passive.ports", "--passive-ports"),
        &[term(
            "listen",
            "listen on one of them",
            "--listen on one of them",
            listens_on_passive,
        )],
        "that port is not available for data connections",
    ),
    Row::overridden_by(
        DEFAULT_DATA_PORT,
        &[term(
            "listen",
            "listen on port L-1 of another address",
            "--listen on port L-1 of another address",
            |f| {
                let listened = || f.config.listen.iter().chain(&f.tls.listen);
                default_data_ports(f).any(|port| listened().any(|one| overlap(*one, port)))
            },
        )],
        "a port with a listener cannot be the source of a connection",
    ),
    Row::discouraged_with(
        DEFAULT_DATA_PORT,
        &[term(
            "passive.ports",
            "passive.ports that contain port L-1 of listen",
            "--passive-ports that contain port L-1 of --listen",
            |f| {
                let ports = f.config.passive_ports.as_ref();
                let is_passive =
                    |one: SocketAddr| ports.is_some_and(|ports| ports.contains(&one.port()));
                default_data_ports(f).any(is_passive)
            },
        )],
        "while a passive listener uses that port, active data connections come from another one",
    ),
    Row::overridden_by(
        set!("passive.address-by-network"),
        &[term("", "an earlier network of its own", "", |f| {
            let networks = &f.config.passive_addresses;
            networks.iter().enumerate().any(|(index, (one, _))| {
                let earlier = networks.iter().take(index);
                earlier.into_iter().any(|(other, _)| other.covers(one))
            })
        })],
        "the first network that contains the client applies",
    ),
    Row::overridden_by(
        set!("passive.address", "--passive-address"),
        &[term(
            "passive.address-by-network",
            "passive.address-by-network for 0.0.0.0/0",
            "",
            |f| {
                let mut networks = f.config.passive_addresses.iter();
                networks.any(|(network, _)| network.is_everything() && network.is_ipv4())
            },
        )],
        "PASV is for IPv4 only",
    ),
    Row::discouraged_with(
        UNCLEAN_UPLOADS,
        &[term("", "0.0.0.0/0 or ::/0 in it", "", |f| {
            let networks = &f.tls.policy.unclean_uploads;
            networks.iter().any(crate::net::Cidr::is_everything)
        })],
        "a truncated upload of any client would count as complete",
    ),
    Row::overridden_by(
        UNCLEAN_UPLOADS,
        &[term(
            "addresses.allow",
            "addresses.allow, which contains none of it",
            "",
            |f| {
                let allow = &f.config.addresses.allow;
                let is_allowed = |one| allow.iter().any(|network| network.overlaps(one));
                !allow.is_empty() && !f.tls.policy.unclean_uploads.iter().any(is_allowed)
            },
        )],
        "those clients may not connect",
    ),
    // Limits and time-outs.
    Row::overridden_by(
        set!("limits.connections"),
        &[term(
            "passive.ports",
            "fewer passive.ports",
            "fewer --passive-ports",
            |f| {
                let ports = f.config.passive_ports.as_ref().map(ExactSizeIterator::len);
                ports.is_some_and(|ports| ports < f.config.connections)
            },
        )],
        "each passive data connection needs a port",
    ),
    Row::overridden_by(
        set!("limits.connections-per-address"),
        &[term(
            "limits.connections",
            "fewer limits.connections",
            "",
            |f| f.config.connections_per_address > f.config.connections,
        )],
        "that is the limit of all addresses together",
    ),
    Row::overridden_by(
        set!("throttling.connection-burst"),
        &[term(
            "throttling.connection-interval",
            "throttling.connection-interval = 0",
            "",
            |f| f.config.throttling.connections.interval.is_zero(),
        )],
        "an interval of zero disables the limit",
    ),
    Row::overridden_by(
        set!("throttling.command-burst"),
        &[term(
            "throttling.command-interval",
            "throttling.command-interval = 0",
            "",
            |f| f.config.throttling.commands.interval.is_zero(),
        )],
        "an interval of zero disables the limit",
    ),
    Row::conflicts(
        term("timings.penalty", "timings.penalty", "", |f| {
            f.is_set("timings.penalty") && !f.config.timings.penalty.is_zero()
        }),
        &[term(
            "throttling.longest-penalty",
            "throttling.longest-penalty = 0",
            "",
            |f| f.config.throttling.longest_penalty.is_zero(),
        )],
        "failed logins would not be delayed",
    ),
    Row::overridden_by(
        set!("timings.penalty"),
        &[term("timings.login", "timings.login", "", |f| {
            let penalty = f
                .config
                .timings
                .penalty
                .min(f.config.throttling.longest_penalty);
            penalty >= f.config.timings.login
        })],
        "the login time-out ends before the delay of a failed login",
    ),
    // Storage.
    Row::no_effect_without(set!("storage.durability"), &[WRITER], "nothing is stored"),
    Row::no_effect_without(
        set!("storage.free-space-floor"),
        &[WRITER],
        "nothing is stored",
    ),
    Row::no_effect_without(
        set!("storage.remove-unfinished"),
        &[WRITER],
        "nothing is stored",
    ),
    Row::no_effect_without(UNCLEAN_UPLOADS, &[WRITER], "nothing is stored"),
    Row::no_effect_without(
        set!("storage.recount"),
        &[QUOTA],
        "only directories with a quota are counted",
    ),
    Row::no_effect_without(COMMAND, &[WRITER], "nothing is stored"),
    Row::no_effect_without(SOCKET, &[WRITER], "nothing is stored"),
    Row::no_effect_without(set!("umask", "--umask"), &[WRITER], "nothing is stored"),
    Row::no_effect_without(COMBINE, &[WRITER], "nothing is stored"),
    // Secrets and logs below a served directory.
    Row::discouraged_with(
        KEY,
        &[term("", SERVED_WITH_IT, "", |f| {
            f.tls.key.as_deref().is_some_and(|path| is_served(f, path))
        })],
        "clients may read the private key",
    ),
    Row::discouraged_with(
        STATE,
        &[term("", SERVED_WITH_IT, "", |f| {
            f.tls
                .state
                .as_deref()
                .is_some_and(|path| is_served(f, path))
        })],
        "clients may read the private key",
    ),
    Row::discouraged_with(
        term("", "the configuration file, or a password file,", "", |f| {
            !f.config.sources.is_empty()
        }),
        &[term("", SERVED_WITH_IT, "", |f| {
            f.config.sources.iter().any(|path| is_served(f, path))
        })],
        "clients may read it",
    ),
    Row::discouraged_with(
        term("", "a transfer log", "", |f| {
            !f.config.transfer_logs.is_empty()
        }),
        &[term("", SERVED_WITH_IT, "", |f| {
            f.config
                .transfer_logs
                .iter()
                .any(|log| is_served(f, &log.file))
        })],
        "clients may read or change it",
    ),
];

const SERVED_WITH_IT: &str = "a directory that contains it";

/// Whether both formats of transfer logs are written to one file.
fn is_one_file(f: &Facts<'_>) -> bool {
    let logs = &f.config.transfer_logs;
    matches!(logs.as_slice(), [one, other] if one.file == other.file)
}

/// Whether a listen address has one of the passive ports.
fn listens_on_passive(f: &Facts<'_>) -> bool {
    let ports = f.config.passive_ports.as_ref();
    let mut listened = f.config.listen.iter().chain(&f.tls.listen);
    ports.is_some_and(|ports| listened.any(|address| ports.contains(&address.port())))
}
