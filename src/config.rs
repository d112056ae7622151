//! What a server is told: where to listen, what to serve, to whom.
//!
//! Plain data with the defaults of the command line; [`Server::bind`](crate::Server::bind) checks
//! and uses it. Made by `cli` for the binary, or by a host program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::auth::{Account, Accounts, Permissions};
use crate::limits::{self, Timings};
use crate::protocol::charset::Charset;
use crate::protocol::zone::Zone;

/// The port where a server listens that is told nothing else.
pub const DEFAULT_PORT: u16 = 21000;

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
            accounts: Accounts::new().with(Account::anonymous(Permissions::READ)),
            passive_ports: None,
            passive_address: None,
            zone: Zone::UTC,
            charset: None,
            allow_fxp: false,
            allow_combine: false,
            workers: 2,
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
}
