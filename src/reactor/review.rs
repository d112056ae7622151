//! After a reload: whether each connected client would still be admitted.
//!
//! A few connections are reviewed in each iteration, because one may cost the verification of a
//! certificate, and the loop does not sleep until all are done. A connection that has a turn before is
//! reviewed first, so that no command is executed by the old rules. Another reload begins again. Address,
//! proxy and certificate are decided here, everything else by the session.

use super::Reactor;
use super::connection::Connection;
use super::context::LoopContext;
use crate::auth::{Denial, Revocation, RevokedSessions};
use crate::event_loop::Key;
use crate::limits::REVIEWS_PER_PASS;
use crate::net::ClientCertStatus;

impl Reactor {
    pub(super) fn begin_review(&mut self) {
        self.review = match self.context.policy.settings.revoked_sessions {
            RevokedSessions::Keep => None,
            RevokedSessions::End => Some(0),
        };
    }

    pub(super) fn review_some(&mut self) {
        let Some(from) = self.review else {
            return;
        };
        let to = from + REVIEWS_PER_PASS;
        for index in from..to {
            if let Some(key) = self.connections.key_at(index) {
                self.review_one(key);
            }
        }
        self.review = (to < self.connections.capacity()).then_some(to);
    }

    /// Reviews a connection that is about to have its turn, if its review is still to come.
    pub(super) fn review_early(&mut self, key: Key) {
        if self.review.is_some_and(|from| key.index() >= from) {
            self.review_one(key);
        }
    }

    fn review_one(&mut self, key: Key) {
        let Some(client) = self.connections.get_mut(key).map(|one| one.peer()) else {
            return;
        };
        let is_allowed = self.admission.allows(client.ip());
        self.tell(key, |connection, context| {
            connection.review(is_allowed, context);
        });
    }
}

impl Connection {
    /// Gives the session its new rights, or revokes it.
    fn review(&mut self, is_allowed: bool, context: &mut LoopContext) {
        if !self.is_known() || self.session.is_closing() {
            return;
        }
        let reviewed = self.standing(is_allowed, context).and_then(|standing| {
            let is_certified = standing == ClientCertStatus::Verified;
            let (settings, now) = (&context.policy.settings, context.unix_time);
            self.session.review(settings, is_certified, now)
        });
        match reviewed {
            Ok(None) => {}
            Ok(Some(account)) => match context.policy.storage_of(&account).cloned() {
                Some(storage) => {
                    self.storage = storage;
                    self.converse(context, |session, cx| session.renew(&account, cx));
                }
                None => self.revoke(Revocation::Denied(Denial::Disabled), context),
            },
            Err(why) => self.revoke(why, context),
        }
    }

    /// What the rules say of the connection itself, before any login.
    fn standing(
        &self,
        is_allowed: bool,
        context: &LoopContext,
    ) -> Result<ClientCertStatus, Revocation> {
        let proxy = self.proxied.as_ref().map(|proxied| proxied.proxy);
        match self.client_cert_status(context) {
            _ if !is_allowed => Err(Revocation::Address),
            _ if proxy.is_some_and(|proxy| !context.policy.is_proxy(proxy)) => {
                Err(Revocation::Proxy)
            }
            ClientCertStatus::Refused => Err(Revocation::Certificate),
            standing => Ok(standing),
        }
    }

    /// How the current authority judges the client's certificate.
    pub(super) fn client_cert_status(&self, context: &LoopContext) -> ClientCertStatus {
        match (&context.policy.acceptor, self.stream.security()) {
            (Some(acceptor), Some(security)) => acceptor.standing(security),
            _ => ClientCertStatus::Unknown,
        }
    }

    pub(super) fn revoke(&mut self, why: Revocation, context: &mut LoopContext) {
        self.converse(context, |session, cx| session.revoke(why, cx));
    }
}
