//! The table for keys of the whole server that are about addresses, limits, times, files and what is told
//! of transfers.

#[allow(clippy::wildcard_imports, reason = "they are the words of this table")]
use super::terms::*;
use super::{Facts, Row};
use crate::net::PassiveHost;
use std::net::SocketAddr;

pub(super) const TRAFFIC_ROWS: &[Row] = &[
    // What is told of transfers.
    Row::idle_without(DIGEST, &[COMMAND, SOCKET], "it is told of by events"),
    Row::idle_without(
        set!("events.at-once"),
        &[COMMAND],
        "it is how many run at once",
    ),
    Row::idle_without(
        set!("events.time"),
        &[COMMAND],
        "it is how long one may run",
    ),
    Row::excludes(
        set!("log.transfers-json"),
        &[term(
            "log.transfers",
            "the same file in log.transfers",
            "",
            one_log,
        )],
        "lines of two formats in one file are of use for neither",
    ),
    // Addresses and ports.
    Row::excludes(LISTEN, &[LISTEN_TWICE], "one process cannot listen at both"),
    Row::excludes(
        TLS_LISTEN,
        &[TLS_LISTEN_TWICE],
        "one process cannot listen at both",
    ),
    Row::excludes(LISTEN, &[LISTEN_NOWHERE], "no client can connect there"),
    Row::excludes(
        TLS_LISTEN,
        &[TLS_LISTEN_NOWHERE],
        "no client can connect there",
    ),
    Row::unwise_beside(
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
        "only clients on this host can connect there",
    ),
    Row::excludes(ALLOW, &[DENY_ALL], "no client could connect"),
    Row::excludes(DENY, &[DENY_EVERYWHERE], "no client could connect"),
    Row::idle_beside(DENY, &[DENY_NONE], "those clients may not connect anyway"),
    Row::excludes(
        PROXIES_EVERYWHERE,
        &[ALLOW, DENY],
        "every client could say that it has another address",
    ),
    Row::idle_without(
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
        "it says to which clients that address is told",
    ),
    Row::idle_beside(
        set!("passive.ports", "--passive-ports"),
        &[term(
            "listen",
            "listen at one of them",
            "--listen at one of them",
            listens_at_passive,
        )],
        "that port is not free for data connections",
    ),
    Row::idle_beside(
        DEFAULT_DATA_PORT,
        &[term(
            "listen",
            "listen at the port before another",
            "--listen at the port before another",
            |f| {
                let listened = || f.config.listen.iter().chain(&f.tls.listen);
                default_data_ports(f).any(|port| listened().any(|one| overlap(*one, port)))
            },
        )],
        "no connection can come from a port that is listened at",
    ),
    Row::unwise_beside(
        DEFAULT_DATA_PORT,
        &[term(
            "passive.ports",
            "passive.ports that have the port before one of listen",
            "--passive-ports that have the port before one of --listen",
            |f| {
                let ports = f.config.passive_ports.as_ref();
                let is_passive =
                    |one: SocketAddr| ports.is_some_and(|ports| ports.contains(&one.port()));
                default_data_ports(f).any(is_passive)
            },
        )],
        "while a client is awaited there, data connections to others come from another port",
    ),
    Row::idle_beside(
        set!("passive.address-by-network"),
        &[term("", "an earlier network of its own", "", |f| {
            let networks = &f.config.passive_addresses;
            networks.iter().enumerate().any(|(index, (one, _))| {
                let earlier = networks.iter().take(index);
                earlier.into_iter().any(|(other, _)| other.covers(one))
            })
        })],
        "the first network that a client is in counts",
    ),
    Row::idle_beside(
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
        "PASV is for clients of IPv4 alone",
    ),
    Row::unwise_beside(
        UNCLEAN_UPLOADS,
        &[term("", "0.0.0.0/0 or ::/0 in it", "", |f| {
            let networks = &f.tls.policy.unclean_uploads;
            networks.iter().any(crate::net::Cidr::is_everything)
        })],
        "an upload that is cut on the way would count as whole, whoever sends it",
    ),
    Row::idle_beside(
        UNCLEAN_UPLOADS,
        &[term(
            "addresses.allow",
            "addresses.allow, which has none of it",
            "",
            |f| {
                let allow = &f.config.addresses.allow;
                let is_allowed = |one| allow.iter().any(|network| network.meets(one));
                !allow.is_empty() && !f.tls.policy.unclean_uploads.iter().any(is_allowed)
            },
        )],
        "those clients may not connect",
    ),
    // Limits and times.
    Row::idle_beside(
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
        "each passive data connection takes a port of its own",
    ),
    Row::idle_beside(
        set!("limits.connections-per-address"),
        &[term(
            "limits.connections",
            "fewer limits.connections",
            "",
            |f| f.config.connections_per_address > f.config.connections,
        )],
        "all addresses together have no more",
    ),
    Row::idle_beside(
        set!("throttling.connection-burst"),
        &[term(
            "throttling.connection-interval",
            "throttling.connection-interval = 0",
            "",
            |f| f.config.throttling.connections.interval.is_zero(),
        )],
        "there is no limit then",
    ),
    Row::idle_beside(
        set!("throttling.command-burst"),
        &[term(
            "throttling.command-interval",
            "throttling.command-interval = 0",
            "",
            |f| f.config.throttling.commands.interval.is_zero(),
        )],
        "there is no limit then",
    ),
    Row::excludes(
        term("timings.penalty", "timings.penalty", "", |f| {
            f.is_set("timings.penalty") && !f.config.timings.penalty.is_zero()
        }),
        &[term(
            "throttling.longest-penalty",
            "throttling.longest-penalty = 0",
            "",
            |f| f.config.throttling.longest_penalty.is_zero(),
        )],
        "failed logins would be answered at once",
    ),
    Row::idle_beside(
        set!("timings.penalty"),
        &[term("timings.login", "timings.login", "", |f| {
            let penalty = f
                .config
                .timings
                .penalty
                .min(f.config.throttling.longest_penalty);
            penalty >= f.config.timings.login
        })],
        "the time for a login ends before a failed one is answered",
    ),
    // Only for those that write.
    Row::idle_without(set!("storage.durability"), &[WRITER], "nothing is stored"),
    Row::idle_without(
        set!("storage.free-space-floor"),
        &[WRITER],
        "nothing is stored",
    ),
    Row::idle_without(
        set!("storage.remove-unfinished"),
        &[WRITER],
        "nothing is stored",
    ),
    Row::idle_without(UNCLEAN_UPLOADS, &[WRITER], "nothing is stored"),
    Row::idle_without(
        set!("storage.recount"),
        &[QUOTA],
        "there is nothing to be counted",
    ),
    Row::idle_without(COMMAND, &[WRITER], "nothing is stored"),
    Row::idle_without(SOCKET, &[WRITER], "nothing is stored"),
    Row::idle_without(set!("umask", "--umask"), &[WRITER], "nothing is stored"),
    Row::idle_without(COMBINE, &[WRITER], "nothing is stored"),
    // Secrets and records that clients could get at.
    Row::unwise_beside(
        KEY,
        &[term("", SERVED_WITH_IT, "", |f| {
            f.tls.key.as_deref().is_some_and(|path| is_served(f, path))
        })],
        "clients may read the private key",
    ),
    Row::unwise_beside(
        STATE,
        &[term("", SERVED_WITH_IT, "", |f| {
            f.tls
                .state
                .as_deref()
                .is_some_and(|path| is_served(f, path))
        })],
        "clients may read the private key",
    ),
    Row::unwise_beside(
        term("", "the configuration file, or a password file,", "", |f| {
            !f.config.sources.is_empty()
        }),
        &[term("", SERVED_WITH_IT, "", |f| {
            f.config.sources.iter().any(|path| is_served(f, path))
        })],
        "clients may read it",
    ),
    Row::unwise_beside(
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
fn one_log(f: &Facts<'_>) -> bool {
    let logs = &f.config.transfer_logs;
    matches!(logs.as_slice(), [one, other] if one.file == other.file)
}

/// Whether one of the passive ports is listened at.
fn listens_at_passive(f: &Facts<'_>) -> bool {
    let ports = f.config.passive_ports.as_ref();
    let mut listened = f.config.listen.iter().chain(&f.tls.listen);
    ports.is_some_and(|ports| listened.any(|address| ports.contains(&address.port())))
}
