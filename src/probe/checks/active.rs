//! Active mode: where the server may be sent to, and whether it comes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use super::{Stop, Visit};
use crate::bench::client::port_command;
use crate::probe::data::{Body, Mode};
use crate::probe::faults;

/// An address for documentation, at which there is no host (RFC 5737).
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A port of a service.
const LOW: u16 = 25;

/// PORT, and a listing if the probe uses active mode.
pub(super) fn check(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let local = visit.session.client.socket().local_addr();
    let local = local.map_err(|error| visit.session.client.broken(&error))?;
    let own = TcpListener::bind((local.ip(), 0)).and_then(|listener| listener.local_addr());
    let own = own.map_err(|error| visit.session.client.broken(&error))?;
    let reply = visit.command(port_command(own))?;
    if reply.is_unknown() {
        visit.answered(faults::PORT_MISSING, "PORT", &reply);
        return Ok(());
    }
    let elsewhere = port_command(SocketAddr::from((ELSEWHERE, 4242)));
    let reply = visit.command(&elsewhere)?;
    if reply.is_positive() {
        visit.report.add(
            faults::BOUNCE,
            format!("{elsewhere} is accepted, though the client has another address"),
        );
    }
    if let IpAddr::V4(ip) = local.ip().to_canonical() {
        let low = port_command(SocketAddr::from((ip, LOW)));
        let reply = visit.command(&low)?;
        if reply.is_positive() {
            visit.report.add(
                faults::BOUNCE_LOW_PORT,
                format!("PORT to port {LOW} is accepted"),
            );
        }
    }
    let reply = visit.command("PORT 1,2,3")?;
    if !reply.is_negative() {
        visit.answered(faults::PORT_SYNTAX, "PORT 1,2,3", &reply);
    }
    if visit.session.mode == Mode::Active {
        listing(visit)?;
    }
    Ok(())
}

fn listing(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let peer = visit.session.peer()?;
    let transfer = visit.session.transfer("LIST", Body::Receive)?;
    if !transfer.is_complete() {
        visit.report.add(
            faults::ACTIVE_FAILS,
            format!("a listing in active mode failed: {}", transfer.outcome()),
        );
        visit.session.mode = Mode::Extended;
    }
    if let Some(from) = transfer.from.filter(|from| from.ip() != peer.ip()) {
        visit.report.add(
            faults::ACTIVE_ADDRESS,
            format!("the data connection came from {}", from.ip()),
        );
    }
    Ok(())
}
