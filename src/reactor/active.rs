//! PORT and EPRT: the data connection that this server makes to a client (RFC 959 §3.2 and §3.3).
//!
//! It goes out from the address that the control connection has come to, so that a firewall in front of the
//! client sees one server. The port is any, or, where the operator wants it, the default data port: that
//! before the one that the control connection has come to (L-1), which old firewalls and devices expect.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use log::Level;

use super::connection::Connection;
use super::context::LoopContext;
use super::data::Link;
use super::key::SocketRole;
use super::latch::Latch;
use crate::cause::cause;
use crate::net::Stream;
use crate::session::Repeated;

impl Connection {
    pub(super) fn dial(&mut self, address: SocketAddr, context: &mut LoopContext) {
        match self.connect_to_client(address, context) {
            Ok(stream) => {
                let data = self.data();
                data.link = Link::Connecting(stream);
                data.ready = Latch::default();
            }
            Err(error) => {
                let why = cause(&error);
                let text = format_args!("{}: Cannot connect to {address}: {why}", self.peer);
                self.session
                    .log_once(Repeated::NoDataConnection, Level::Info, text);
                self.fail_to_connect(context);
            }
        }
    }

    fn connect_to_client(
        &mut self,
        to: SocketAddr,
        context: &mut LoopContext,
    ) -> io::Result<Box<dyn Stream>> {
        let (peer, target) = (self.peer.ip(), to.ip().to_canonical());
        // Whoever connects to this host from this host may be let in where the client is not.
        let is_bounced = target != peer.to_canonical()
            && context.network.is_own(target)
            && !context.network.is_own(peer.to_canonical());
        if is_bounced {
            let text = "it is an address of this host, and the client is elsewhere";
            return Err(io::Error::other(text));
        }
        let token = SocketRole::Data(self.key()).to_token();
        let here = self.stream.local_address()?;
        let mut from = SocketAddr::new(source_towards(here.ip(), to.ip()), 0);
        if context.settings.active_from_default_port {
            from.set_port(here.port().saturating_sub(1));
            match context.network.connect(from, to, token) {
                Err(error) if from.port() > 0 && is_of_the_port(&error) => {
                    self.log_other_port(from.port(), &error);
                }
                result => return result,
            }
            from.set_port(0);
        }
        context.network.connect(from, to, token)
    }

    fn log_other_port(&mut self, port: u16, error: &io::Error) {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => "; the server needs CAP_NET_BIND_SERVICE for it",
            _ => "",
        };
        let (peer, why) = (self.peer, cause(error));
        let text = format_args!(
            "{peer}: Cannot connect from port {port}: {why}{remedy}; another port is used \
             (active.from-default-port)"
        );
        self.session
            .log_once(Repeated::OtherDataPort, Level::Warn, text);
    }
}

/// Whether another local port may do: this one is in use, or is between this client and another
/// connection of the server's, or may not be taken.
fn is_of_the_port(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    matches!(
        error.kind(),
        AddrInUse | AddrNotAvailable | PermissionDenied
    )
}

/// From where to connect to a client: from the address that it knows. A client behind a proxy may
/// have come to one of the other family, and then the system knows better.
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
    fn another_port_is_used_for_what_is_the_matter_with_this_one_alone() {
        use io::ErrorKind::{
            AddrInUse, AddrNotAvailable, ConnectionRefused, NetworkUnreachable, PermissionDenied,
        };
        let of_the_port = [AddrInUse, AddrNotAvailable, PermissionDenied];
        assert!(of_the_port.map(io::Error::from).iter().all(is_of_the_port));
        let others = [ConnectionRefused, NetworkUnreachable].map(io::Error::from);
        assert!(!others.iter().any(is_of_the_port));
    }
}
