//! The data connections of the server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use super::wire::Wire;
use super::{Lie, Shared};
use crate::support::{DEADLINE, connect_from};

/// Whose address the server has, if it lies about it.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// How the next data connection is made.
pub(super) enum Way {
    Passive(TcpListener),
    Active(SocketAddr),
}

impl Way {
    /// A passive port, and its number in the reply.
    pub(super) fn listen(shared: &Shared) -> io::Result<(Self, u16)> {
        let (calls, first) = &shared.ports;
        let port = if shared.lie == Lie::PortsInOrder {
            // Ports of a block: the kernel gives them to nobody else.
            first + u16::try_from(calls.fetch_add(1, Ordering::Relaxed) % 16).unwrap()
        } else {
            0
        };
        let listener = TcpListener::bind((shared.lie.local(), port))?;
        set_socket_timeout(&listener, Timeout::Recv, Some(DEADLINE))?;
        let port = listener.local_addr()?.port();
        if shared.lie == Lie::DeadPorts {
            // One that was free a moment ago, and to which no socket listens.
            let free = TcpListener::bind((shared.lie.local(), 0))?;
            return Ok((Self::Passive(listener), free.local_addr()?.port()));
        }
        Ok((Self::Passive(listener), port))
    }

    /// The data connection with a client.
    pub(super) fn connect(self, lie: Lie, client: IpAddr) -> io::Result<Wire> {
        let socket = match self {
            Self::Passive(listener) => loop {
                let (socket, from) = listener.accept()?;
                match lie {
                    _ if from.ip() == client => break socket,
                    Lie::TakesAnyConnection => break socket,
                    Lie::GivesUpOnStrangers => return Err(io::ErrorKind::PermissionDenied.into()),
                    _ => {}
                }
            },
            Self::Active(_) if lie == Lie::NeverConnects => {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            Self::Active(address) if lie == Lie::ConnectsFromElsewhere => {
                connect_from(ELSEWHERE, address)?
            }
            Self::Active(address) => TcpStream::connect_timeout(&address, DEADLINE)?,
        };
        Wire::new(socket)
    }
}

/// The address in the argument of PORT, if the server connects to it.
pub(super) fn allowed_port(argument: &[u8], lie: Lie, client: IpAddr) -> Option<SocketAddr> {
    let address = mioftpd::internals::protocol::host_port::parse_port(argument).ok()?;
    let is_allowed = match lie {
        Lie::Bounces => true,
        Lie::BouncesToLowPorts => address.ip() == client,
        _ => address.ip() == client && address.port() >= 1024,
    };
    is_allowed.then_some(address)
}
