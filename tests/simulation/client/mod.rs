//! Those who use the server: guests, who speak FTP more or less well, and strangers.
//!
//! Each is a machine that is given a turn when something may have changed for it, or when its
//! time has come. What it says is drawn by its [`grammar`]; what it hears is held to its
//! [`conversation`], its [`transfer`] and its [`file_model`].

mod adversarial;
mod behaviour;
mod closing_reply_rules;
mod connection_ends;
mod control_tls;
mod conversation;
mod data_tls;
mod disconnect;
mod excuses;
mod expected;
mod file_model;
mod ftp_client;
mod grammar;
mod listing;
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

use mioftpd::auth::Permissions;
use mioftpd::limits::Timings;
use mioftpd::storage::{CutUploads, Memory, Quota};

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

/// What all clients of a run know.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone)]
pub(crate) struct RunConfig {
    pub(crate) memory: Memory,
    /// What the disk knows of the server.
    pub(crate) record: Shared<DiskRecord>,
    /// For IPv4, for IPv6, and for implicit TLS.
    pub(crate) listen_addresses: Vec<SocketAddr>,
    /// The server has TLS.
    pub(crate) tls: Option<TlsSetup>,
    pub(crate) fault_plan: FaultPlan,
    pub(crate) timings: Timings,
    /// The answer to a failed login comes no later than this.
    pub(crate) longest_penalty: Duration,
    /// The server exports nothing.
    pub(crate) control_only: bool,
    /// What anonymous clients may do, where there are any.
    pub(crate) anonymous: Option<Permissions>,
    /// There is one passive port, and not as many as are asked for.
    pub(crate) has_range: bool,
    /// There is a proxy in front of the doors.
    pub(crate) is_proxied: bool,
    /// How much may be in the server's files.
    pub(crate) quota: Option<Quota>,
    /// What becomes of an upload that is cut.
    pub(crate) cut_uploads: CutUploads,
    /// It is going to be stopped.
    pub(crate) stops: bool,
    /// It is going to be told something else.
    pub(crate) reload: Option<Reload>,
}

impl RunConfig {
    /// What an account may do, where there is one.
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
    /// It has been left out, and the others keep their numbers.
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

    /// Whether nothing more is to be expected of it.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Ftp(client) => client.is_gone(),
            Self::PortStealer(client) => client.is_gone(),
            Self::Absent => true,
        }
    }

    /// What it has said, where that was written down.
    pub(crate) fn recorded(&self) -> Option<Vec<Group>> {
        match self {
            Self::Ftp(client) => client.recorded(),
            Self::PortStealer(_) | Self::Absent => None,
        }
    }

    /// Under which the server knows it.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Ftp(client) => Some(client.profile.ip),
            Self::PortStealer(_) | Self::Absent => None,
        }
    }

    /// The server is gone.
    pub(crate) fn give_up(&mut self) {
        if let Self::Ftp(client) = self {
            client.give_up();
        }
    }

    /// Whether the server has a connection of one that would not be let in any more.
    pub(crate) fn is_still_in(&self, world: &World) -> bool {
        match self {
            Self::Ftp(client) => client.is_still_in(world),
            Self::PortStealer(_) | Self::Absent => false,
        }
    }

    /// When all is over: what is wrong with how the server has ended its connections.
    pub(crate) fn closing_violation(&self, world: &World) -> Option<String> {
        match self {
            Self::Ftp(client) => client.closing_violation(world),
            Self::PortStealer(_) | Self::Absent => None,
        }
    }

    /// When all is over: what is wrong with the files that it wrote.
    pub(crate) fn audit(&self, memory: &Memory, world: &World) -> Option<String> {
        match self {
            Self::Ftp(client) => client.audit(memory, world),
            Self::PortStealer(_) | Self::Absent => None,
        }
    }
}
