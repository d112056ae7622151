//! Replaces `tls` without the Cargo feature `tls`: a server can only be measured in the clear.
//!
//! Its types but the plan's refusal have no values. It must keep the surface of `tls`.

#![allow(
    clippy::missing_const_for_fn,
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    missing_docs,
    reason = "the surface of what it replaces"
)]

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::net::Stream;

#[derive(Clone, Copy, Debug)]
pub(in crate::bench) enum TlsPlan {}

#[derive(Clone, Copy, Debug)]
pub(in crate::bench) enum ClientTls {}

pub(in crate::bench) enum Secured {}

impl TlsPlan {
    pub(in crate::bench) fn new(_: &str, _: Option<&Path>, _: bool) -> Result<Self, String> {
        Err("this program has no TLS: build it with --features tls, or use ftp://".to_owned())
    }
}

impl ClientTls {
    pub(in crate::bench) fn new(plan: &Arc<TlsPlan>) -> Self {
        match **plan {}
    }

    pub(in crate::bench) fn without_sessions(plan: &Arc<TlsPlan>) -> Self {
        match **plan {}
    }

    pub(in crate::bench) fn begin(&self) -> Result<Secured, String> {
        match *self {}
    }

    pub(in crate::bench) fn distrust(&self) -> Option<String> {
        match *self {}
    }
}

impl Secured {
    pub(in crate::bench) fn handshake(&mut self, _: &mut dyn Stream) -> io::Result<()> {
        match *self {}
    }

    pub(in crate::bench) fn is_resumed(&self) -> bool {
        match *self {}
    }

    pub(in crate::bench) fn has_unsent(&self) -> bool {
        match *self {}
    }

    pub(in crate::bench) fn flush(&mut self, _: &mut dyn Stream) -> io::Result<()> {
        match *self {}
    }

    pub(in crate::bench) fn read(&mut self, _: &mut dyn Stream, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(in crate::bench) fn write(&mut self, _: &mut dyn Stream, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }

    pub(in crate::bench) fn end(&mut self) {
        match *self {}
    }
}
