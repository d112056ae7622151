//! The listening sockets: the configured addresses, the sockets inherited from a service manager,
//! and without either both wildcard addresses at the default port.
//!
//! It decides which of them use implicit TLS. Accepting is the reactor's.

use std::io;
use std::net::SocketAddr;

use super::Error;
use crate::cause::cause;
use crate::config::Config;
use crate::net::InheritedListener;
use crate::reactor::{Protocol, Reactor};

/// The name of an inherited socket with implicit TLS.
const FTPS_NAME: &str = "ftps";

/// All sockets that a server is to listen at.
pub(super) struct ListenPlan<'a> {
    inherited: Vec<InheritedListener>,
    addresses: &'a [SocketAddr],
    secure: &'a [SocketAddr],
    has_tls: bool,
}

impl<'a> ListenPlan<'a> {
    pub(super) fn of(config: &'a Config, inherited: Vec<InheritedListener>) -> Self {
        Self {
            inherited,
            addresses: &config.listen,
            secure: config.tls.as_ref().map_or(&[], |tls| &tls.listen),
            has_tls: config.tls.is_some(),
        }
    }

    /// Opens all of them and logs their addresses. Returns those without and those with implicit TLS.
    pub(super) fn open(
        self,
        reactor: &mut Reactor,
    ) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>), Error> {
        let has_other = !self.secure.is_empty() || !self.inherited.is_empty();
        let mut secure = Vec::new();
        let mut addresses = if self.addresses.is_empty() && has_other {
            Vec::new()
        } else {
            listen(reactor, self.addresses)?
        };
        for &address in self.secure {
            let listening = reactor.listen(address, Protocol::Ftps);
            secure.push(listening.map_err(|error| Error::Listen(address, error))?);
        }
        for InheritedListener { socket, name } in self.inherited {
            let is_secure = name == FTPS_NAME;
            if is_secure && !self.has_tls {
                let text =
                    format!("an inherited socket is named {name}, but no certificate is set");
                return Err(Error::Tls(text));
            }
            let (protocol, served) = if is_secure {
                (Protocol::Ftps, &mut secure)
            } else {
                (Protocol::Ftp, &mut addresses)
            };
            served.push(
                reactor
                    .adopt(socket, protocol)
                    .map_err(Error::InheritedListener)?,
            );
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

/// The addresses without implicit TLS of a server with this configuration and these sockets.
pub(super) fn plaintext_addresses(
    config: &Config,
    inherited: &[InheritedListener],
) -> Vec<SocketAddr> {
    let has_secure = config
        .tls
        .as_ref()
        .is_some_and(|tls| !tls.listen.is_empty());
    let configured: &[SocketAddr] = match config.listen.as_slice() {
        [] if has_secure || !inherited.is_empty() => &[],
        [] => &Config::DEFAULT_ADDRESSES,
        listen => listen,
    };
    let inherited = inherited.iter().filter(|one| one.name != FTPS_NAME);
    let inherited = inherited.filter_map(|one| one.socket.local_addr().ok());
    inherited.chain(configured.iter().copied()).collect()
}

pub(super) fn shown(addresses: &[SocketAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    shown.join(", ")
}

/// Listens at all of `configured`. If it is empty, at both wildcard addresses; a host without IPv6
/// gets the IPv4 one only.
fn listen(reactor: &mut Reactor, configured: &[SocketAddr]) -> Result<Vec<SocketAddr>, Error> {
    let is_default = configured.is_empty();
    let addresses = if is_default {
        &Config::DEFAULT_ADDRESSES
    } else {
        configured
    };
    let mut bound = Vec::new();
    for &address in addresses {
        match reactor.listen(address, Protocol::Ftp) {
            Ok(address) => bound.push(address),
            Err(error) if address.is_ipv6() && is_default && lacks_ipv6(&error) => {
                log::warn!(
                    "Not listening at {address}: no IPv6 on this host: {}",
                    cause(&error)
                );
            }
            Err(error) => return Err(Error::Listen(address, error)),
        }
    }
    Ok(bound)
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
