//! What a server is told: where to listen, what to serve, to whom.
//!
//! Plain data with the defaults of the command line; [`Server::bind`](crate::Server::bind) checks
//! and uses it. Made by `cli` for the binary, or by a host program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::auth::{Accounts, Rights};
use crate::limits::{self, Timings};
use crate::protocol::charset::Charset;
use crate::protocol::zone::Zone;
use crate::sandbox::{Plan, RunAs};
use crate::storage::Umask;

/// The port where a server listens that is told nothing else.
pub const DEFAULT_PORT: u16 = 21000;

/// Ports below it are for those who have the right to them.
const FIRST_FREE_PORT: u16 = 1024;

/// What a server is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to listen at; port 0 lets the system choose. Empty: the two wildcard
    /// addresses with [`DEFAULT_PORT`], of which one may be missing.
    pub listen: Vec<SocketAddr>,
    /// The directory to serve; `None` is the control-only server.
    pub root: Option<PathBuf>,
    /// Who may log in. Only used where a directory is served.
    pub accounts: Accounts,
    /// Ports of passive listeners; `None`: whatever the system gives.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// What PASV tells clients instead of the local address: that of a router in front.
    pub passive_address: Option<Ipv4Addr>,
    /// The time zone of the dates in LIST; everything else is in UTC.
    pub zone: Zone,
    /// What clients get names in that have not said that they read UTF-8; with the Cargo feature
    /// `charset` only there is one.
    pub charset: Option<Charset>,
    /// Whether data connections may be to another host than the client's: transfers from server
    /// to server (FXP), and with them the bounce attack and stolen ports (RFC 2577 §3).
    pub allow_fxp: bool,
    /// Whether COMB is served, which puts files together and removes the parts.
    pub allow_combine: bool,
    /// Threads for what may wait for a disk; 0 has it done by the loop itself.
    pub workers: usize,
    /// Permission bits that new files do not get; `None` leaves the process's as they are. There
    /// is one for the whole process (umask(2)), and a host program's files are meant too.
    pub umask: Option<Umask>,
    /// Who the process becomes when it listens, where it is root. The [sandbox](crate::sandbox)
    /// does it, which a host program calls itself, or does not.
    pub run_as: Option<RunAs>,
    /// Whether the sandbox confines the process to what this configuration needs.
    pub sandbox: bool,
    /// The most connections at once.
    pub connections: usize,
    /// The most connections at once of one address.
    pub connections_per_address: usize,
    /// How long anything may take.
    pub timings: Timings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            root: None,
            accounts: Accounts {
                anonymous: Some(Rights::Read),
                named: None,
            },
            passive_ports: None,
            passive_address: None,
            zone: Zone::UTC,
            charset: None,
            allow_fxp: false,
            allow_combine: false,
            workers: 2,
            umask: None,
            run_as: None,
            sandbox: true,
            connections: limits::CONNECTIONS,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS,
            timings: Timings::default(),
        }
    }
}

impl Config {
    /// The addresses that a server listens at by default.
    pub const DEFAULT_ADDRESSES: [SocketAddr; 2] = [
        SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT),
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT),
    ];

    /// What a process needs that serves this; for [`sandbox::enforce`](crate::sandbox::enforce).
    pub fn plan(&self) -> Plan {
        let anonymous_writes = self.accounts.anonymous == Some(Rights::ReadWrite);
        let may_write = anonymous_writes || self.accounts.named.is_some();
        let roots: Vec<PathBuf> = self.root.iter().cloned().collect();
        let (readable, writable) = if may_write {
            (Vec::new(), roots)
        } else {
            (roots, Vec::new())
        };
        let ports = self.passive_ports.as_ref();
        Plan {
            run_as: self.run_as.clone(),
            confine: self.sandbox,
            readable,
            writable,
            low_ports: ports.is_some_and(|ports| *ports.start() < FIRST_FREE_PORT),
        }
    }
}
