//! Replaces `bench` without its Cargo feature: there is no load generator.

#![allow(
    clippy::unnecessary_wraps,
    missing_docs,
    reason = "the surface of what it replaces"
)]

use std::ffi::OsString;
use std::process::ExitCode;

/// Cannot be made.
pub enum Bench {}

impl Bench {
    pub const fn parse(_: &[OsString]) -> Result<Option<Self>, String> {
        Ok(None)
    }

    pub const fn run(&self) -> Result<ExitCode, String> {
        match *self {}
    }
}
