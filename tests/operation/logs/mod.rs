//! The log as operators and their programs read it: one line per failed login, change or refusal,
//! which a client can neither forge nor hide with a flood.
//!
//! fail2ban and logrotate run with the guide's configuration. Where they are not installed their tests
//! are skipped with a message, or fail if `MIOFTPD_REQUIRE_CLIENTS=1` is set.

#![cfg(feature = "config")]

use crate::config::world;

mod audit;
mod fail2ban;
mod flood;
mod rotation;

pub(crate) use crate::support::installed;
