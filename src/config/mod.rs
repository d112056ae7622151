//! The configuration of a server: what to listen on, what to serve, and to which accounts.
//!
//! Plain data; the defaults are those of the command line. The program fills it from options and the
//! configuration file, a host program fills it directly. [`Server::bind`](crate::Server::bind) checks and
//! uses it. This module opens no socket and no file that is served.

mod combinations;
mod draft;
#[cfg(feature = "settings")]
pub mod file;
pub(crate) mod fixed;
pub(crate) mod losses;
mod origins;
pub mod password_file;
#[cfg(feature = "settings")]
mod shadow_file;
mod status;
mod tls;
mod words;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use log::LevelFilter;

use crate::auth::{Account, Accounts, Permissions, RevokedSessions};
use crate::limits::{self, Throttling, Timings};
use crate::logging::Syslog;
use crate::net::{AddressRules, Cidr, PassiveHost};
use crate::observe::{Events, TransferLog};
use crate::protocol::charset::Charset;
use crate::protocol::zone::Zone;
use crate::sandbox::{RunAs, SandboxPlan, resolver_paths};
use crate::storage::{CutUploads, Durability, ReplaceFiles, Umask};
pub(crate) use combinations::overlap;
pub use draft::ConfigDraft;
pub use origins::Origins;
pub use status::{BadStatusAddress, SocketMode, StatusAddress, StatusConfig};
pub use tls::{Certificate, ClientAuthority, TlsConfig, TlsDraft, own_names};
pub use words::Words;

/// The port of the default listen addresses.
pub const DEFAULT_PORT: u16 = 21000;

/// The first port that needs no privilege.
pub(crate) const FIRST_FREE_PORT: u16 = 1024;

/// The configuration of a server.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Clone, Debug)]
pub struct Config {
    /// Addresses to listen on; port 0 lets the kernel choose. Empty: the IPv4 and IPv6 wildcard
    /// addresses with [`DEFAULT_PORT`]; one of the two may fail.
    pub listen: Vec<SocketAddr>,
    /// The directory to serve. `None`: the server answers control-channel commands only.
    pub root: Option<PathBuf>,
    /// The text of the 220 greeting, lines separated by LF. `None`: the default text.
    /// Ignored without a directory.
    pub greeting: Option<String>,
    /// The accounts that may log in. Ignored without a directory.
    pub accounts: Accounts,
    /// Whether active data connections (PORT, EPRT) come from port L-1, where L is the local port of the
    /// control connection (RFC 959 §3.3). If that port is in use, another one is used. Ports below 1024
    /// need a privilege: see [`dials_from_low_ports`](crate::Server::dials_from_low_ports).
    pub active_from_default_port: bool,
    /// The port range of passive listeners. `None`: the kernel chooses.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// The masquerade address: PASV advertises it in place of the local address. Clients with private
    /// addresses (RFC 1918, RFC 6598, loopback, link-local) are not behind the NAT and get the local
    /// address, unless this address is private too. A name is resolved at the start and every five
    /// minutes while it is used; the last successful result is kept. Until the first one, this counts
    /// as `None`.
    pub passive_address: Option<PassiveHost>,
    /// Masquerade addresses by client network, also for private clients. The first match applies.
    pub passive_addresses: Vec<(Cidr, PassiveHost)>,
    /// Whether private clients get [`passive_address`](Self::passive_address) too. For container networks
    /// in which all clients appear to have private addresses.
    pub passive_address_for_private: bool,
    /// Networks of trusted proxies. A connection from one of them must begin with a PROXY protocol header,
    /// version 1 or 2, on control and on data connections. The address in the header then counts as the
    /// client's for the log, all limits and all rules. A header from another address is garbage.
    /// The proxy must forward the passive ports, under the same numbers, to the same host as the control
    /// connection.
    pub proxies: Vec<Cidr>,
    /// The time zone of the dates in LIST; all other times are UTC.
    pub zone: Zone,
    /// Whether MDTM, MFMT, MLST and MLSD send milliseconds; many clients parse whole seconds only.
    pub time_fractions: bool,
    /// The charset of file names for clients that have not negotiated UTF-8. `Some` needs the Cargo
    /// feature `charset`.
    pub charset: Option<Charset>,
    /// Whether COMB is implemented: it concatenates files and removes the parts.
    pub allow_combine: bool,
    /// FTPS; needs the Cargo feature `tls`. `None`: clear text only.
    pub tls: Option<TlsConfig>,
    /// What survives a power failure. Each setting survives a kill of the server: an upload that was
    /// answered with 226 is stored.
    pub durability: Durability,
    /// Bytes that uploads must leave free on the file system. An upload that would use them is refused
    /// or cut with 452; ALLO and AVBL subtract them. Concurrent uploads may each exceed the limit by
    /// 4 MiB. 0: no limit.
    pub free_space_floor: u64,
    /// How an upload replaces an existing file.
    pub replace: ReplaceFiles,
    /// Whether an upload to a new name keeps the received bytes when its connection is cut.
    pub cut_uploads: CutUploads,
    /// Whether a start removes the temporary files of killed servers, in directories that an account may
    /// write to. Temporary files of a running server are locked and are not removed. Disable this
    /// only if several hosts write to one directory through a network file system with host-local locks
    /// (NFS with `local_lock`, CIFS with `nobrl`).
    pub remove_unfinished: bool,
    /// Whether a served directory is opened again for each access, so that a mount point is not busy and what
    /// is mounted there later is seen at once. If not, a reload opens it again. The sandbox then leaves the
    /// directory above each served one accessible: a mount is reached through it.
    pub reopen: bool,
    /// The interval of the slow recount of directories with a quota, which finds changes by other programs.
    /// Zero: only at SIGHUP, and before a quota refuses an upload.
    pub recount: Duration,
    /// Worker threads for disk operations; with 0 there are no threads, and the event loop blocks on them and
    /// on TLS handshakes.
    pub workers: usize,
    /// How long the event loop polls without sleeping after it had something to do. That spares the next
    /// command the wake-up, which takes longer than the command, and keeps a processor busy for as long.
    /// Zero: the loop sleeps at once.
    pub busy_poll: Duration,
    /// Permission bits to clear on new files. `None`: the inherited umask. The umask(2) is that of the
    /// process, so it also applies to files of the host program.
    pub umask: Option<Umask>,
    /// The user to switch to after listening, when started as root. Applied by
    /// [`sandbox::enforce`](crate::sandbox::enforce), which a host program calls itself.
    pub run_as: Option<RunAs>,
    /// Whether the sandbox confines the process to what this configuration needs.
    pub sandbox: bool,
    /// Whether a helper process asks PAM and runs the event command. The helper is this
    /// executable, started again, so `main` must begin with
    /// [`run_helper_if_requested`](crate::run_helper_if_requested). Without it, accounts with PAM are
    /// refused, and the server process runs the event command with its own privileges.
    pub helpers: bool,
    /// The maximum of simultaneous connections; fewer if the limit of open files does not allow it.
    pub connections: usize,
    /// The maximum of simultaneous connections from one address, or from one IPv6 /64.
    pub connections_per_address: usize,
    /// Bytes that all connections together may use in the worst case; it lowers `connections`.
    /// `None`: no limit.
    pub max_memory: Option<u64>,
    /// The addresses that may connect; all by default.
    pub addresses: AddressRules,
    /// Rate limits, penalties and bans by address.
    pub throttling: Throttling,
    /// What happens to a session that could not log in any more, after a reload or when its account
    /// expires.
    pub revoked_sessions: RevokedSessions,
    /// Log files with a line for each finished transfer, or for each command that changed something or was
    /// refused.
    pub transfer_logs: Vec<TransferLog>,
    /// Where the program sends its log instead of standard error; a host program logs as it likes.
    pub syslog: Syslog,
    /// Receivers of a notification for each upload.
    pub events: Events,
    /// The status service.
    pub status: StatusConfig,
    /// Commands, turns, iterations of the event loop and jobs that take so long are logged with their phases.
    /// Needs the Cargo feature `status`. `None`: nothing is.
    pub slow: Option<Duration>,
    /// A file to which a trace of the event loop is written, when the server stops and at SIGUSR1: JSON of
    /// Chrome's Trace Event Format. Needs the Cargo feature `status`.
    pub trace: Option<PathBuf>,
    /// Whether the trace has the arguments of commands, other than passwords.
    pub trace_names: bool,
    /// All time-outs.
    pub timings: Timings,
    /// Files that this configuration was read from, and that a reload reads: the sandbox leaves them
    /// readable.
    pub sources: Vec<PathBuf>,
    /// Where each key was set. A reload refuses a file that no longer sets a key that restricted access.
    pub origins: Origins,
    /// The log level to switch to after a reload. `None`: unchanged. Ignored at a start.
    pub log_level: Option<LevelFilter>,
}

/// Parses `FIRST-LAST` or a single port; port 0 is invalid.
pub fn read_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
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
            replace: ReplaceFiles::default(),
            cut_uploads: CutUploads::default(),
            remove_unfinished: true,
            reopen: false,
            recount: limits::RECOUNT,
            workers: 2,
            busy_poll: Duration::ZERO,
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
            syslog: Syslog::default(),
            events: Events::default(),
            status: StatusConfig::default(),
            slow: None,
            trace: None,
            trace_names: false,
            timings: Timings::default(),
            sources: Vec::new(),
            origins: Origins::default(),
            log_level: None,
        }
    }
}

impl Config {
    /// The default listen addresses.
    pub const DEFAULT_ADDRESSES: [SocketAddr; 2] = [
        SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), DEFAULT_PORT),
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), DEFAULT_PORT),
    ];

    /// The addresses to listen on without implicit TLS.
    pub(crate) fn plain_listen(&self) -> &[SocketAddr] {
        match self.listen.as_slice() {
            [] if self.tls_listen().is_empty() => &Self::DEFAULT_ADDRESSES,
            listen => listen,
        }
    }

    /// The addresses to listen on with implicit TLS.
    pub(crate) fn tls_listen(&self) -> &[SocketAddr] {
        self.tls.as_ref().map_or(&[], |tls| &tls.listen)
    }

    /// The distinct directories to serve, sorted: the `root` of the accounts (`None`: that of the server),
    /// and the path.
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

    /// Contradictions, and settings that would not restrict what they are meant to restrict. The program
    /// refuses a file or command line with any of them; a host program may call this.
    pub fn mistakes(&self) -> Vec<String> {
        combinations::mistakes(self, &TlsDraft::of(self.tls.clone()))
    }

    /// Keys that have no effect, or an undesirable one, in combination with the others; for the log.
    pub fn notes(&self) -> Vec<String> {
        combinations::notes(self, &TlsDraft::of(self.tls.clone()))
    }

    /// Whether a masquerade address is a name, which the server resolves while it runs.
    pub(crate) fn has_names(&self) -> bool {
        let by_network = self.passive_addresses.iter().map(|(_, host)| host);
        let mut hosts = by_network.chain(&self.passive_address);
        hosts.any(|host| matches!(host, PassiveHost::Name(_)))
    }

    /// Whether a trace is recorded, or may be asked for.
    pub(crate) fn may_trace(&self) -> bool {
        self.trace.is_some() || self.status.sockets().next().is_some()
    }

    /// The permissions that this configuration needs, for [`sandbox::enforce`](crate::sandbox::enforce).
    /// Call it before [`Server::bind`](crate::Server::bind), which creates missing files: the plan lists
    /// them.
    pub fn plan(&self) -> SandboxPlan {
        let (mut readable, mut writable) = (Vec::new(), Vec::new());
        for (seen, root) in self.roots() {
            let allowed = if self.accounts.may_write(seen) {
                &mut writable
            } else {
                &mut readable
            };
            if self.reopen {
                allowed.extend(directories_above(root));
            }
            allowed.push(root.to_owned());
        }
        let mut read_again = self.sources.clone();
        if let Some(tls) = &self.tls {
            match &tls.certificate {
                Certificate::Files { certificate, key } => {
                    read_again.extend([certificate.clone(), key.clone()]);
                }
                Certificate::SelfSigned { state, .. } => writable.extend(state.clone()),
            }
            read_again.extend(tls.clients.iter().map(|clients| clients.file.clone()));
        }
        // A new version is renamed into the directory; a symbolic link may be replaced, or its target.
        for file in read_again {
            let target = fs::canonicalize(&file).ok();
            readable.push(directory_of(&file));
            readable.extend(target.as_deref().map(directory_of));
        }
        // A reload creates logs again after a rotation: that needs the directory.
        writable.extend(self.transfer_logs.iter().map(|log| directory_of(&log.file)));
        // At the end the file of a socket is removed, for which its directory is needed.
        writable.extend(self.status.sockets().map(directory_of));
        // Each trace is a new file, renamed over the one before.
        writable.extend(self.trace.as_deref().map(directory_of));
        let names = self.has_names();
        if names {
            readable.extend(resolver_paths());
        }
        for paths in [&mut readable, &mut writable] {
            paths.sort_unstable();
            paths.dedup();
        }
        let logs = self.transfer_logs.iter().map(|log| log.file.clone());
        let kept = self.tls.iter().flat_map(TlsConfig::created);
        let made = logs.chain(kept).filter(|path| !path.exists()).collect();
        let ports = self.passive_ports.as_ref();
        SandboxPlan {
            run_as: self.run_as.clone(),
            confine: self.sandbox,
            readable,
            writable,
            made,
            local_sockets: self.events.socket.is_some() || self.syslog.path().is_some(),
            names,
            low_ports: ports.is_some_and(|ports| *ports.start() < FIRST_FREE_PORT),
        }
    }
}

/// The parent directory of a file; `.` for a bare name.
pub(crate) fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The directories that the path of a directory is an entry of: the path as given, and where its links lead.
/// The sandbox has to allow them to `reopen`, as it takes no account of a directory that is mounted over.
fn directories_above(path: &Path) -> impl Iterator<Item = PathBuf> {
    let found = [std::path::absolute(path), fs::canonicalize(path)];
    let found = found.into_iter().flatten();
    found.filter_map(|path| path.parent().map(Path::to_owned))
}
