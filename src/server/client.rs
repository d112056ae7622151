//! A server of one connection, which another program has accepted, such as inetd(8).
//!
//! It listens nowhere. The connection is admitted by the rules for all others, and its session begins at
//! once; what the client sends is read in the first turn, when privileges have been dropped.

use std::net::{SocketAddr, TcpStream};

use super::reload::ConfigSource;
use super::{Error, Server};
use crate::config::Config;
use crate::reactor::Protocol;

impl Server {
    /// As [`bind_with_source`](Self::bind_with_source) for one connection: serve it until there are no
    /// [connections](Self::connections). A connection at a port of implicit TLS uses that.
    pub fn with_client(
        config: Config,
        source: ConfigSource,
        client: TcpStream,
    ) -> Result<Self, Error> {
        let failed = |error| Error::System("cannot serve the connection", error);
        let at = client.local_addr().map_err(failed)?;
        let is_secure = |one: &SocketAddr| one.port() == at.port();
        let (protocol, clear) = if config.tls_listen().iter().any(is_secure) {
            (Protocol::Ftps, Vec::new())
        } else {
            (Protocol::Ftp, vec![at])
        };
        let mut server = Self::with_signals(config, source, None, &clear)?;
        server.reactor.admit(client, protocol).map_err(failed)?;
        Ok(server)
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.reactor.connections()
    }
}
