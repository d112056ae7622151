//! The error of a server that cannot start or continue: one line for the operator that names the
//! resource, the cause and, where one is known, the remedy.

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
    /// A directory cannot be opened: the server's (`None`), or the one that this key of an account names.
    Root(PathBuf, Option<String>, io::Error),
    /// A socket inherited from the service manager is unusable.
    InheritedListener(io::Error),
    /// The password hash of an account takes more memory than there is.
    HashMemory(String),
    /// The certificates cannot be loaded.
    Tls(String),
    /// A transfer log or the events cannot be set up.
    Records(observe::RecordsError),
    /// There are PAM accounts, and the PAM helper process is not running.
    Pam(io::Error),
    /// The status service cannot listen.
    Status(String),
    /// The trace cannot be written.
    Trace(String),
    /// The configuration needs a Cargo feature that this build lacks.
    NotBuiltIn(String),
    /// Another system call failed; the text says which step.
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
            Self::InheritedListener(error) => {
                write!(
                    f,
                    "cannot serve a socket inherited from the service manager: {}",
                    cause(error)
                )
            }
            Self::HashMemory(why)
            | Self::Tls(why)
            | Self::Status(why)
            | Self::Trace(why)
            | Self::NotBuiltIn(why) => f.write_str(why),
            Self::Records(error) => error.fmt(f),
            Self::Pam(error) => write!(f, "cannot ask PAM about accounts: {}", cause(error)),
            Self::System(what, error) => {
                write!(f, "{what}: {}", cause::of_event_loop(error))
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(_, error)
            | Self::Root(_, _, error)
            | Self::System(_, error)
            | Self::InheritedListener(error)
            | Self::Pam(error)
            | Self::Records(observe::RecordsError::Log(_, error)) => Some(error),
            Self::HashMemory(_)
            | Self::Tls(_)
            | Self::Status(_)
            | Self::Trace(_)
            | Self::NotBuiltIn(_)
            | Self::Records(observe::RecordsError::Events(_)) => None,
        }
    }
}
