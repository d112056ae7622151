//! Storage for TLS sessions, which binds each to a control connection.
//!
//! Every ticket, and every session stored here for clients without tickets, begins with the
//! [`SessionTag`] of its control connection. Both are encrypted or local, so that the client cannot
//! change the tag: a resumed session identifies the control connection, in TLS 1.2 and 1.3 alike. A
//! ticket can be used more than once, since some clients use one for the whole session.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::crypto::SecureRandom;
use rustls::crypto::ring::Ticketer;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

use super::client_hello::{NoOffers, Offers, message};
use crate::limits::{TLS_OFFERS_READ, TLS_SESSIONS_KEPT};

const TAG_BYTES: usize = 16;

/// A random, secret number that identifies the control connection of a TLS session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTag([u8; TAG_BYTES]);

impl SessionTag {
    pub(super) fn random(source: &dyn SecureRandom) -> io::Result<Self> {
        let mut bytes = [0; TAG_BYTES];
        source
            .fill(&mut bytes)
            .map_err(|_| io::Error::other("the system's random number generator failed"))?;
        Ok(Self(bytes))
    }
}

/// The sessions of one server. It outlives a change of the certificate.
pub(super) struct SessionStore {
    tickets: Arc<dyn ProducesTickets>,
    stored: Arc<dyn StoresServerSessions>,
}

impl SessionStore {
    pub(super) fn new() -> Result<Self, rustls::Error> {
        Ok(Self {
            tickets: Ticketer::new()?,
            stored: ServerSessionMemoryCache::new(TLS_SESSIONS_KEPT),
        })
    }

    /// The control connections whose sessions a client offers to resume. `None` if its `ClientHello` is
    /// incomplete; none if it is unreadable, since its handshake cannot succeed.
    pub(super) fn offered(&self, received: &[u8]) -> Option<Vec<SessionTag>> {
        let message = match message(received) {
            Ok(message) => message,
            Err(NoOffers::Incomplete) => return None,
            Err(NoOffers::Unreadable) => return Some(Vec::new()),
        };
        let offers = Offers::read(&message, TLS_OFFERS_READ).unwrap_or_default();
        let stored = self.stored.get(offers.session_id);
        let tickets = offers.tickets.into_iter();
        let tickets = tickets.filter_map(|ticket| self.tickets.decrypt(ticket));
        let found = stored.into_iter().chain(tickets);
        Some(
            found
                .filter_map(|value| split_tag(&value).map(|(tag, _)| tag))
                .collect(),
        )
    }
}

/// The tag in front of a session.
fn split_tag(value: &[u8]) -> Option<(SessionTag, &[u8])> {
    let (tag, value) = value.split_first_chunk()?;
    Some((SessionTag(*tag), value))
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore").finish_non_exhaustive()
    }
}

/// Which sessions a connection may resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// All sessions of this server.
    Any,
    /// The sessions of its own control connection.
    Own,
}

/// The session that a client has offered to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    Nothing = 0,
    /// Expired, or from another server.
    Unknown = 1,
    /// Of another control connection.
    Foreign = 2,
    Own = 3,
}

/// The session storage of one connection, for rustls. The sessions that it creates carry its tag.
pub(super) struct Binding {
    sessions: Arc<SessionStore>,
    tag: SessionTag,
    scope: Scope,
    offer: AtomicU8,
}

impl Binding {
    pub(super) fn new(sessions: Arc<SessionStore>, tag: SessionTag, scope: Scope) -> Self {
        Self {
            sessions,
            tag,
            scope,
            offer: AtomicU8::new(Offer::Nothing as u8),
        }
    }

    /// The best session that the client has offered.
    pub(super) fn offer(&self) -> Offer {
        match self.offer.load(Ordering::Relaxed) {
            0 => Offer::Nothing,
            1 => Offer::Unknown,
            2 => Offer::Foreign,
            _ => Offer::Own,
        }
    }

    fn tagged(&self, value: &[u8]) -> Vec<u8> {
        [&self.tag.0, value].concat()
    }

    /// Strips the tag, and records the offer; `None` if this connection may not resume the session.
    fn untagged(&self, found: Option<&[u8]>) -> Option<Vec<u8>> {
        let found = found.and_then(split_tag);
        let offer = match found {
            None => Offer::Unknown,
            Some((tag, _)) if tag == self.tag => Offer::Own,
            Some(_) => Offer::Foreign,
        };
        self.offer.fetch_max(offer as u8, Ordering::Relaxed);
        let (_, value) = found?;
        (offer == Offer::Own || self.scope == Scope::Any).then(|| value.to_vec())
    }
}

impl ProducesTickets for Binding {
    fn enabled(&self) -> bool {
        self.sessions.tickets.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.sessions.tickets.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.sessions.tickets.encrypt(&self.tagged(plain))
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.untagged(self.sessions.tickets.decrypt(cipher).as_deref())
    }
}

impl StoresServerSessions for Binding {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.sessions.stored.put(key, self.tagged(&value))
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.untagged(self.sessions.stored.get(key).as_deref())
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.untagged(self.sessions.stored.take(key).as_deref())
    }

    fn can_cache(&self) -> bool {
        self.sessions.stored.can_cache()
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binding")
            .field("scope", &self.scope)
            .field("offer", &self.offer())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(sessions: &Arc<SessionStore>, tag: u8, scope: Scope) -> Binding {
        Binding::new(Arc::clone(sessions), SessionTag([tag; TAG_BYTES]), scope)
    }

    #[test]
    fn session_is_resumed_only_by_its_own_connection() {
        let sessions = Arc::new(SessionStore::new().unwrap());
        let maker = binding(&sessions, 1, Scope::Own);
        // Without these, rustls would store neither tickets nor sessions.
        assert!(maker.enabled() && maker.can_cache());
        let ticket = maker.encrypt(b"session").unwrap();
        assert!(maker.put(b"id".to_vec(), b"session".to_vec()));
        for (tag, scope, may, offer) in [
            (1, Scope::Own, true, Offer::Own),
            (2, Scope::Own, false, Offer::Foreign),
            (2, Scope::Any, true, Offer::Foreign),
        ] {
            let one = binding(&sessions, tag, scope);
            assert_eq!(one.offer(), Offer::Nothing);
            assert_eq!(one.decrypt(&ticket).is_some(), may);
            assert_eq!(one.get(b"id").is_some(), may);
            assert!(maker.put(b"once".to_vec(), b"session".to_vec()));
            assert_eq!(one.take(b"once").is_some(), may);
            assert_eq!(one.take(b"once"), None);
            assert_eq!(one.offer(), offer);
        }
    }

    #[test]
    fn unreadable_ticket_is_unknown_and_own_offer_wins() {
        let sessions = Arc::new(SessionStore::new().unwrap());
        let one = binding(&sessions, 1, Scope::Own);
        let ticket = one.encrypt(b"session").unwrap();
        assert_eq!(one.decrypt(b"not a ticket"), None);
        assert_eq!(one.offer(), Offer::Unknown);
        assert_eq!(one.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(one.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(one.decrypt(b"not a ticket"), None);
        assert_eq!(one.offer(), Offer::Own);
    }
}
