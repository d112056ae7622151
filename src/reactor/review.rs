//! After a reload: would each client that is connected be let in again?
//!
//! A few connections are looked at in each iteration, because a certificate may have to be verified for
//! one, and meanwhile the loop does not sleep; those that have something to do are looked at first, so
//! that no command is executed by the old rules. Another reload begins again. What a login cannot see is
//! decided here (the address, the proxy, the certificate), everything else by the session.

use super::Reactor;
use super::connection::Connection;
use super::context::LoopContext;
use super::key::Key;
use crate::auth::{Denial, Revocation, RevokedSessions};
use crate::limits::REVIEWS_PER_PASS;
use crate::net::ClientStanding;

impl Reactor {
    /// The rules have changed.
    pub(super) fn begin_review(&mut self) {
        self.review = match self.context.settings.revoked_sessions {
            RevokedSessions::Keep => None,
            RevokedSessions::End => Some(0),
        };
    }

    /// Looks at some more of those that were connected then, if not at all of them already.
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
        self.review = (to < self.connections.slots()).then_some(to);
    }

    /// A connection is about to have its turn: that is not for what was allowed before.
    pub(super) fn review_early(&mut self, key: Key) {
        if self.review.is_some_and(|from| key.index() >= from) {
            self.review_one(key);
        }
    }

    fn review_one(&mut self, key: Key) {
        let Some(client) = self.connections.get_mut(key).map(|one| one.peer) else {
            return;
        };
        let is_allowed = self.admission.allows(client.ip());
        self.visit(key, |connection, context| {
            connection.review(is_allowed, context);
            Ok(())
        });
    }
}

impl Connection {
    /// Goes on with what the client may do from now on, or ends.
    fn review(&mut self, is_allowed: bool, context: &mut LoopContext) {
        if !self.is_known() || self.session.is_closing() {
            return;
        }
        let reviewed = self.standing(is_allowed, context).and_then(|standing| {
            let is_certified = standing == ClientStanding::Verified;
            let (settings, now) = (&context.settings, context.unix_time);
            self.session.review(settings, is_certified, now)
        });
        match reviewed {
            Ok(None) => {}
            Ok(Some(account)) => match context.storage_of(&account).cloned() {
                Some(storage) => {
                    self.storage = storage;
                    self.converse(context, |session, cx| session.renew(account, cx));
                }
                None => self.revoke(Revocation::Denied(Denial::Disabled), context),
            },
            Err(why) => self.revoke(why, context),
        }
    }

    /// What holds before any login.
    fn standing(
        &self,
        is_allowed: bool,
        context: &LoopContext,
    ) -> Result<ClientStanding, Revocation> {
        let proxy = self.proxied.as_ref().map(|proxied| proxied.proxy);
        match self.client_standing(context) {
            _ if !is_allowed => Err(Revocation::Address),
            _ if proxy.is_some_and(|proxy| !context.is_proxy(proxy)) => Err(Revocation::Proxy),
            ClientStanding::Refused => Err(Revocation::Certificate),
            standing => Ok(standing),
        }
    }

    /// What the client's certificate is worth, by the authority that counts now.
    pub(super) fn client_standing(&self, context: &LoopContext) -> ClientStanding {
        match (&context.acceptor, self.stream.security()) {
            (Some(acceptor), Some(security)) => acceptor.standing(security),
            _ => ClientStanding::Unknown,
        }
    }

    pub(super) fn revoke(&mut self, why: Revocation, context: &mut LoopContext) {
        self.converse(context, |session, cx| session.revoke(why, cx));
    }
}
