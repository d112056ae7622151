//! PORT and EPRT: the data connection that this server makes to a client (RFC 959 §3.2 and §3.3).
//!
//! It is bound to the local address of the control connection, so that a firewall in front of the client
//! sees one server. The local port is any, or by configuration the default data port: the one below the
//! control port (L-1), which old firewalls and devices expect.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use log::Level;

use super::connection::Connection;
use super::context::LoopContext;
use super::socket_role::SocketRole;
use crate::cause::cause;
use crate::net::Stream;
use crate::session::Repeated;

impl Connection {
    pub(super) fn dial(&mut self, address: SocketAddr, context: &mut LoopContext) {
        match self.connect_to_client(address, context) {
            Ok(stream) => self.data().connecting(stream),
            Err(error) => {
                let text = format_args!("Cannot connect to {address}: {}", cause(&error));
                self.log_once(Repeated::NoDataConnection, Level::Info, text);
                self.fail_to_connect(context);
            }
        }
    }

    fn connect_to_client(
        &mut self,
        to: SocketAddr,
        context: &mut LoopContext,
    ) -> io::Result<Box<dyn Stream>> {
        let (peer, target) = (self.peer().ip(), to.ip().to_canonical());
        // A service on this host may trust connections from this host that it would refuse from the client.
        let is_bounced = target != peer.to_canonical()
            && context.io.network.is_own(target)
            && !context.io.network.is_own(peer.to_canonical());
        if is_bounced {
            let text = "it is an address of this host, and the client is elsewhere";
            return Err(io::Error::other(text));
        }
        let token = SocketRole::Data(self.key()).to_token();
        let here = self.stream.local_address()?;
        let mut from = SocketAddr::new(source_towards(here.ip(), to.ip()), 0);
        if context.policy.settings.active_from_default_port {
            from.set_port(here.port().saturating_sub(1));
            match context.io.network.connect(from, to, token) {
                Err(error) if from.port() > 0 && is_of_the_port(&error) => {
                    self.log_other_port(from.port(), &error);
                }
                result => return result,
            }
            from.set_port(0);
        }
        context.io.network.connect(from, to, token)
    }

    fn log_other_port(&mut self, port: u16, error: &io::Error) {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => "; the server needs CAP_NET_BIND_SERVICE for it",
            _ => "",
        };
        let text = format_args!(
            "Cannot connect from port {port}: {}{remedy}; another port is used \
             (active.from-default-port)",
            cause(error)
        );
        self.log_once(Repeated::OtherDataPort, Level::Warn, text);
    }
}

/// Whether another local port may succeed: this one is in use, or connected to the same peer, or privileged.
fn is_of_the_port(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    matches!(
        error.kind(),
        AddrInUse | AddrNotAvailable | PermissionDenied
    )
}

/// The local address for a connection to a client: the one that the client knows. A client behind a proxy
/// may know one of the other family; then the kernel chooses.
const fn source_towards(here: IpAddr, client: IpAddr) -> IpAddr {
    match (here, client) {
        (IpAddr::V6(_), IpAddr::V4(_)) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        (IpAddr::V4(_), IpAddr::V6(_)) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        (here, _) => here,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_the_local_port_are_retried_with_another() {
        use io::ErrorKind::{
            AddrInUse, AddrNotAvailable, ConnectionRefused, NetworkUnreachable, PermissionDenied,
        };
        let of_the_port = [AddrInUse, AddrNotAvailable, PermissionDenied];
        assert!(of_the_port.map(io::Error::from).iter().all(is_of_the_port));
        let others = [ConnectionRefused, NetworkUnreachable].map(io::Error::from);
        assert!(!others.iter().any(is_of_the_port));
    }
}
