//! A data connection from another address than the client's: which one gets the data?
//!
//! The probe has other addresses on loopback only, so elsewhere it is not tried.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use super::{Stop, Visit};
use crate::bench::client::passive_address;
use crate::probe::data::{Body, Link, Mode};
use crate::probe::faults;
use crate::probe::timed_socket::TimedSocket;

/// An address of this host that the control connection does not have.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// What data that is on its way may take, on loopback.
const GLANCE: Duration = Duration::from_millis(200);

/// Connects to the passive port from a second address, then from the right one.
pub(super) fn check(visit: &mut Visit<'_, '_>) -> Result<(), Stop> {
    let peer = visit.session.peer()?;
    let is_loopback = matches!(peer.ip().to_canonical(), IpAddr::V4(ip) if ip.is_loopback());
    if !is_loopback || visit.session.protection.is_some() || visit.session.mode == Mode::Active {
        return Ok(());
    }
    if visit.session.download("LIST")?.is_none() {
        // That listings fail is another check.
        return Ok(());
    }
    let reply = visit.command("PASV")?;
    let Some(told) = passive_address(&reply.lines).filter(|_| reply.code == 227) else {
        return Ok(());
    };
    let port = SocketAddr::new(peer.ip(), told.port());
    let timeout = visit.session.client.timeout();
    let Ok(mut stranger) = connect_as_stranger(port, timeout) else {
        return Ok(());
    };
    let Ok(own) = TimedSocket::connect(port, timeout) else {
        let what = "a passive port takes one connection only, wherever it is from";
        visit.report.add(faults::DATA_DENIAL, what);
        return Err(Stop::Restart);
    };
    let link = Link::Open(own);
    let outcome = match visit.session.transfer_over(link, "LIST", Body::Receive) {
        Ok(transfer) if transfer.is_complete() => None,
        Ok(transfer) => Some(transfer.outcome()),
        Err(broken) => Some(format!("the server {}", broken.why)),
    };
    stranger.allow(GLANCE);
    if matches!(stranger.read(&mut [0; 512]), Ok(1..)) {
        let what = format!("a data connection from {STRANGER} got the listing of the client");
        visit.report.add(faults::DATA_THEFT, what);
    } else if let Some(outcome) = outcome {
        let what = format!("after a data connection from {STRANGER} the listing failed: {outcome}");
        visit.report.add(faults::DATA_DENIAL, what);
    } else {
        return Ok(());
    }
    // A server may say something of the stranger's connection, too.
    Err(Stop::Restart)
}

fn connect_as_stranger(port: SocketAddr, timeout: Duration) -> io::Result<TimedSocket> {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &SocketAddr::from((STRANGER, 0)))?;
    set_socket_timeout(&socket, Timeout::Send, Some(timeout))?;
    connect(&socket, &port)?;
    TimedSocket::new(TcpStream::from(socket), timeout)
}
