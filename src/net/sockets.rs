//! How TCP sockets are made: what a listener hands down to all that it accepts, and from where a
//! connection goes out.
//!
//! They do not wait, and nobody else inherits them. What becomes of them is for
//! [`system`](super::system).

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::net::{self as sys, AddressFamily, SocketFlags, SocketType, ipproto, sockopt};

/// Connections that the kernel may hold before they are accepted (it caps this at `somaxconn`).
const BACKLOG: i32 = 1024;

/// What [`Network::listen`] listens with.
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

/// Sets once what Linux copies to every accepted socket. Urgent data in line keeps the Telnet Synch
/// (RFC 854) in the stream that the line reader sees.
pub(super) fn set_inherited_options(socket: &impl AsFd) -> io::Result<()> {
    sockopt::set_tcp_nodelay(socket, true)?;
    sockopt::set_socket_oobinline(socket, true)?;
    sockopt::set_socket_keepalive(socket, true)?;
    Ok(())
}

/// What [`Network::connect`] connects with.
pub(super) fn connecting_socket(from: SocketAddr, to: SocketAddr) -> io::Result<OwnedFd> {
    let socket = new_socket(to)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    if from.port() == 0 {
        // Else the system looks for a port that nothing reminds of: behind ten thousand transfers in
        // TIME-WAIT that takes up to 70 ms (measured). Chosen only when it connects, the port must be
        // another one for this client alone. A system without the option does as ever.
        let _ = setsockopt(&socket, IpBindAddressNoPort, &true);
    } else {
        // Several transfers share the port, each to another address.
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

/// `from`; a link-local address needs the scope of `to`.
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
    fn accepted_sockets_inherit_what_the_listener_set() {
        let listener = listening_socket((LOOPBACK, 0).into()).unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(false).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        assert!(sockopt::tcp_nodelay(&accepted).unwrap());
        assert!(sockopt::socket_oobinline(&accepted).unwrap());
        assert!(sockopt::socket_keepalive(&accepted).unwrap());
    }

    #[test]
    fn a_port_is_taken_only_when_it_connects() {
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
    fn a_port_is_shared_by_connections_to_different_addresses() {
        // Sockets of others come and go at it: then another is tried.
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
    fn both_families_can_have_one_port() {
        let six = || listening_socket((Ipv6Addr::UNSPECIFIED, 0).into());
        if six().is_err() {
            return; // A host without IPv6.
        }
        // Somebody else may hold the other family's port: then another is tried.
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
    fn a_link_local_address_keeps_the_scope_of_the_peer() {
        let to = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 21, 0, 7).into();
        let SocketAddr::V6(from) = scoped((Ipv6Addr::LOCALHOST, 20).into(), to) else {
            panic!("IPv6 stays IPv6");
        };
        assert_eq!((from.port(), from.scope_id()), (20, 7));
    }
}
