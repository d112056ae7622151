//! PASV and EPSV: a listener for the client's data connection, and where the client is told that it
//! is (RFC 959 §4.1.2, RFC 2428 §3).
//!
//! It listens at the address that the control connection has come to. What PASV tells is, in this
//! order: the address that is set for the client; in front of a proxy, the address that the client
//! has connected to, because there, and not here, it can connect again; the local address.
//!
//! Ports may be few, so nobody keeps one by asking for it: who does not connect in time has to ask
//! again.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use log::Level;

use super::Reactor;
use super::connection::Connection;
use super::context::LoopContext;
use super::data::{Link, Motion};
use super::key::SocketRole;
use crate::cause::of_listening;
use crate::net::Stream as _;
use crate::protocol::one_host::is_of_one_host;
use crate::session::{Deadline, NoListener, Repeated, SessionEvent};

impl Connection {
    /// Whatever is arranged stays until there is a listener instead.
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
            let text = format_args!("{}: Cannot listen for a data connection: {why}", self.peer);
            self.session
                .log_once(Repeated::NoPassivePort, Level::Warn, text);
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
        // A proxy may have told it, or an inherited socket.
        if !is_of_one_host(known) {
            let text = format!("no client can connect to {known}; set passive.address");
            return Err(io::Error::other(text));
        }
        let token = SocketRole::Passive(self.key()).to_token();
        let mut opened = context.open_passive(here, token);
        if opened.is_err() && matches!(self.data().link, Link::Listening(..)) {
            // The last port that is free may be the one that is to be given up.
            self.data().unlink(context);
            opened = context.open_passive(here, token);
            if opened.is_err() {
                self.lose_link(context);
            }
        }
        let (listener, lease) = opened?;
        let mut address = listener.local_address();
        let link = Link::Listening(listener, lease, None);
        self.data().relink(link, context);
        self.restart_arrival_clock(context.settings.timings.data_connect, context);
        if let Some(told) = told {
            address.set_ip(told);
        }
        Ok(address)
    }

    /// The client has not come in time: its port is for others. From a transfer's command on it is the
    /// transfer that must have its data connection in time.
    pub(super) fn give_up_listening(&mut self, context: &mut LoopContext) {
        // Who came at the last moment has come.
        self.accept_client(context);
        let peer = self.peer;
        let data = self.data();
        match (&data.link, &data.motion) {
            // A proxy has, and will say in time whether that is the client.
            (Link::Listening(.., Some(_)), Motion::Idle | Motion::Refused) => {
                self.restart_arrival_clock(context.settings.timings.handshake, context);
            }
            (Link::Listening(.., None), Motion::Idle | Motion::Refused) => {
                let text = format_args!("{peer}: Nobody has connected to the passive port");
                self.session
                    .log_once(Repeated::PassiveUnused, Level::Info, text);
                self.lose_link(context);
            }
            _ => {}
        }
    }

    /// The deadline of a passive listener goes with it, whatever has closed it, and that of a proxy's
    /// header with who has come to the listener.
    pub(super) fn clear_unused_deadlines(&mut self) {
        let link = self.data.as_ref().map(|data| &data.link);
        if !matches!(link, Some(Link::Listening(..))) {
            self.deadlines.clear(Deadline::Arrival);
        }
        if !matches!(link, Some(Link::Listening(.., Some(_)))) {
            self.deadlines.clear(Deadline::DataProxyHeader);
        }
    }

    fn restart_arrival_clock(&mut self, time: Duration, context: &LoopContext) {
        self.deadlines.set(Deadline::Arrival, context.now + time);
    }

    /// What takes the place of the local address; only PASV, and so only IPv4, tells one.
    fn told_address(&self, context: &mut LoopContext) -> Option<IpAddr> {
        if self.peer.is_ipv6() {
            return None;
        }
        let set = context.passive_addresses.of(self.peer.ip(), context.now);
        let in_front = self.proxied.as_ref().map(|one| one.destination.ip());
        set.map(IpAddr::V4)
            .or_else(|| in_front.filter(|address| address.is_ipv4() && is_of_one_host(*address)))
    }
}

impl Reactor {
    /// The next name of a passive address that is to be looked up.
    pub fn wanted_name(&mut self) -> Option<String> {
        self.context.passive_addresses.wanted()
    }

    /// What a [wanted name](Self::wanted_name) was found to be; `None`: nothing.
    pub fn found_name(&mut self, name: &str, answer: Option<Ipv4Addr>) {
        let now = self.context.now;
        let is_news = self.context.passive_addresses.found(name, answer, now);
        if let Some(address) = answer.filter(|_| is_news) {
            log::info!("Passive address: {name} is {address}");
        }
    }
}
