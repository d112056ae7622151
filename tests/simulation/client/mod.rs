//! Those who use the server: guests, who speak FTP more or less well, and strangers.
//!
//! Each is a machine that is given a turn when something may have changed for it, or when its
//! time has come. What it says is drawn by its [`grammar`]; what it hears is held to its
//! [`conversation`], its [`haul`] and its [`ledger`].

mod asked_for;
mod closings;
mod conversation;
mod cover;
mod endings;
mod excuses;
mod expected;
mod farewell_rules;
mod grammar;
mod guest;
mod habits;
mod haul;
mod judgement;
mod leaving;
mod ledger;
mod listed;
mod manner;
mod protected;
mod proxied;
mod reactions;
mod recorded;
mod refusals;
mod reply_excuses;
mod reply_facts;
mod reply_rules;
mod revoked;
mod scripted;
#[cfg_attr(not(feature = "tls"), path = "no_secret.rs")]
pub(crate) mod secret;
mod session_model;
mod sly;
mod speech;
mod stranger;
mod transfers;
mod upload;
mod verdict_of_upload;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mioftpd::auth::Permissions;
use mioftpd::limits::Timings;
use mioftpd::storage::{CutUploads, Memory, Quota};

pub(crate) use conversation::Kind;
pub(crate) use cover::Secure;
pub(crate) use guest::Guest;
pub(crate) use habits::{Farewell, Habits, Login, Opening, Part, Secrecy, address};
pub(crate) use haul::Manner;
pub(crate) use listed::many;
pub(crate) use proxied::Preamble;
pub(crate) use scripted::{Command, Group, Groups};
pub(crate) use stranger::Stranger;
pub(crate) use transfers::public_sizes;

use crate::disk_record::DiskRecord;
use crate::network::Shared;
use crate::reload::Reload;
use crate::weather::Weather;
use crate::world::World;

/// What all clients of a run know.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) memory: Memory,
    /// What the disk knows of the server.
    pub(crate) record: Shared<DiskRecord>,
    /// For IPv4, for IPv6, and for implicit TLS.
    pub(crate) doors: Vec<SocketAddr>,
    /// The server has TLS.
    pub(crate) secure: Option<Secure>,
    pub(crate) weather: Weather,
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

impl Place {
    /// What an account may do, where there is one.
    fn permissions_of(&self, login: Login) -> Option<Permissions> {
        match login {
            Login::Anonymous => self.anonymous,
            Login::Named | Login::Wrong | Login::Never => Some(Permissions::ALL),
        }
    }
}

pub(crate) enum Client {
    Guest(Box<Guest>),
    Stranger(Box<Stranger>),
    /// It has been left out, and the others keep their numbers.
    Absent,
}

impl Client {
    pub(crate) fn step(&mut self, world: &mut World) {
        match self {
            Self::Guest(guest) => guest.step(world),
            Self::Stranger(stranger) => stranger.step(world),
            Self::Absent => {}
        }
    }

    /// Whether nothing more is to be expected of it.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Guest(guest) => guest.is_gone(),
            Self::Stranger(stranger) => stranger.is_gone(),
            Self::Absent => true,
        }
    }

    /// What it has said, where that was written down.
    pub(crate) fn recorded(&self) -> Option<Vec<Group>> {
        match self {
            Self::Guest(guest) => guest.recorded(),
            Self::Stranger(_) | Self::Absent => None,
        }
    }

    /// Under which the server knows it.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Guest(guest) => Some(guest.habits.ip),
            Self::Stranger(_) | Self::Absent => None,
        }
    }

    /// The server is gone.
    pub(crate) fn give_up(&mut self) {
        if let Self::Guest(guest) = self {
            guest.give_up();
        }
    }

    /// Whether the server has a connection of one that would not be let in any more.
    pub(crate) fn is_still_in(&self, world: &World) -> bool {
        match self {
            Self::Guest(guest) => guest.is_still_in(world),
            Self::Stranger(_) | Self::Absent => false,
        }
    }

    /// When all is over: what is wrong with how the server has ended its connections.
    pub(crate) fn fault_of_closings(&self, world: &World) -> Option<String> {
        match self {
            Self::Guest(guest) => guest.fault_of_closings(world),
            Self::Stranger(_) | Self::Absent => None,
        }
    }

    /// When all is over: what is wrong with the files that it wrote.
    pub(crate) fn audit(&self, memory: &Memory, world: &World) -> Option<String> {
        match self {
            Self::Guest(guest) => guest.audit(memory, world),
            Self::Stranger(_) | Self::Absent => None,
        }
    }
}
