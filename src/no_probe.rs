//! Replaces `probe` without the Cargo feature `bench`: there is no such command, and a DIR of that name is
//! served.

#![allow(
    clippy::unnecessary_wraps,
    missing_docs,
    reason = "the surface of what it replaces"
)]

use std::ffi::OsString;
use std::process::ExitCode;

/// Cannot be made.
pub enum Probe {}

impl Probe {
    pub const fn parse(_: &[OsString]) -> Result<Option<Self>, String> {
        Ok(None)
    }

    pub const fn run(&self) -> Result<ExitCode, String> {
        match *self {}
    }
}
