//! What a server is told: where to listen, what to serve, to whom.
//!
//! Plain data with the defaults of the command line; [`Server::bind`](crate::Server::bind) checks
//! and uses it. Made by `cli` for the binary, or by a host program.

mod combinations;
mod draft;
#[cfg(feature = "config")]
pub mod file;
pub(crate) mod losses;
mod origins;
pub mod password_file;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use crate::auth::{Account, Accounts, Permissions, RevokedSessions};
use crate::limits::{self, Throttling, Timings};
use crate::net::tls::kept_files;
use crate::net::{AddressRules, Cidr, DataSession, PassiveHost};
use crate::observe::{Events, TransferLog};
use crate::protocol::charset::Charset;
use crate::protocol::zone::Zone;
use crate::sandbox::{Plan, RunAs, resolver_paths};
use crate::session::SecurityPolicy;
use crate::storage::{CutUploads, Durability, Umask};
pub(crate) use combinations::overlap;
pub use draft::{ConfigDraft, TlsDraft};
pub use origins::Origins;

/// The port where a server listens that is told nothing else.
pub const DEFAULT_PORT: u16 = 21000;

/// Ports below it are for those who have the right to them.
pub(crate) const FIRST_FREE_PORT: u16 = 1024;

/// What a server is told.
#[allow(clippy::struct_excessive_bools, reason = "a switch is one")]
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to listen at; port 0 lets the system choose. Empty: the two wildcard
    /// addresses with [`DEFAULT_PORT`], of which one may be missing.
    pub listen: Vec<SocketAddr>,
    /// The directory to serve; `None` is the control-only server.
    pub root: Option<PathBuf>,
    /// What clients are told when they have connected, lines joined by LF; `None`: the usual words.
    /// Only used where a directory is served.
    pub greeting: Option<String>,
    /// Who may log in. Only used where a directory is served.
    pub accounts: Accounts,
    /// Whether data connections to clients (PORT, EPRT) come from the port before the one that the
    /// control connection has come to, as RFC 959 §3.3 has it, where that is free. For a port below 1024
    /// the process needs the right to it: see [`dials_from_low_ports`](crate::Server::dials_from_low_ports).
    pub active_from_default_port: bool,
    /// Ports of passive listeners; `None`: whatever the system gives.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// What PASV tells clients instead of the address that they have connected to: that of a router
    /// in front. Clients with private addresses (RFC 1918, RFC 6598, loopback, link-local) are on
    /// this side of it and are told nothing else, unless this is a private address itself. A name
    /// is looked up at the start, and again every five minutes while it is used; its last good
    /// answer holds, and before the first it is as if this were `None`.
    pub passive_address: Option<PassiveHost>,
    /// The same for clients of some networks, private ones too; the first that a client is in counts.
    pub passive_addresses: Vec<(Cidr, PassiveHost)>,
    /// Whether private clients are told [`passive_address`](Self::passive_address) too: where
    /// everybody seems to have a private address, as behind some container networks.
    pub passive_address_for_private: bool,
    /// Proxies: whoever connects from one of these networks must say first for whom, by the PROXY
    /// protocol, version 1 or 2, on control and on data connections; it is then as if the client had
    /// connected itself, for the log, all limits and all rules. A connection from elsewhere has no
    /// such header. The proxy must forward the passive ports to where it forwards the control
    /// connection, under their own numbers.
    pub proxies: Vec<Cidr>,
    /// The time zone of the dates in LIST; everything else is in UTC.
    pub zone: Zone,
    /// Whether MDTM, MFMT, MLST and MLSD tell milliseconds; many clients read whole seconds only.
    pub time_fractions: bool,
    /// What clients get names in that have not said that they read UTF-8; with the Cargo feature
    /// `charset` only there is one.
    pub charset: Option<Charset>,
    /// Whether COMB is served, which puts files together and removes the parts.
    pub allow_combine: bool,
    /// FTPS; needs the Cargo feature `tls`. `None`: everything is in the clear.
    pub tls: Option<TlsConfig>,
    /// What a power cut can do to what was stored. A server that is killed loses nothing that had
    /// its 226, whichever it is.
    pub durability: Durability,
    /// Bytes of the file system that uploads must leave free: one that would go below is refused
    /// or cut with 452, and ALLO and AVBL count without them. Several uploads at once may pass it
    /// by [`SPACE_CHECK_BYTES`](limits::SPACE_CHECK_BYTES) each. 0: none.
    pub free_space_floor: u64,
    /// What becomes of an upload to a name that nothing has, where its connection is cut.
    pub cut_uploads: CutUploads,
    /// Whether a start removes the temporary files of servers that were killed, where anybody may
    /// write. Those of other servers in the same directory are locked and stay; so it is to be
    /// turned off only where several hosts write to one directory over a network whose file system
    /// keeps locks to each host (NFS with `local_lock`, CIFS with `nobrl`).
    pub remove_unfinished: bool,
    /// How often what quotas are for is counted again, slowly, so that files are seen which others have
    /// put there or removed. Zero: only at SIGHUP, and before a quota refuses something.
    pub recount: Duration,
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
    /// Whether a [helper process](crate::privsep) asks PAM and runs the event command. It is this program,
    /// executed once more, so `main` must begin with
    /// [`run_helper_if_requested`](crate::run_helper_if_requested). Without it accounts of the system are
    /// refused, and the server process itself runs the event command, with its own rights.
    pub helpers: bool,
    /// The most connections at once; there are fewer where the process may not open so many files.
    pub connections: usize,
    /// The most connections at once of one address, or of the /64 of an IPv6 one.
    pub connections_per_address: usize,
    /// The most memory, in bytes, that connections may take: there are as many of them as need no
    /// more in the worst case, whatever `connections` says. By default nothing is limited.
    pub max_memory: Option<u64>,
    /// Who may connect, by address; everybody by default.
    pub addresses: AddressRules,
    /// What an address may do before it is slowed down or shut out.
    pub throttling: Throttling,
    /// What becomes of sessions that would not be let in any more, after a reload or when their account
    /// expires.
    pub revoked_sessions: RevokedSessions,
    /// Where a line is written for each transfer of a file that is over, whole or not; or for each
    /// command that changed something or was refused.
    pub transfer_logs: Vec<TransferLog>,
    /// Who is told of each upload.
    pub events: Events,
    /// How long anything may take.
    pub timings: Timings,
    /// Files that this was read from, and will be again: the sandbox leaves them readable.
    pub sources: Vec<PathBuf>,
    /// Where its keys were set. A reload refuses a file that no longer sets what closed something.
    pub origins: Origins,
    /// How much is logged once a reload has brought this into force; `None`: as before. A start does
    /// not look at it, and a host program has its own log.
    pub log_level: Option<LevelFilter>,
}

/// How connections are secured.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// What the server proves itself with.
    pub certificate: Certificate,
    /// Addresses where TLS begins at once (implicit FTPS); with AUTH it begins everywhere else.
    pub listen: Vec<SocketAddr>,
    /// What TLS is for.
    pub policy: SecurityPolicy,
    /// Whether data connections must resume the TLS session of their control connection.
    pub data_session: DataSession,
    /// Whose certificates clients may show; `None`: none are asked for.
    pub clients: Option<ClientAuthority>,
}

impl TlsConfig {
    /// What is read again when the operator says so.
    fn add_paths(&self, readable: &mut Vec<PathBuf>, writable: &mut Vec<PathBuf>) {
        match &self.certificate {
            Certificate::Files { certificate, key } => {
                readable.extend(
                    [certificate, key]
                        .into_iter()
                        .flat_map(|file| places_of(file)),
                );
            }
            Certificate::SelfSigned { state, .. } => writable.extend(state.clone()),
        }
        readable.extend(self.clients.iter().flat_map(|one| places_of(&one.file)));
    }

    /// What is made at a start where it is not there.
    fn made(&self) -> Vec<PathBuf> {
        match &self.certificate {
            Certificate::SelfSigned {
                state: Some(state), ..
            } => {
                let (certificate, key) = kept_files(state);
                vec![state.clone(), certificate, key]
            }
            Certificate::SelfSigned { state: None, .. } | Certificate::Files { .. } => Vec::new(),
        }
    }
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// Two PEM files.
    Files {
        /// The certificate, and behind it those that lead to its authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// One that no authority has signed, made at the start.
    SelfSigned {
        /// Where it is kept for the next start; `None`: nowhere.
        state: Option<PathBuf>,
        /// The host's names and addresses, of which clients look at the first one least: one that is
        /// kept and names others is made anew. Empty: what the host is called when it is made.
        names: Vec<String>,
    },
}

/// Who signs the certificates of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthority {
    /// Its certificate, a PEM file; several may be in it.
    pub file: PathBuf,
    /// Whether a client must show a certificate, or may.
    pub required: bool,
}

/// What clients may call this host: its name, and what it is when they are on it, or at one of
/// these addresses.
pub fn own_names(listen: &[SocketAddr]) -> Vec<String> {
    let system = rustix::system::uname();
    let host = system.nodename().to_str().unwrap_or_default();
    let mut names: Vec<String> = [host, "localhost", "127.0.0.1", "::1"]
        .iter()
        .filter(|name| !name.is_empty())
        .map(ToString::to_string)
        .collect();
    for address in listen.iter().filter(|one| !one.ip().is_unspecified()) {
        let name = address.ip().to_string();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Ports as they are written, FIRST-LAST; none of them is 0.
pub fn read_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-')?;
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    (first >= 1 && first <= last).then_some(first..=last)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            root: None,
            greeting: None,
            accounts: Accounts::new().with(Account::anonymous(Permissions::READ)),
            active_from_default_port: false,
            passive_ports: None,
            passive_address: None,
            passive_addresses: Vec::new(),
            passive_address_for_private: false,
            proxies: Vec::new(),
            zone: Zone::UTC,
            time_fractions: false,
            charset: None,
            allow_combine: false,
            tls: None,
            durability: Durability::default(),
            free_space_floor: 0,
            cut_uploads: CutUploads::default(),
            remove_unfinished: true,
            recount: limits::RECOUNT,
            workers: 2,
            umask: None,
            run_as: None,
            sandbox: true,
            helpers: false,
            connections: limits::CONNECTIONS,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS,
            max_memory: None,
            addresses: AddressRules::default(),
            throttling: Throttling::default(),
            revoked_sessions: RevokedSessions::default(),
            transfer_logs: Vec::new(),
            events: Events::default(),
            timings: Timings::default(),
            sources: Vec::new(),
            origins: Origins::default(),
            log_level: None,
        }
    }
}

impl Config {
    /// The addresses that a server listens at by default.
    pub const DEFAULT_ADDRESSES: [SocketAddr; 2] = [
        SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT),
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT),
    ];

    /// The directories that are served, each once: as accounts have them, and where that is.
    pub(crate) fn roots(&self) -> Vec<(Option<&Path>, &Path)> {
        let shared = self.root.iter().map(|root| (None, root.as_path()));
        let own = self.accounts.iter().filter_map(|account| {
            let root = account.root.as_deref()?;
            Some((Some(root), root))
        });
        let mut roots: Vec<_> = shared.chain(own).collect();
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// What contradicts itself, or leaves open what it was to close. A file or a command line with one
    /// is refused; a host program may ask.
    pub fn mistakes(&self) -> Vec<String> {
        combinations::mistakes(self, &TlsDraft::of(self.tls.clone()))
    }

    /// Which keys have no effect, or another than is wanted, beside the others; for the log.
    pub fn notes(&self) -> Vec<String> {
        combinations::notes(self, &TlsDraft::of(self.tls.clone()))
    }

    /// Whether a passive address is a name, which is looked up now and then.
    fn has_names(&self) -> bool {
        let by_network = self.passive_addresses.iter().map(|(_, host)| host);
        let mut hosts = by_network.chain(&self.passive_address);
        hosts.any(|host| matches!(host, PassiveHost::Name(_)))
    }

    /// What a process needs that serves this; for [`sandbox::enforce`](crate::sandbox::enforce). To
    /// be asked for before the server is made, which makes files that are not there.
    pub fn plan(&self) -> Plan {
        let (mut readable, mut writable) = (Vec::new(), Vec::new());
        for (seen, root) in self.roots() {
            if self.accounts.may_write(seen) {
                writable.push(root.to_owned());
            } else {
                readable.push(root.to_owned());
            }
        }
        if let Some(tls) = &self.tls {
            tls.add_paths(&mut readable, &mut writable);
        }
        // What a reload reads; and logs, opened again after a rotation, which the directory has to
        // allow.
        readable.extend(self.sources.iter().flat_map(|file| places_of(file)));
        writable.extend(self.transfer_logs.iter().map(|log| directory_of(&log.file)));
        let names = self.has_names();
        if names {
            readable.extend(resolver_paths());
        }
        for paths in [&mut readable, &mut writable] {
            paths.sort_unstable();
            paths.dedup();
        }
        let logs = self.transfer_logs.iter().map(|log| log.file.clone());
        let kept = self.tls.iter().flat_map(TlsConfig::made);
        let made = logs.chain(kept).filter(|path| !path.exists()).collect();
        let ports = self.passive_ports.as_ref();
        Plan {
            run_as: self.run_as.clone(),
            confine: self.sandbox,
            readable,
            writable,
            made,
            local_sockets: self.events.socket.is_some(),
            names,
            low_ports: ports.is_some_and(|ports| *ports.start() < FIRST_FREE_PORT),
        }
    }
}

/// Where a file is looked for again: in its directory, because a new one comes by rename; and where
/// it is a link, in that of the file to which it leads, because the link may be what is renewed.
fn places_of(file: &Path) -> Vec<PathBuf> {
    let end = fs::canonicalize(file).ok();
    let places = [Some(directory_of(file)), end.as_deref().map(directory_of)];
    places.into_iter().flatten().collect()
}

/// Where a file is.
pub(crate) fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
