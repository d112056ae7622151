//! Creates and configures TCP sockets: listening sockets, and sockets for outgoing connections.
//!
//! All are non-blocking and close-on-exec. Nothing is registered here, and no event loop is known.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::net::{self as sys, AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

/// Connections that the kernel may hold before they are accepted (it caps this at `somaxconn`).
const BACKLOG: i32 = 1024;

/// The socket of [`Network::listen`](super::Network::listen).
pub(super) fn listening_socket(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = new_socket(address)?;
    // A restarted server must not wait for the TIME_WAIT of its old connections.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    set_inherited_options(&socket)?;
    sys::bind(&socket, &address)?;
    sys::listen(&socket, BACKLOG)?;

    Ok(socket.into())
}

/// Sets the options that Linux copies from a listening socket to each accepted one. In-line urgent
/// data keeps the Telnet Synch (RFC 854) in the byte stream of the line reader.
pub(super) fn set_inherited_options(socket: &impl AsFd) -> io::Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_oobinline(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    Ok(())
}

/// The bound socket of [`Network::connect`](super::Network::connect).
pub(super) fn connecting_socket(from: SocketAddr, to: SocketAddr) -> io::Result<OwnedFd> {
    let socket = new_socket(to)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if from.port() == 0 {
        // Defers the choice of a port to connect(2), where it must be unique for this peer only. At
        // bind(2) it must be unused altogether: with 10,000 connections in TIME_WAIT the search took
        // up to 70 ms. Kernels without the option choose at bind(2).
        let _ = setsockopt(&socket, IpBindAddressNoPort, &true);
    } else {
        // Transfers to different clients share the port.
        sockopt::set_socket_reuseaddr(&socket, true)?;
    }
    sys::bind(&socket, &scoped(from, to))?;
    Ok(socket)
}

/// Converts an IPv4-mapped IPv6 address to IPv4, so that one client has one address.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

pub(super) fn new_socket(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = sys::socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    Ok(socket)
}

/// Returns `from` with the scope of `to`, which a link-local address needs.
fn scoped(mut from: SocketAddr, to: SocketAddr) -> SocketAddr {
    if let (SocketAddr::V6(from), SocketAddr::V6(to)) = (&mut from, to) {
        from.set_scope_id(to.scope_id());
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6, TcpStream};

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn accepted_sockets_inherit_listener_options() {
        let listener = listening_socket((LOOPBACK, 0).into()).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(sockopt::tcp_nodelay(&accepted).unwrap());
        assert!(sockopt::socket_oobinline(&accepted).unwrap());
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
    }

    #[test]
    fn port_is_chosen_at_connect() {
        for here in [LOOPBACK, Ipv6Addr::LOCALHOST.into()] {
            let Ok(socket) = connecting_socket((here, 0).into(), (here, 9).into()) else {
                assert!(here.is_ipv6(), "a host without IPv6");
                continue;
            };
            let bound = TcpListener::from(socket).local_addr();
            assert_eq!(bound.unwrap(), (here, 0).into());
        }
    }

    #[test]
    fn port_is_shared_by_connections_to_different_addresses() {
        // Another process may take the port in between: retry with another port.
        let shared = (0..16).any(|_| {
            let to = [(); 2].map(|()| TcpListener::bind((LOOPBACK, 0)).unwrap());
            let to = to.each_ref().map(|to| to.local_addr().unwrap());
            let free = listening_socket((LOOPBACK, 0).into()).unwrap();
            let from = free.local_addr().unwrap();
            assert_eq!(
                connecting_socket(from, to[0]).unwrap_err().kind(),
                io::ErrorKind::AddrInUse
            );
            drop(free);
            let connect = |to: SocketAddr| -> io::Result<OwnedFd> {
                let socket = connecting_socket(from, to)?;
                match sys::connect(&socket, &to) {
                    Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
                    Err(error) => Err(error.into()),
                }
            };
            let (Ok(one), Ok(_other)) = (connect(to[0]), connect(to[1])) else {
                return false;
            };
            let bound = TcpStream::from(one.try_clone().unwrap()).local_addr();
            assert_eq!(bound.unwrap(), from);
            let error = connect(to[0]).unwrap_err();
            error.kind() == io::ErrorKind::AddrNotAvailable
        });
        assert!(shared);
    }

    #[test]
    fn ipv4_and_ipv6_listeners_share_a_port() {
        let six = || listening_socket((Ipv6Addr::UNSPECIFIED, 0).into());
        if six().is_err() {
            return; // A host without IPv6.
        }
        // Another process may hold the port of the other family: retry with another port.
        let both = (0..16).any(|_| {
            let six = six().unwrap();
            let port = six.local_addr().unwrap().port();
            listening_socket((Ipv4Addr::UNSPECIFIED, port).into()).is_ok()
        });
        assert!(both);
    }

    #[test]
    fn ipv4_mapped_address_becomes_ipv4() {
        let mapped = SocketAddr::new(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(), 21);
        assert_eq!(canonical(mapped), SocketAddr::new(LOOPBACK, 21));
    }

    #[test]
    fn link_local_address_gets_scope_of_peer() {
        let to = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 21, 0, 7).into();
        let SocketAddr::V6(from) = scoped((Ipv6Addr::LOCALHOST, 20).into(), to) else {
            panic!("IPv6 stays IPv6");
        };
        assert_eq!((from.port(), from.scope_id()), (20, 7));
    }
}
