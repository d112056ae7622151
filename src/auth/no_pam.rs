//! Stands in for PAM where it is not compiled in: there is no service of it, and so no account that
//! would need it, and nothing to ask.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::process::ExitCode;

use super::{Password, Service};

/// Does what this process was started for, where that is not to serve: never.
pub const fn serve_if_asked() -> Option<ExitCode> {
    None
}

/// The way to the monitor: there is none.
#[derive(Clone, Debug)]
pub struct Monitor(Infallible);

/// What nobody is asked.
#[derive(Debug)]
pub(super) struct Question(Infallible);

impl Monitor {
    /// Starts it.
    ///
    /// # Errors
    /// Always: this build has none.
    pub fn start() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Asks whether it is so.
    pub(super) const fn ask(&self, _: &Question) -> Result<(), String> {
        match self.0 {}
    }
}

impl Question {
    /// Never.
    pub(super) const fn new(_: &Service, _: &[u8], _: &Password, _: IpAddr) -> Option<Self> {
        None
    }
}
