//! Replaces `status` without the Cargo feature `status`: the server refuses a configuration of the service.

#![allow(clippy::unnecessary_wraps, reason = "the surface of what it replaces")]

use super::{Error, Finding};
use crate::config::{Config, StatusAddress};
use crate::reactor::Reactor;

pub(super) const IS_BUILT_IN: bool = false;

pub(super) const fn check(_: &Config) -> Vec<Finding> {
    Vec::new()
}

pub(super) const fn in_use(_: &Config) -> Vec<(StatusAddress, String)> {
    Vec::new()
}

pub(super) const fn open(_: &mut Reactor, _: &Config) -> Result<(), Error> {
    Ok(())
}
