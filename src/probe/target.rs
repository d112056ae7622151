//! The server that is probed, and the ways to a session on it.
//!
//! It owns the TLS configuration. It must not know what is checked.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};

use super::client::{Broken, Client, Reply};
use super::data::{Mode, Session};
use super::options::Options;
use super::tls::{Handshake, Tls};
use crate::bench::url::Protection;
use crate::cause::cause;

/// Why there is no session.
#[derive(Debug)]
pub(super) enum Denied {
    /// No connection.
    Unreachable(io::Error),
    /// The conversation ended.
    Broken(Broken),
    /// The server refuses a command, or the connection.
    Refused(&'static str, Reply),
    /// The password is not for a server whose certificate is not trusted.
    Distrusted(String),
    /// There is no TLS on this side.
    NoTls,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "cannot connect: {}", cause(error)),
            Self::Broken(broken) => broken.fmt(f),
            Self::Refused(what, reply) => write!(f, "{what} was answered '{}'", reply.shown),
            Self::Distrusted(why) => write!(
                f,
                "the password was not sent: the certificate is not trusted: {why}; use --ca FILE or \
                 --insecure"
            ),
            Self::NoTls => f.write_str("this build has no TLS: build it with --features tls"),
        }
    }
}

impl From<Broken> for Denied {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// The server.
pub(super) struct Target<'a> {
    /// What the operator asks for.
    pub(super) options: &'a Options,
    /// The address that is used.
    pub(super) address: SocketAddr,
    /// `None` in a build without TLS, and for a name that no certificate can have.
    pub(super) tls: Option<Tls>,
}

impl<'a> Target<'a> {
    /// Looks up the name.
    pub(super) fn new(options: &'a Options) -> Result<Self, String> {
        let url = &options.url;
        let addresses = (url.host.as_str(), url.port).to_socket_addrs();
        let addresses = addresses.map_err(|error| format!("{}: {}", url.host, cause(&error)))?;
        let addresses: Vec<_> = addresses.collect();
        let answers = |address: &&SocketAddr| Client::connect(**address, options.timeout).is_ok();
        // Of several addresses, such as those of localhost, the first that answers.
        let address = match addresses.as_slice() {
            [only] => Some(only),
            several => several.iter().find(answers).or_else(|| several.first()),
        };
        let address = *address.ok_or_else(|| format!("{}: it has no address", url.host))?;
        let needs_tls = url.protection != Protection::Clear || options.ca.is_some();
        let tls = match Tls::new(&url.host, options.ca.as_deref()) {
            Err(error) if needs_tls => return Err(error),
            tls => tls.ok(),
        };
        Ok(Self {
            options,
            address,
            tls,
        })
    }

    /// Whether the login has a password that is worth something.
    pub(super) fn has_secret(&self) -> bool {
        let user = self.options.user.as_slice();
        user != b"anonymous" && user != b"ftp"
    }

    /// Whether only programs of this host see the packets.
    pub(super) fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    /// A control connection before the greeting.
    pub(super) fn connected(&self) -> Result<Client, Denied> {
        Client::connect(self.address, self.options.timeout).map_err(Denied::Unreachable)
    }

    /// A control connection, with TLS if that is implicit, and its greeting.
    pub(super) fn greeted(&self) -> Result<(Client, Reply), Denied> {
        let mut client = self.connected()?;
        if self.options.url.protection == Protection::Implicit {
            let tls = self.tls.as_ref().ok_or(Denied::NoTls)?;
            client = client.secure(tls, Handshake::Shared)?;
        }
        let greeting = client.final_reply()?;
        if greeting.is_negative() {
            return Err(Denied::Refused("the connection", greeting));
        }
        Ok((client, greeting))
    }

    /// A session that is logged in, with data connections protected if the server lets them.
    pub(super) fn log_in(&self, protection: Protection) -> Result<Session<'_>, Denied> {
        let (mut client, _) = self.greeted()?;
        if protection == Protection::Explicit {
            let reply = client.command("AUTH TLS")?;
            if !matches!(reply.code, 234 | 334) {
                return Err(Denied::Refused("AUTH TLS", reply));
            }
            let tls = self.tls.as_ref().ok_or(Denied::NoTls)?;
            client = client.secure(tls, Handshake::Shared)?;
        }
        let tls = self
            .tls
            .as_ref()
            .filter(|_| protection != Protection::Clear);
        self.trust(tls)?;
        let reply = client.secret("USER", &self.options.user)?;
        let last = match reply.code {
            331 | 332 => ("PASS", client.secret("PASS", &self.options.password)?),
            _ => ("USER", reply),
        };
        if !last.1.is_positive() {
            return Err(Denied::Refused(last.0, last.1));
        }
        let mut session = Session {
            client,
            mode: if self.options.is_active {
                Mode::Active
            } else {
                Mode::Extended
            },
            protection: None,
        };
        if tls.is_some() {
            session.command("PBSZ 0")?;
            let is_protected = session.command("PROT P")?.is_positive();
            session.protection = tls
                .filter(|_| is_protected)
                .map(|tls| (tls, Handshake::Shared));
        }
        session.command("TYPE I")?;
        Ok(session)
    }

    /// Whether the server may have the password.
    fn trust(&self, tls: Option<&Tls>) -> Result<(), Denied> {
        if self.options.is_insecure || !self.has_secret() {
            return Ok(());
        }
        match tls.and_then(Tls::distrust) {
            Some(why) => Err(Denied::Distrusted(why)),
            None => Ok(()),
        }
    }
}
