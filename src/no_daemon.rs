//! Replaces `daemon` without the Cargo feature `daemon`: the options are refused, and nothing is to be done.

#![allow(
    clippy::needless_pass_by_ref_mut,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the surface of the real module"
)]

use std::io;
use std::process::ExitCode;

use mioftpd::logging::Waiting;
use mioftpd::{Config, ConfigSource, Error, Server};

use crate::cli::ProcessOptions;

pub(crate) const fn start_in_background(_: &ProcessOptions) -> Option<ExitCode> {
    None
}

pub(crate) struct Background;

impl Background {
    pub(crate) const fn begin(_: &ProcessOptions) -> Result<Self, String> {
        Ok(Self)
    }

    pub(crate) const fn show_messages(&self, _: &mut Waiting) {}

    pub(crate) const fn ready(&mut self, _: bool) -> io::Result<()> {
        Ok(())
    }
}

/// Cannot be made.
pub(crate) enum InetdClient {}

impl InetdClient {
    pub(crate) const fn take() -> Result<Option<Self>, String> {
        Ok(None)
    }

    pub(crate) const fn refuse(&self) {
        match *self {}
    }

    pub(crate) const fn server(
        &self,
        _: Config,
        _: ConfigSource,
    ) -> Result<Server, Box<dyn std::error::Error>> {
        match *self {}
    }
}

/// Not called: there is no [`InetdClient`].
pub(crate) fn serve_session(mut server: Server, _: &mut Waiting) -> Result<(), Error> {
    server.run()
}
