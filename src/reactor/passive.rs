//! PASV and EPSV: a port for the client's data connection, and the address that the client is told
//! (RFC 959 §4.1.2, RFC 2428 §3).
//!
//! The port is lent by the [pool](super::passive_pool), at the local address of the control connection. PASV
//! advertises, in this order: the masquerade address that is configured for the client; behind a proxy, the
//! address that the client connected to, because only there it can connect again; the local address. A
//! client that does not connect in time gives the port back.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{io, mem};

use log::Level;

use super::Reactor;
use super::claimant::Claimant;
use super::connection::{Connection, PassiveMode, Phase};
use super::context::LoopContext;
use super::data::{DataChannel, PassivePort};
use super::passive_lease::{Borrower, Lending};
use super::socket_role::SocketRole;
use crate::cause::of_listening;
use crate::limits::{LATE_CONNECTION, PASSIVE_TURN};
use crate::net::Stream;
use crate::net::tls::Acceptor;
use crate::protocol::unicast::is_unicast;
use crate::session::{Deadline, NoListener, Repeated, Session, SessionEvent};

impl Connection {
    /// Borrows a port for the next transfer. What was arranged before stays if there can be none; a wait for
    /// one takes its place.
    pub(super) fn listen(&mut self, for_ipv4: bool, context: &mut LoopContext) {
        self.borrow_port(for_ipv4, false, context);
    }

    /// A port may be free now that was not.
    pub(super) fn listen_again(&mut self, context: &mut LoopContext) {
        if let PassivePort::Queued { for_ipv4 } = self.data().port() {
            self.borrow_port(for_ipv4, true, context);
        }
    }

    fn borrow_port(&mut self, for_ipv4: bool, has_waited: bool, context: &mut LoopContext) {
        // What has arrived is for the port that it had.
        self.accept_client(context);
        let here = self.local_address();
        let told = self.told_address(context);
        if for_ipv4 && told.is_none() && here.as_ref().is_ok_and(SocketAddr::is_ipv6) {
            let event = SessionEvent::Listening(Err(NoListener::Ipv4));
            return self.notify(event, context);
        }
        let lending = here.and_then(|here| self.try_to_borrow(here, told, has_waited, context));
        match lending {
            Ok(Lending::Port(lease, mut address)) => {
                let is_new = self.data().port() != PassivePort::Lent(lease);
                self.data().listen(PassivePort::Lent(lease));
                // Asking again and again keeps no port from others.
                if is_new || !context.io.passive_pool.is_wanted(lease) {
                    self.restart_arrival_clock(context);
                }
                if let Some(told) = told {
                    address.set_ip(told);
                }
                self.notify(SessionEvent::Listening(Ok(address)), context);
            }
            Ok(Lending::Queued) => {
                self.data().listen(PassivePort::Queued { for_ipv4 });
                if !has_waited {
                    self.restart_arrival_clock(context);
                    self.notify(SessionEvent::PortAwaited, context);
                    if self.phase == Phase::HalfOpen && !self.has_quit() {
                        self.converse(context, Session::input_ended);
                    }
                }
            }
            Err(error) => {
                if has_waited {
                    self.lose_link(context);
                }
                self.has_no_port(&of_listening(&error, &"a port of passive.ports"), context);
            }
        }
        self.return_port(context);
    }

    fn try_to_borrow(
        &mut self,
        here: SocketAddr,
        told: Option<IpAddr>,
        has_waited: bool,
        context: &mut LoopContext,
    ) -> io::Result<Lending> {
        let known = told.unwrap_or_else(|| here.ip());
        // It may come from a PROXY header, or from an inherited socket.
        if !is_unicast(known) {
            let text = format!("no client can connect to {known}; set passive.address");
            return Err(io::Error::other(text));
        }
        let borrower = Borrower {
            key: self.key(),
            claimant: self.claimant(context),
            held: self.data().port().lease(),
            has_waited,
        };
        let io = &mut context.io;
        io.passive_pool.lend(here, borrower, io.network.as_mut())
    }

    fn claimant(&self, context: &LoopContext) -> Claimant {
        let acceptor = context.policy.acceptor.as_ref();
        let must_resume = acceptor.is_some_and(Acceptor::requires_session);
        let tag = self
            .tag
            .filter(|_| must_resume && self.session.protects_data());
        match tag {
            _ if self.session.allows_fxp() => Claimant::ANY,
            Some(tag) => Claimant::resuming(self.peer().ip(), tag),
            None => Claimant::only(self.peer().ip()),
        }
    }

    fn has_no_port(&mut self, why: &dyn Display, context: &mut LoopContext) {
        let text = format_args!("Cannot listen for a data connection: {why}");
        self.log_once(Repeated::NoPassivePort, Level::Warn, text);
        self.notify(SessionEvent::Listening(Err(NoListener::Port)), context);
    }

    /// Gives back a passive port at which the link does not wait any more, however that came about.
    pub(super) fn return_port(&mut self, context: &mut LoopContext) {
        let data = self.data.as_deref();
        let needed = data.map_or(PassivePort::Unused, DataChannel::port);
        let key = self.key();
        let Some(mode) = &mut self.passive else {
            debug_assert_eq!(needed, PassivePort::Unused);
            return;
        };
        let pool = &mut context.io.passive_pool;
        match mem::replace(&mut mode.port, needed) {
            had if had == needed => {}
            PassivePort::Unused => {}
            PassivePort::Queued { .. } => pool.queue.leave(key),
            PassivePort::Lent(lease) => {
                let time = context.policy.settings.timings.data_connect;
                pool.give_back(lease, key, context.now + time.min(LATE_CONNECTION));
            }
        }
    }

    /// Takes the client's connection if it has arrived, even without an event yet.
    pub(super) fn accept_client(&mut self, context: &mut LoopContext) {
        let Some(lease) = self.data().port().lease() else {
            return;
        };
        context.accept_at(lease.listener);
        context.io.passive_pool.keep_ready(lease.listener);
        if let Some(stream) = context.io.passive_pool.take_arrived(lease, self.key()) {
            self.client_arrived(stream, context);
        }
    }

    /// The client has connected to its passive port.
    pub(super) fn client_arrived(
        &mut self,
        mut stream: Box<dyn Stream>,
        context: &mut LoopContext,
    ) {
        debug_assert!(self.data().is_listening(), "the port was given back");
        stream.rename(SocketRole::Data(self.key()).to_token());
        self.data().open_link(stream);
        self.watch_ends(context);
    }

    /// Other sessions wait for the port.
    pub(super) fn hurry(&mut self, context: &LoopContext) {
        if self.data.as_deref().is_some_and(DataChannel::is_listening) {
            let until = context.now + PASSIVE_TURN;
            self.deadlines.hasten(Deadline::Arrival, until);
            self.deadlines.hasten(Deadline::DataConnect, until);
        }
    }

    /// The client has not connected in time, or there was no port in time. Once a transfer is begun, the
    /// transfer's own deadline counts, unless others wait for the port.
    pub(super) fn give_up_listening(&mut self, context: &mut LoopContext) {
        // It may have connected at the last moment.
        self.accept_client(context);
        let is_at_rest = self.data().is_at_rest();
        match self.data().port() {
            PassivePort::Unused => {}
            PassivePort::Queued { .. } => {
                self.lose_link(context);
                self.has_no_port(
                    &"each is taken for the client's address (passive.ports)",
                    context,
                );
            }
            PassivePort::Lent(lease) if context.io.passive_pool.may_have(lease) => {
                // What identifies it has a deadline of its own.
                let until = context.now + context.policy.settings.timings.handshake;
                self.deadlines.set(Deadline::Arrival, until);
            }
            PassivePort::Lent(lease) if !is_at_rest => {
                if context.io.passive_pool.is_wanted(lease) {
                    self.fail_to_connect(context);
                }
            }
            PassivePort::Lent(_) => {
                let text = format_args!("No client connected to the passive port in time");
                self.log_once(Repeated::PassiveUnused, Level::Info, text);
                self.lose_link(context);
            }
        }
    }

    /// Clears the deadline of a port that is gone, however it went.
    pub(super) fn clear_unused_deadlines(&mut self) {
        let mode = self.passive.as_deref();
        if mode.is_none_or(|mode| mode.port == PassivePort::Unused) {
            self.deadlines.clear(Deadline::Arrival);
        }
    }

    fn restart_arrival_clock(&mut self, context: &LoopContext) {
        let until = context.now + context.policy.settings.timings.data_connect;
        self.deadlines.set(Deadline::Arrival, until);
    }

    fn local_address(&mut self) -> io::Result<SocketAddr> {
        if let Some(mode) = &self.passive {
            return Ok(mode.here);
        }
        let here = self.stream.local_address()?;
        self.passive = Some(Box::new(PassiveMode {
            here,
            port: PassivePort::Unused,
        }));
        Ok(here)
    }

    /// The address to advertise instead of the local one. Only PASV advertises one, and so only IPv4.
    fn told_address(&self, context: &mut LoopContext) -> Option<IpAddr> {
        if self.peer().is_ipv6() {
            return None;
        }
        let set = context
            .policy
            .passive_addresses
            .of(self.peer().ip(), context.now);
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
