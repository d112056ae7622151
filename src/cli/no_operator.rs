//! Replaces `operator` without the Cargo feature `status`: there are no commands for a running server.

#![allow(clippy::unnecessary_wraps, reason = "the surface of what it replaces")]

use std::ffi::OsString;

use super::Failure;

/// Cannot be made.
pub(crate) enum Operation {}

impl Operation {
    pub(super) const fn parse(_: &[OsString]) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    pub(crate) const fn run(&self) -> Result<(), String> {
        match *self {}
    }
}
