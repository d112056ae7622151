//! Stand-in for `tls` in builds without the feature `tls`: there is no TLS to probe with.
//!
//! Its types have no values. It must keep the signatures of `tls`.

use std::io::{self, Read, Write};
use std::path::Path;

use super::finding::Report;
use super::timed_socket::TimedSocket;

/// Never made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "those of tls")]
pub(super) enum Handshake {
    Shared,
    Unrelated,
    Only12,
    Only13,
}

/// Has no values.
#[derive(Debug)]
pub(super) enum Tls {}

#[allow(
    missing_docs,
    clippy::missing_const_for_fn,
    reason = "the surface of tls"
)]
impl Tls {
    pub(super) fn new(_: &str, _: Option<&Path>) -> Result<Self, String> {
        Err("this build has no TLS; build it with --features tls".to_owned())
    }

    pub(super) fn distrust(&self) -> Option<String> {
        match *self {}
    }

    pub(super) fn connect(&self, _: TimedSocket, _: Handshake) -> io::Result<Secured> {
        match *self {}
    }
}

/// Has no values.
#[derive(Debug)]
pub(super) enum Secured {}

#[allow(
    missing_docs,
    clippy::missing_const_for_fn,
    reason = "the surface of tls"
)]
impl Secured {
    pub(super) const fn timed(&self) -> &TimedSocket {
        match *self {}
    }

    pub(super) const fn timed_mut(&mut self) -> &mut TimedSocket {
        match *self {}
    }

    pub(super) fn is_resumed(&self) -> bool {
        match *self {}
    }

    pub(super) fn certificates(&self) -> Vec<Vec<u8>> {
        match *self {}
    }

    pub(super) fn end(&mut self) {
        match *self {}
    }
}

impl Read for Secured {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
}

impl Write for Secured {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match *self {}
    }
}

/// There is no certificate.
pub(super) const fn check_certificate(_: &str, _: &[Vec<u8>], _: i64, _: &mut Report) {}
