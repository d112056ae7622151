//! Where a server listens: at what it is told, at what the service manager has for it, and where
//! neither says anything, at both wildcard addresses.

use std::io;
use std::net::SocketAddr;

use super::Error;
use crate::cause::cause;
use crate::config::Config;
use crate::net::Inherited;
use crate::reactor::{Protocol, Reactor};

/// The name of a service manager's socket at which TLS begins at once.
const FTPS_NAME: &str = "ftps";

/// What is wanted of a reactor.
pub(super) struct ListenPlan<'a> {
    inherited: Vec<Inherited>,
    addresses: &'a [SocketAddr],
    secure: &'a [SocketAddr],
    has_tls: bool,
}

impl<'a> ListenPlan<'a> {
    /// Where a server with this configuration listens, and with these sockets.
    pub(super) fn of(config: &'a Config, inherited: Vec<Inherited>) -> Self {
        Self {
            inherited,
            addresses: &config.listen,
            secure: config.tls.as_ref().map_or(&[], |tls| &tls.listen),
            has_tls: config.tls.is_some(),
        }
    }

    /// Listens everywhere, and says so; the addresses, and those where TLS begins at once.
    pub(super) fn open(
        self,
        reactor: &mut Reactor,
    ) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>), Error> {
        let told_none = self.addresses.is_empty();
        let needs_default = self.secure.is_empty() && self.inherited.is_empty();
        let mut secure = Vec::new();
        let mut addresses = if told_none && !needs_default {
            Vec::new()
        } else {
            listen(reactor, self.addresses)?
        };
        for &address in self.secure {
            let listening = reactor.listen(address, Protocol::Ftps);
            secure.push(listening.map_err(|error| Error::Listen(address, error))?);
        }
        for Inherited { socket, name } in self.inherited {
            let is_secure = name == FTPS_NAME;
            if is_secure && !self.has_tls {
                let text = format!("a socket is named {name}, and there is no certificate");
                return Err(Error::Tls(text));
            }
            let (protocol, served) = if is_secure {
                (Protocol::Ftps, &mut secure)
            } else {
                (Protocol::Ftp, &mut addresses)
            };
            served.push(reactor.adopt(socket, protocol).map_err(Error::Inherited)?);
        }
        if !secure.is_empty() {
            log::info!("Start serving FTPS at {}", shown(&secure));
        }
        if !addresses.is_empty() {
            log::info!("Start serving at {}", shown(&addresses));
        }
        Ok((addresses, secure))
    }
}

/// The addresses at which TLS does not begin at once, of a server with this configuration and these
/// sockets.
pub(super) fn in_the_clear(config: &Config, inherited: &[Inherited]) -> Vec<SocketAddr> {
    let has_secure = config
        .tls
        .as_ref()
        .is_some_and(|tls| !tls.listen.is_empty());
    let told: &[SocketAddr] = match config.listen.as_slice() {
        [] if has_secure || !inherited.is_empty() => &[],
        [] => &Config::DEFAULT_ADDRESSES,
        listen => listen,
    };
    let inherited = inherited.iter().filter(|one| one.name != FTPS_NAME);
    let inherited = inherited.filter_map(|one| one.socket.local_addr().ok());
    inherited.chain(told.iter().copied()).collect()
}

pub(super) fn shown(addresses: &[SocketAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    shown.join(", ")
}

/// Listens at all of `wanted`; by default at both wildcard addresses, or at the one that the
/// host has.
fn listen(reactor: &mut Reactor, wanted: &[SocketAddr]) -> Result<Vec<SocketAddr>, Error> {
    let is_default = wanted.is_empty();
    let wanted = if is_default {
        &Config::DEFAULT_ADDRESSES
    } else {
        wanted
    };
    let mut addresses = Vec::new();
    for &address in wanted {
        match reactor.listen(address, Protocol::Ftp) {
            Ok(address) => addresses.push(address),
            Err(error) if address.is_ipv6() && is_default && lacks_ipv6(&error) => {
                log::warn!("This host has no IPv6: {}", cause(&error));
            }
            Err(error) => return Err(Error::Listen(address, error)),
        }
    }
    Ok(addresses)
}

pub(super) fn lacks_ipv6(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lacking = [
        Errno::AFNOSUPPORT,
        Errno::ADDRNOTAVAIL,
        Errno::PROTONOSUPPORT,
    ];
    lacking
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
