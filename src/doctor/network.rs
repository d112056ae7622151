//! Data connections: the passive ports, the masquerade address, the firewall as far as it can be seen, IPv6.
//!
//! It sends nothing and runs no program, so the rules of a firewall it cannot see; it says so.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

use super::number_in;
use super::report::{Level, Report};
use crate::config::Config;
use crate::limits::SESSIONS_PER_PORT;
use crate::net::{PassiveHost, is_private};

const PASSIVE: &str = "passive";
const FIREWALL: &str = "firewall";

/// The module of the kernel that reads PASV replies to open ports.
const HELPER: &str = "/sys/module/nf_conntrack_ftp";

pub(super) fn examine(report: &mut Report, config: &Config) {
    let listen = config.plain_listen().iter().chain(config.tls_listen());
    let listen: Vec<SocketAddr> = listen.copied().collect();
    let is_reachable = listen
        .iter()
        .any(|one| !one.ip().to_canonical().is_loopback());
    if config.root.is_some() {
        examine_ports(report, config, is_reachable);
        examine_address(report, config, &listen);
        examine_firewall(report, config, is_reachable);
    }
    if listen.iter().any(SocketAddr::is_ipv6) && has_no_ipv6() {
        let text = "IPv6 is disabled on this host: no client can connect by it";
        report.add(
            Level::Note,
            "ipv6",
            text,
            "listen at 0.0.0.0 only, or sysctl net.ipv6.conf.all.disable_ipv6=0",
        );
    }
}

fn has_no_ipv6() -> bool {
    let all = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
    !Path::new("/proc/net/if_inet6").exists() || number_in(all) == Some(1)
}

fn examine_ports(report: &mut Report, config: &Config, is_reachable: bool) {
    let ephemeral = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let ephemeral = ephemeral.ok().and_then(|text| range_in(&text));
    let Some(ports) = &config.passive_ports else {
        let range = ephemeral.map_or_else(String::new, |range| {
            format!(" ({} to {})", range.start(), range.end())
        });
        let text = format!(
            "the kernel chooses the passive ports{range}: a firewall must allow all of these"
        );
        let level = if is_reachable { Level::Note } else { Level::Ok };
        report.add(
            level,
            PASSIVE,
            text,
            "passive.ports (--passive-ports) makes them few: 50000-50999",
        );
        return;
    };
    let (first, last) = (*ports.start(), *ports.end());
    let count = ports.len();
    // Sessions that wait at one port are of different addresses, or told apart by what they resume.
    let at_once = count.saturating_mul(SESSIONS_PER_PORT);
    if count < 10 || at_once < config.connections {
        let connections = config.connections;
        let text = format!(
            "{count} passive ports ({first}-{last}) for up to {connections} connections: transfers \
                that start \
             at the same time wait for a port, or fail with 425"
        );
        report.add(
            Level::Warning,
            PASSIVE,
            text,
            "widen passive.ports (--passive-ports): 50000-50999",
        );
    } else {
        report.ok(PASSIVE, format!("{count} passive ports ({first}-{last})"));
    }
    if let Some(range) = ephemeral.filter(|range| overlap(range, ports)) {
        let text = format!(
            "the passive ports {first}-{last} overlap those that the kernel gives to outgoing \
                connections \
             ({}-{}): some may be taken",
            range.start(),
            range.end()
        );
        let remedy =
            format!("sysctl -w net.ipv4.ip_local_reserved_ports={first}-{last}, or another range");
        report.add(Level::Note, PASSIVE, text, remedy);
    }
}

/// The two numbers of `ip_local_port_range`.
fn range_in(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let (first, last) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(first..=last)
}

fn overlap(one: &RangeInclusive<u16>, other: &RangeInclusive<u16>) -> bool {
    one.start() <= other.end() && other.start() <= one.end()
}

fn examine_address(report: &mut Report, config: &Config, listen: &[SocketAddr]) {
    let Some(PassiveHost::Address(address)) = &config.passive_address else {
        return;
    };
    let is_public = |one: &SocketAddr| !one.ip().is_unspecified() && !is_private(one.ip());
    if is_private(IpAddr::V4(*address)) && listen.iter().any(is_public) {
        let text = format!(
            "PASV advertises {address}, a private address, and the server listens at a public one: \
                clients on the Internet cannot connect to it"
        );
        report.add(
            Level::Error,
            PASSIVE,
            text,
            "set passive.address (--passive-address) to the public address, or leave it out",
        );
    }
}

fn examine_firewall(report: &mut Report, config: &Config, is_reachable: bool) {
    if Path::new(HELPER).exists() && config.tls.is_some() {
        let text = "nf_conntrack_ftp is loaded: it opens ports by reading PASV replies, which it \
            cannot in TLS";
        report.add(
            Level::Note,
            FIREWALL,
            text,
            "allow the range of passive.ports in the firewall itself",
        );
    }
    if !is_reachable {
        return;
    }
    let tables = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];
    let tables = tables.map(|path| fs::read_to_string(path).unwrap_or_default());
    let has_rules = tables.iter().any(|names| names.contains("filter"));
    let ports = config.passive_ports.as_ref();
    let ports = ports.map_or_else(
        || "all passive ports".to_owned(),
        |all| format!("{}-{}", all.start(), all.end()),
    );
    let text = if has_rules {
        "iptables has a filter; its rules cannot be seen from here"
    } else {
        "cannot see whether a firewall (nftables, a router, a cloud) blocks ports"
    };
    let remedy = format!(
        "nft list ruleset or iptables -S (as root) must allow the control port and {ports}"
    );
    report.add(Level::Note, FIREWALL, text, remedy);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_overlap_at_one_port() {
        assert_eq!(range_in("32768\t60999\n"), Some(32768..=60999));
        assert!(overlap(&(1..=5), &(5..=9)) && overlap(&(5..=9), &(1..=5)));
        assert!(!overlap(&(1..=4), &(5..=9)));
    }

    proptest! {
        #[test]
        fn malformed_range_is_none(text in "[a-z \t-]{0,20}") {
            prop_assert_eq!(range_in(&text), None);
        }
    }
}
