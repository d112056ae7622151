//! PASV and EPSV: a listener for the client's data connection, and the address that the client is told
//! (RFC 959 §4.1.2, RFC 2428 §3).
//!
//! The listener is bound to the local address of the control connection. PASV advertises, in this order:
//! the masquerade address that is configured for the client; behind a proxy, the address that the client
//! connected to, because only there it can connect again; the local address. Ports may be few, so a
//! listener that the client does not connect to in time is closed.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use log::Level;

use super::Reactor;
use super::connection::Connection;
use super::context::LoopContext;
use super::data::DataChannel;
use super::socket_role::SocketRole;
use crate::cause::of_listening;
use crate::net::Stream as _;
use crate::protocol::unicast::is_unicast;
use crate::session::{Deadline, NoListener, Repeated, SessionEvent};

impl Connection {
    /// Opens a listener for the next transfer. What was arranged before stays if that fails.
    pub(super) fn listen(&mut self, for_ipv4: bool, context: &mut LoopContext) {
        let here = self.stream.local_address();
        let told = self.told_address(context);
        if for_ipv4 && told.is_none() && here.as_ref().is_ok_and(SocketAddr::is_ipv6) {
            let event = SessionEvent::Listening(Err(NoListener::Ipv4));
            return self.notify(event, context);
        }
        let address = here.and_then(|here| self.try_to_listen(here, told, context));
        if let Err(error) = &address {
            let why = of_listening(error, &"a port of passive.ports");
            let text = format_args!("Cannot listen for a data connection: {why}");
            self.log_once(Repeated::NoPassivePort, Level::Warn, text);
        }
        let address = address.map_err(|_| NoListener::Port);
        self.notify(SessionEvent::Listening(address), context);
    }

    fn try_to_listen(
        &mut self,
        here: SocketAddr,
        told: Option<IpAddr>,
        context: &mut LoopContext,
    ) -> io::Result<SocketAddr> {
        let known = told.unwrap_or_else(|| here.ip());
        // It may come from a PROXY header, or from an inherited socket.
        if !is_unicast(known) {
            let text = format!("no client can connect to {known}; set passive.address");
            return Err(io::Error::other(text));
        }
        let token = SocketRole::Passive(self.key()).to_token();
        let mut opened = context.io.listen_passive(here, token);
        if opened.is_err() && self.data().is_listening() {
            // The only free port may be that of the listener that is to be replaced.
            self.data().close_link();
            opened = context.io.listen_passive(here, token);
            if opened.is_err() {
                self.lose_link(context);
            }
        }
        let (listener, lease) = opened?;
        let mut address = listener.local_address();
        self.data().listen(listener, lease);
        self.restart_arrival_clock(context.policy.settings.timings.data_connect, context);
        if let Some(told) = told {
            address.set_ip(told);
        }
        Ok(address)
    }

    /// The client has not connected in time: closes the listener, so that its port is free. Once a transfer
    /// is begun, the transfer's own deadline counts.
    pub(super) fn give_up_listening(&mut self, context: &mut LoopContext) {
        // It may have connected at the last moment.
        self.accept_client(context);
        let data = self.data();
        if !data.is_listening() || !data.is_at_rest() {
            return;
        }
        if data.has_pending() {
            // A proxy has connected: its header has a deadline of its own.
            let time = context.policy.settings.timings.handshake;
            return self.restart_arrival_clock(time, context);
        }
        let text = format_args!("No client connected to the passive port in time");
        self.log_once(Repeated::PassiveUnused, Level::Info, text);
        self.lose_link(context);
    }

    /// Clears the deadlines of a listener and of a pending connection that are gone, however they went.
    pub(super) fn clear_unused_deadlines(&mut self) {
        let data = self.data.as_deref();
        if !data.is_some_and(DataChannel::is_listening) {
            self.deadlines.clear(Deadline::Arrival);
        }
        if !data.is_some_and(DataChannel::has_pending) {
            self.deadlines.clear(Deadline::DataProxyHeader);
        }
    }

    fn restart_arrival_clock(&mut self, time: Duration, context: &LoopContext) {
        self.deadlines.set(Deadline::Arrival, context.now + time);
    }

    /// The address to advertise instead of the local one. Only PASV advertises one, and so only IPv4.
    fn told_address(&self, context: &mut LoopContext) -> Option<IpAddr> {
        if self.peer.is_ipv6() {
            return None;
        }
        let set = context
            .policy
            .passive_addresses
            .of(self.peer.ip(), context.now);
        let in_front = self.proxied.as_ref().map(|one| one.destination.ip());
        set.map(IpAddr::V4)
            .or_else(|| in_front.filter(|address| address.is_ipv4() && is_unicast(*address)))
    }
}

impl Reactor {
    /// The next host name of a masquerade address that is to be resolved.
    pub fn next_name_to_resolve(&mut self) -> Option<String> {
        self.context.policy.passive_addresses.wanted()
    }

    /// The address of a [wanted name](Self::next_name_to_resolve); `None` if it could not be resolved.
    pub fn name_resolved(&mut self, name: &str, answer: Option<Ipv4Addr>) {
        let now = self.context.now;
        let is_news = self
            .context
            .policy
            .passive_addresses
            .found(name, answer, now);
        if let Some(address) = answer.filter(|_| is_news) {
            log::info!("Passive address: {name} is {address}");
        }
    }
}
