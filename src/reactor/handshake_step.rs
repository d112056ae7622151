//! A step of a TLS handshake on a worker: how its TLS state is lent, and taken back.
//!
//! A step may cost a signature, and so the loop computes none. It keeps the socket, and nothing goes over it
//! meanwhile. The [`HandshakeQueue`](super::handshake_queue) says when a worker may have the step, and its
//! ticket which step a completion is of. A connection or a link that is closed meanwhile forgets its ticket,
//! and the TLS state that comes back is dropped.

use std::io;
use std::mem;
use std::sync::Arc;

use super::Reactor;
use super::close_reason::CloseReason;
use super::connection::{AwaitedStep, Connection, Handshake, Phase, Switch};
use super::context::LoopContext;
use super::turn::TurnResult;
use crate::auth::ClientPrefix;
use crate::event_loop::Key;
use crate::metrics::Since;
use crate::net::Channel;
use crate::net::tls::Security;
use crate::workers::{JobId, Work};

/// What a worker returns: the TLS state, and whether the step has succeeded; `None` after a panic.
type Computed = Option<(Box<Security>, io::Result<()>)>;

impl Reactor {
    /// Gives workers the steps of TLS handshakes that had to wait for others of the same client prefix.
    pub(super) fn start_handshakes(&mut self, prefix: ClientPrefix) {
        while let Some(id) = self.context.limiters.handshakes.next(prefix) {
            let connection = self.connections.get_mut(Key::from_bits(id.owner));
            let is_wanted = connection.is_some_and(|one| one.lend(id, &mut self.context));
            if !is_wanted {
                self.context.limiters.handshakes.end(id);
            }
        }
    }
}

impl Connection {
    /// The control connection waits for a step. Its time is the server's: the client's time-out is paused.
    pub(super) fn await_step(&mut self, began: Since, context: &mut LoopContext) {
        let (id, is_running) = self.enter_step(context);
        self.phase = Phase::Computing(Box::new(AwaitedStep {
            ticket: id.ticket,
            began,
            left: self.deadlines.pause(context.now),
        }));
        if is_running {
            self.lend(id, context);
        }
    }

    /// As [`await_step`](Self::await_step), for the data connection. No command waits for it yet, so no
    /// time-out is set.
    pub(super) fn await_early_step(&mut self, channel: Channel, context: &mut LoopContext) {
        let (id, is_running) = self.enter_step(context);
        self.data().compute(channel, id.ticket);
        if is_running {
            self.lend(id, context);
        }
    }

    fn enter_step(&self, context: &mut LoopContext) -> (JobId, bool) {
        let prefix = ClientPrefix::of(self.peer().ip());
        context.limiters.handshakes.enter(self.key(), prefix)
    }

    /// Gives a step to a worker; returns false if it is no longer wanted.
    pub(super) fn lend(&mut self, id: JobId, context: &mut LoopContext) -> bool {
        let channel = match &self.phase {
            Phase::Computing(step) if step.ticket == id.ticket => Some(&mut self.stream),
            _ => self
                .data
                .as_deref_mut()
                .and_then(|data| data.computing(id.ticket)),
        };
        let Some(security) = channel.and_then(Channel::lend) else {
            return false;
        };
        context.submit(id, Arc::clone(&self.storage), Work::Handshake(security));
        true
    }

    /// A worker has computed a step: sends what it has come to, and goes on.
    pub(super) fn take_back(
        &mut self,
        id: JobId,
        computed: Computed,
        context: &mut LoopContext,
    ) -> TurnResult {
        if computed.is_none() {
            log::error!("{}: A TLS handshake panicked; this is a bug", self.peer());
        }
        if let Phase::Computing(step) = &mut self.phase
            && step.ticket == id.ticket
        {
            let left = mem::take(&mut step.left);
            let handshake = Handshake {
                switch: Switch::Secure,
                began: step.began,
            };
            self.deadlines.resume(left, context.now);
            self.phase = Phase::Handshaking(handshake);
            let (security, computed) = computed.ok_or(CloseReason::Panicked)?;
            self.stream.give_back(security);
            // A session that ends has no use for TLS but for an alert.
            if self.session.is_closing() {
                return Ok(None);
            }
            let step = computed.and_then(|()| self.stream.exchange());
            return self.go_on_with_handshake(handshake, step, context);
        }
        let data = self.data.as_deref_mut();
        if let Some(mut channel) = data.and_then(|data| data.take_computed(id.ticket)) {
            match computed {
                Some((security, computed)) => {
                    channel.give_back(security);
                    let step = computed.and_then(|()| channel.exchange());
                    self.go_on_with_early_handshake(channel, step, context);
                }
                None => self.data().fail_link(),
            }
        }
        Ok(None)
    }
}
