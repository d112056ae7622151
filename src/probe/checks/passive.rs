//! Passive mode: addresses, ports, and whether they can be reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Stop, Visit};
use crate::bench::client::{extended_port, passive_address};
use crate::probe::faults;
use crate::probe::timed_socket::TimedSocket;

/// How often a port is asked for.
const TRIES: usize = 4;

/// PASV.
pub(super) fn addresses(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let peer = visit.session.peer()?;
    let mut ports = Vec::new();
    for _ in 0..TRIES {
        let reply = visit.command("PASV")?;
        let IpAddr::V4(control) = peer.ip().to_canonical() else {
            if reply.code == 227 {
                visit.answered(faults::PASV_IPV6, "PASV over IPv6", &reply);
            }
            return Ok(());
        };
        if reply.is_unknown() {
            visit.answered(faults::PASV_MISSING, "PASV", &reply);
            return Ok(());
        }
        let Some(SocketAddr::V4(told)) =
            passive_address(&reply.lines).filter(|_| reply.code == 227)
        else {
            visit.answered(faults::PASV_SYNTAX, "PASV", &reply);
            return Ok(());
        };
        if !reply.shown.contains('(') {
            visit.answered(faults::PASV_PARENTHESES, "PASV", &reply);
        }
        address(*told.ip(), control, visit);
        ports.push(told.port());
        let address = SocketAddr::new(peer.ip(), told.port());
        if let Err(error) = TimedSocket::connect(address, visit.session.client.timeout()) {
            let error = crate::cause::cause(&error).to_string();
            let port = told.port();
            visit.report.add(
                faults::PASV_UNREACHABLE,
                format!("port {port} of PASV is unreachable: {error}"),
            );
            return Ok(());
        }
    }
    port_range(&ports, visit);
    Ok(())
}

/// The address that PASV tells, against that of the control connection.
fn address(told: Ipv4Addr, control: Ipv4Addr, visit: &mut Visit<'_, '_>) {
    let is_inner = |ip: Ipv4Addr| ip.is_private() || ip.is_loopback() || ip.is_link_local();
    if told.is_unspecified() || told.is_multicast() || told.is_broadcast() {
        visit.report.add(
            faults::PASV_ADDRESS,
            format!("PASV tells {told}, which is no address of a host"),
        );
    } else if is_inner(told) && !is_inner(control) {
        visit.report.add(
            faults::PASV_ADDRESS,
            format!("PASV tells {told}, a private address, to clients that reach {control}"),
        );
    } else if told != control {
        visit.report.add(
            faults::PASV_OTHER_ADDRESS,
            format!("PASV tells {told}, and the control connection is to {control}"),
        );
    }
}

fn port_range(ports: &[u16], visit: &mut Visit<'_, '_>) {
    let steps: Vec<_> = ports
        .windows(2)
        .filter_map(|pair| match pair {
            [a, b] => Some(i32::from(*b) - i32::from(*a)),
            _ => None,
        })
        .collect();
    let is_predictable = |step: &i32| (1..=2).contains(&step.abs());
    if steps.len() + 1 == TRIES && steps.iter().all(is_predictable) {
        visit.report.add(
            faults::PASV_PREDICTABLE,
            format!("the passive ports follow each other: {ports:?}"),
        );
    }
    if let (Some(least), Some(most)) = (ports.iter().min(), ports.iter().max()) {
        let tries = ports.len();
        visit.report.fact(
            "passive ports",
            format!("{least} to {most}, in {tries} tries"),
        );
    }
}

/// EPSV.
pub(super) fn extended(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let reply = visit.command("EPSV")?;
    if reply.is_unknown() {
        // What FEAT lacks is another check.
        return Ok(());
    }
    let Some(port) = extended_port(&reply.lines).filter(|_| reply.code == 229) else {
        visit.answered(faults::EPSV_SYNTAX, "EPSV", &reply);
        return Ok(());
    };
    let address = SocketAddr::new(visit.session.peer()?.ip(), port);
    if let Err(error) = TimedSocket::connect(address, visit.session.client.timeout()) {
        let error = crate::cause::cause(&error).to_string();
        visit.report.add(
            faults::PASV_UNREACHABLE,
            format!("port {port} of EPSV is unreachable: {error}"),
        );
    }
    let reply = visit.command("EPSV 9")?;
    if reply.code != 522 {
        visit.answered(faults::EPSV_PROTOCOL, "EPSV 9", &reply);
    }
    Ok(())
}

/// EPSV ALL, after which the session has no other way: the last check.
pub(super) fn only_extended(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let reply = visit.command("EPSV ALL")?;
    if reply.code != 200 {
        return Err(Stop::Restart);
    }
    let reply = visit.command("PASV")?;
    if reply.is_positive() {
        visit
            .report
            .add(faults::EPSV_ALL, "PASV works after EPSV ALL");
    }
    Err(Stop::Restart)
}
