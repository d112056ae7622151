//! A listen socket of the server: where clients connect.

use std::net::SocketAddr;

use super::admission::Protocol;
use super::backlog::Backlog;
use crate::net::Listener;

pub(super) struct ListenSocket {
    pub(super) listener: Box<dyn Listener>,
    pub(super) protocol: Protocol,
    pub(super) backlog: Backlog,
}

impl ListenSocket {
    pub(super) fn new(listener: Box<dyn Listener>, protocol: Protocol) -> Self {
        Self {
            listener,
            protocol,
            backlog: Backlog::default(),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_address()
    }
}
