//! Stand-ins for `tls_stream` in builds without TLS.
//!
//! [`TlsConfig`] has no values, so no client uses TLS.

#![allow(
    clippy::needless_pass_by_ref_mut,
    clippy::unnecessary_box_returns,
    reason = "as those that are"
)]

use std::io;

use mioftpd::DataSession;
use mioftpd::internals::net::tls::Acceptor;

use crate::rng::Rng;
use crate::world::{ConnectionId, World};

pub(crate) const fn acceptor(_: DataSession) -> Option<Acceptor> {
    None
}

#[derive(Clone)]
pub(crate) enum TlsConfig {}

impl TlsConfig {
    pub(crate) const fn draw(_: &mut Rng, _: bool) -> Option<Self> {
        None
    }

    pub(crate) const fn hello(&self) -> Vec<u8> {
        match *self {}
    }

    pub(crate) const fn for_control(&self) -> Box<TlsStream> {
        match *self {}
    }

    pub(crate) const fn for_data(&self) -> Box<TlsStream> {
        match *self {}
    }
}

pub(crate) enum TlsStream {}

impl TlsStream {
    pub(crate) const fn is_handshaking(&self) -> bool {
        match *self {}
    }

    pub(crate) fn prepend_received(&mut self, _: Vec<u8>) {
        match *self {}
    }

    pub(crate) const fn is_beginning(&self) -> bool {
        match *self {}
    }

    pub(crate) const fn is_resumed(&self) -> Option<bool> {
        match *self {}
    }

    pub(crate) const fn take_rest(&mut self) -> Vec<u8> {
        match *self {}
    }

    pub(crate) const fn read(
        &mut self,
        _: ConnectionId,
        _: &mut World,
        _: &mut [u8],
    ) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) const fn flush(&mut self, _: ConnectionId, _: &mut World) -> io::Result<()> {
        match *self {}
    }

    pub(crate) const fn has_unsent(&self) -> bool {
        match *self {}
    }

    pub(crate) const fn write(
        &mut self,
        _: ConnectionId,
        _: &mut World,
        _: &[u8],
    ) -> io::Result<usize> {
        match *self {}
    }

    pub(crate) const fn send_close_notify(
        &mut self,
        _: ConnectionId,
        _: &mut World,
    ) -> io::Result<()> {
        match *self {}
    }
}
