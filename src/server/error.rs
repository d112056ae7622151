//! Why there is no server, in one line for whoever wanted one: what was wanted, what is in its way, and
//! what helps where that is known.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::fs::Access;

use crate::cause::{self, cause};
use crate::observe;

/// Why a server does not start, or cannot go on.
#[derive(Debug)]
pub enum Error {
    /// It cannot listen at an address.
    Listen(SocketAddr, io::Error),
    /// A directory cannot be served; it is the server's, or by this key of an account.
    Root(PathBuf, Option<String>, io::Error),
    /// A socket of the service manager's cannot be served.
    Inherited(io::Error),
    /// There is nothing to secure connections with.
    Tls(String),
    /// Transfers cannot be recorded as it is wanted.
    Records(observe::Error),
    /// There are accounts of the system, and nothing that could ask PAM about them.
    Pam(io::Error),
    /// The system lacks something else.
    System(&'static str, io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => {
                let port = format_args!("port {}", address.port());
                let why = cause::of_listening(error, &port);
                write!(f, "cannot listen at {address}: {why}")
            }
            Self::Root(path, key, error) => {
                let why = cause::of_path(error, path, Access::READ_OK | Access::EXEC_OK);
                let key = key.iter().map(|key| format!(" ({key})"));
                write!(
                    f,
                    "cannot serve {}{}: {why}",
                    path.display(),
                    key.collect::<String>()
                )
            }
            Self::Inherited(error) => {
                write!(
                    f,
                    "cannot serve what the service manager listens at: {}",
                    cause(error)
                )
            }
            Self::Tls(why) => f.write_str(why),
            Self::Records(error) => error.fmt(f),
            Self::Pam(error) => write!(f, "cannot ask PAM about accounts: {}", cause(error)),
            Self::System(what, error) => write!(f, "{what}: {}", cause(error)),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error)
            | Self::Root(_, _, error)
            | Self::System(_, error)
            | Self::Inherited(error)
            | Self::Pam(error)
            | Self::Records(observe::Error::Log(_, error)) => Some(error),
            Self::Tls(_) | Self::Records(observe::Error::Events(_)) => None,
        }
    }
}
