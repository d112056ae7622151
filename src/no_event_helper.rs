//! Replaces `event_helper` without the Cargo feature `records`: the server refuses a configuration of
//! events, so there is no helper process for them.

#![allow(clippy::unnecessary_wraps, reason = "the surface of what it replaces")]

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use crate::config::Config;
use crate::observe::RecordsError;
use crate::privsep::Helper;

pub(crate) const fn start(_: &Config) -> Result<Option<Helper>, RecordsError> {
    Ok(None)
}

pub(crate) fn run_if_requested(_: &OsStr, _: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    None
}
