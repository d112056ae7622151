//! The sessions of an account, for one of them that asks (SITE WHO).
//!
//! Only the reactor sees all connections. It must not know how they are shown.

use super::Reactor;
use super::connection::Connection;
use crate::event_loop::Key;
use crate::limits::SESSIONS_SHOWN;
use crate::session::SessionEvent;

impl Reactor {
    /// Tells a session which sessions its account has. Those of other accounts are not its business.
    pub(super) fn list_sessions(&mut self, key: Key) {
        let asking = self.connections.get_mut(key);
        let Some(name) = asking.and_then(|one| one.session.account_name().map(<[u8]>::to_vec))
        else {
            return;
        };
        let is_own = |one: &&Connection| one.session.account_name() == Some(&name);
        let shown = self.connections.iter().filter(is_own).take(SESSIONS_SHOWN);
        let lines = shown.map(|one| one.session.summary()).collect();
        self.tell(key, |connection, context| {
            connection.notify(SessionEvent::SessionsListed(lines), context);
        });
    }
}
