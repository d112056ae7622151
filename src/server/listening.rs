//! The listening sockets: the configured addresses, the sockets inherited from a service manager,
//! and without either both wildcard addresses at the default port.
//!
//! It decides which of them use implicit TLS. Accepting is the reactor's.

use std::io;
use std::net::SocketAddr;

use super::{Error, Server, status};
use crate::cause::cause;
use crate::config::Config;
use crate::net::InheritedListener;
use crate::reactor::{Protocol, Reactor};

/// The name of an inherited socket with implicit TLS.
const FTPS_NAME: &str = "ftps";

impl Server {
    /// Logs where it serves, unless it has. The first turn does; a program calls it when everything else
    /// about the start has been logged, such as its sandbox.
    pub fn announce(&mut self) {
        if std::mem::replace(&mut self.is_announced, true) {
            return;
        }
        if !self.secure_addresses.is_empty() {
            log::info!("Start serving FTPS at {}", shown(&self.secure_addresses));
        }
        if !self.addresses.is_empty() {
            log::info!("Start serving at {}", shown(&self.addresses));
        }
    }
}

/// Opens all listening sockets, also of the status service. Returns the addresses without and those with
/// implicit TLS.
pub(super) fn open(
    reactor: &mut Reactor,
    config: &Config,
    inherited: Option<Vec<InheritedListener>>,
) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>), Error> {
    let (mut addresses, mut secure) = (Vec::new(), Vec::new());
    let Some(inherited) = inherited else {
        return Ok((addresses, secure));
    };
    for &address in configured(config, &inherited) {
        addresses.extend(listen(reactor, config, address, Protocol::Ftp)?);
    }
    for &address in config.tls_listen() {
        secure.extend(listen(reactor, config, address, Protocol::Ftps)?);
    }
    for InheritedListener { socket, name } in inherited {
        let is_secure = name == FTPS_NAME;
        if is_secure && config.tls.is_none() {
            let text = format!("an inherited socket is named {name}, but no certificate is set");
            return Err(Error::Tls(text));
        }
        let (protocol, served) = if is_secure {
            (Protocol::Ftps, &mut secure)
        } else {
            (Protocol::Ftp, &mut addresses)
        };
        let adopted = reactor.adopt(socket, protocol);
        served.push(adopted.map_err(Error::InheritedListener)?);
    }
    status::open(reactor, config)?;
    Ok((addresses, secure))
}

/// `None`: there is no IPv6, and the server starts without this address.
fn listen(
    reactor: &mut Reactor,
    config: &Config,
    address: SocketAddr,
    protocol: Protocol,
) -> Result<Option<SocketAddr>, Error> {
    match reactor.listen(address, protocol) {
        Ok(address) => Ok(Some(address)),
        Err(error) if is_optional(config, address) && lacks_ipv6(&error) => {
            let why = cause(&error);
            log::warn!("Not listening at {address}: no IPv6 on this host: {why}");
            Ok(None)
        }
        Err(error) => Err(Error::Listen(address, error)),
    }
}

/// The configured addresses without implicit TLS. Sockets that are inherited replace the default ones.
fn configured<'a>(config: &'a Config, inherited: &[InheritedListener]) -> &'a [SocketAddr] {
    match config.listen.as_slice() {
        [] if !inherited.is_empty() => &[],
        _ => config.plain_listen(),
    }
}

/// Whether the server starts without this address where there is no IPv6: it stands for all addresses of
/// IPv6, of which there are none then, and the server listens at one of IPv4.
pub(super) fn is_optional(config: &Config, address: SocketAddr) -> bool {
    let mut all = config.plain_listen().iter().chain(config.tls_listen());
    address.is_ipv6() && address.ip().is_unspecified() && all.any(SocketAddr::is_ipv4)
}

/// The addresses without implicit TLS of a server with this configuration and these sockets.
pub(super) fn plaintext_addresses(
    config: &Config,
    inherited: &[InheritedListener],
) -> Vec<SocketAddr> {
    let configured = configured(config, inherited);
    let inherited = inherited.iter().filter(|one| one.name != FTPS_NAME);
    let inherited = inherited.filter_map(|one| one.socket.local_addr().ok());
    inherited.chain(configured.iter().copied()).collect()
}

pub(super) fn shown(addresses: &[SocketAddr]) -> String {
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    shown.join(", ")
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
