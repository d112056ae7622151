//! Those who use the server: guests, who speak FTP more or less well, and strangers.
//!
//! Each is a machine that is given a turn when something may have changed for it, or when its
//! time has come. What it says is drawn by its [`grammar`]; what it hears is held to its
//! [`conversation`], its [`haul`] and its [`ledger`].

mod conversation;
mod cover;
mod expected;
mod grammar;
mod guest;
mod habits;
mod haul;
mod leaving;
mod ledger;
mod protected;
mod proxied;
mod reactions;
mod recorded;
mod refusals;
mod revoked;
#[cfg_attr(not(feature = "tls"), path = "no_secret.rs")]
pub(crate) mod secret;
mod speech;
mod stranger;
mod transfers;

use std::net::SocketAddr;

use mioftpd::limits::Timings;
use mioftpd::storage::{CutUploads, Memory};

pub(crate) use cover::Secure;
pub(crate) use guest::Guest;
pub(crate) use habits::{Habits, Login, address};
pub(crate) use stranger::Stranger;
pub(crate) use transfers::public_sizes;

use crate::reload::Reload;
use crate::weather::Weather;
use crate::world::World;

/// What all clients of a run know.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) memory: Memory,
    /// For IPv4, for IPv6, and for implicit TLS.
    pub(crate) doors: Vec<SocketAddr>,
    /// The server has TLS.
    pub(crate) secure: Option<Secure>,
    pub(crate) weather: Weather,
    pub(crate) timings: Timings,
    /// The server exports nothing.
    pub(crate) control_only: bool,
    /// There is a proxy in front of the doors.
    pub(crate) is_proxied: bool,
    /// What becomes of an upload that is cut.
    pub(crate) cut_uploads: CutUploads,
    /// It is going to be stopped.
    pub(crate) stops: bool,
    /// It is going to be told something else.
    pub(crate) reload: Option<Reload>,
}

pub(crate) enum Client {
    Guest(Box<Guest>),
    Stranger(Box<Stranger>),
}

impl Client {
    pub(crate) fn step(&mut self, world: &mut World) {
        match self {
            Self::Guest(guest) => guest.step(world),
            Self::Stranger(stranger) => stranger.step(world),
        }
    }

    /// Whether nothing more is to be expected of it.
    pub(crate) fn is_gone(&self) -> bool {
        match self {
            Self::Guest(guest) => guest.is_gone(),
            Self::Stranger(stranger) => stranger.is_gone(),
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
            Self::Stranger(_) => false,
        }
    }

    /// When all is over: what is wrong with the files that it wrote.
    pub(crate) fn audit(&self, memory: &Memory) -> Option<String> {
        match self {
            Self::Guest(guest) => guest.audit(memory),
            Self::Stranger(_) => None,
        }
    }
}
