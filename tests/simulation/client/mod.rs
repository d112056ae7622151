//! The simulated clients: FTP clients, well-behaved or not, and a port stealer.
//!
//! Each is a state machine. It gets a turn when one of its sockets may have changed, or when its timer
//! expires. [`grammar`] draws its commands; its replies are checked against [`conversation`] and the session
//! model, its data against [`transfer`], its files against [`file_model`].

mod adversarial;
mod behaviour;
mod closing_reply_rules;
mod connection_ends;
mod control_connection;
mod control_tls;
mod conversation;
mod data_connection;
mod disconnect;
mod excuses;
mod expected;
mod file_model;
mod ftp_client;
mod grammar;
mod listing;
mod login_state;
mod payload;
mod port_stealer;
mod profile;
mod proxy_header;
mod reactions;
mod record_checks;
mod refusals;
mod reply_excuses;
mod reply_facts;
mod reply_oracle;
mod reply_rules;
mod requested;
mod revocation;
mod scripted;
mod sending;
mod session_model;
#[cfg_attr(not(feature = "tls"), path = "no_tls_stream.rs")]
pub(crate) mod tls_stream;
mod transfer;
mod transfer_ends;
mod transfer_lines;
mod upload;
mod upload_oracle;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mioftpd::internals::storage::{Memory, Quota};
use mioftpd::{CutUploads, Permissions, Timings};

pub(crate) use control_tls::TlsSetup;
pub(crate) use conversation::CommandKind;
pub(crate) use ftp_client::FtpClient;
pub(crate) use listing::many;
pub(crate) use port_stealer::PortStealer;
pub(crate) use profile::{Disconnect, Login, Profile, Role, TlsMode, TlsStart, address};
pub(crate) use proxy_header::ProxyHeader;
pub(crate) use scripted::{Command, Group, Groups};
pub(crate) use transfer::Behaviour;
pub(crate) use transfer_lines::public_sizes;

use crate::disk_record::DiskRecord;
use crate::fault_plan::FaultPlan;
use crate::network::Shared;
use crate::reload::Reload;
use crate::world::World;

/// The server's configuration and the plan of the run, as far as clients and oracles need them. Plain data:
/// clients only read it.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone)]
pub(crate) struct RunConfig {
    pub(crate) memory: Memory,
    /// Open files and committed uploads, as the disk sees them.
    pub(crate) record: Shared<DiskRecord>,
    /// IPv4, IPv6, and implicit TLS.
    pub(crate) listen_addresses: Vec<SocketAddr>,
    /// The server has TLS.
    pub(crate) tls: Option<TlsSetup>,
    pub(crate) fault_plan: FaultPlan,
    pub(crate) timings: Timings,
    /// Upper bound of the delay of a failed login's reply.
    pub(crate) longest_penalty: Duration,
    /// Control-only mode: the server exports no files.
    pub(crate) control_only: bool,
    /// Permissions of the anonymous account; `None`: there is none.
    pub(crate) anonymous: Option<Permissions>,
    /// The passive range has a single port; otherwise ports are unlimited.
    pub(crate) has_range: bool,
    /// Clients connect through a proxy that sends a PROXY header.
    pub(crate) is_proxied: bool,
    /// Limit on the bytes and files of the whole storage.
    pub(crate) quota: Option<Quota>,
    /// Policy for interrupted uploads.
    pub(crate) cut_uploads: CutUploads,
    /// The run contains a stop signal.
    pub(crate) stops: bool,
    /// The reload of this run, if any.
    pub(crate) reload: Option<Reload>,
}

impl RunConfig {
    /// The permissions of an account; `None` if it does not exist.
    fn permissions_of(&self, login: Login) -> Option<Permissions> {
        match login {
            Login::Anonymous => self.anonymous,
            Login::Named | Login::Wrong | Login::Never => Some(Permissions::ALL),
        }
    }
}

pub(crate) enum Client {
    Ftp(Box<FtpClient>),
    PortStealer(Box<PortStealer>),
    /// Removed by the shrinker; the others keep their numbers.
    Absent,
}

impl Client {
    pub(crate) fn step(&mut self, world: &mut World) {
        match self {
            Self::Ftp(client) => client.step(world),
            Self::PortStealer(client) => client.step(world),
            Self::Absent => {}
        }
    }

    /// Whether it has finished, so that the run need not wait for it.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Ftp(client) => client.is_gone(),
            Self::PortStealer(client) => client.is_gone(),
            Self::Absent => true,
        }
    }

    const fn ftp(&self) -> Option<&FtpClient> {
        match self {
            Self::Ftp(client) => Some(client),
            Self::PortStealer(_) | Self::Absent => None,
        }
    }

    /// Its commands, if they were recorded.
    pub(crate) fn recorded(&self) -> Option<Vec<Group>> {
        self.ftp()?.recorded()
    }

    /// The address under which the server accounts for it.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        Some(self.ftp()?.profile.ip)
    }

    /// The server has been dropped.
    pub(crate) fn give_up(&mut self) {
        if let Self::Ftp(client) = self {
            client.give_up();
        }
    }

    /// Whether the server still holds a connection that the reload has revoked.
    pub(crate) fn is_held_after_revocation(&self, world: &World) -> bool {
        let client = self.ftp();
        client.is_some_and(|client| client.is_held_after_revocation(world))
    }

    /// At the end of the run: a violation in how the server ended its connections.
    pub(crate) fn closing_violation(&self, world: &World) -> Option<String> {
        self.ftp()?.closing_violation(world)
    }

    /// At the end of the run: a violation in the files that it wrote.
    pub(crate) fn audit(&self, memory: &Memory, world: &World) -> Option<String> {
        self.ftp()?.audit(memory, world)
    }
}
