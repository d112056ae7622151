//! Replaces `doctor` without the Cargo feature `bench`: there is no such command, and a DIR of that name is
//! served.
//!
//! It has the same surface and no code.

use std::ffi::OsString;
use std::process::ExitCode;

use super::{Invocation, Resolved};

/// Cannot be made.
pub(crate) enum Doctor {}

impl Doctor {
    pub(super) const fn take(_: &mut Vec<OsString>) -> Option<Self> {
        None
    }

    pub(super) fn of(self, _: Resolved) -> Invocation {
        match self {}
    }

    pub(crate) const fn run(&self, _: i64) -> ExitCode {
        match *self {}
    }
}
