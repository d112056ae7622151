//! Who an event, a deadline or a completion is for, in one word.
//!
//! A slab index is used again as soon as its connection is gone; what was on its way to the old
//! one must not reach the new. So each connection gets a new generation, and a [`Key`] that
//! holds both. A [`Token`] is a key and which of the connection's sockets is meant; everything
//! fits a `usize`, on 32 bits too.

use crate::net::Token;

const ROLE_BITS: u32 = 2;
const INDEX_BITS: u32 = if usize::BITS >= 64 { 24 } else { 14 };
const GENERATION_BITS: u32 = usize::BITS - ROLE_BITS - INDEX_BITS;

/// The most connections that can be told apart.
pub(super) const INDICES: usize = (1 << INDEX_BITS) - 1;

/// A connection: its index and its generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(usize);

/// Which socket an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketRole {
    /// The control connection.
    Control(Key),
    /// The passive listener of a connection.
    Passive(Key),
    /// The data connection.
    Data(Key),
    /// One of the server's listeners, by its number.
    Listener(usize),
}

impl Key {
    /// Of no connection: what it is given to comes back to nobody.
    pub(super) const NONE: Self = Self(usize::MAX >> ROLE_BITS);

    pub(super) const fn new(generation: usize, index: usize) -> Self {
        let generation = generation & ((1 << GENERATION_BITS) - 1);
        Self((generation << INDEX_BITS) | index)
    }

    pub(super) const fn index(self) -> usize {
        self.0 & INDICES
    }

    /// For a job, which gives it back.
    pub(super) const fn to_owner(self) -> usize {
        self.0
    }

    pub(super) const fn from_owner(owner: usize) -> Self {
        Self(owner)
    }
}

impl SocketRole {
    pub(super) const fn to_token(self) -> Token {
        Token(match self {
            Self::Control(key) => key.0 << ROLE_BITS,
            Self::Passive(key) => (key.0 << ROLE_BITS) | 1,
            Self::Data(key) => (key.0 << ROLE_BITS) | 2,
            Self::Listener(number) => (number << ROLE_BITS) | 3,
        })
    }

    pub(super) const fn from_token(token: Token) -> Self {
        let key = Key(token.0 >> ROLE_BITS);
        match token.0 & 3 {
            0 => Self::Control(key),
            1 => Self::Passive(key),
            2 => Self::Data(key),
            _ => Self::Listener(key.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_as_they_went() {
        let key = Key::new(77, 5);
        for source in [
            SocketRole::Control(key),
            SocketRole::Passive(key),
            SocketRole::Data(key),
            SocketRole::Listener(3),
        ] {
            assert_eq!(SocketRole::from_token(source.to_token()), source);
        }
    }

    #[test]
    fn generations_tell_the_users_of_one_slot_apart() {
        assert_ne!(Key::new(1, 9), Key::new(2, 9));
        assert_eq!(Key::new(1, 9).index(), 9);
        let last = Key::new(usize::MAX, INDICES - 1);
        assert_ne!(last, Key::NONE);
        assert_eq!(last.index(), INDICES - 1);
    }
}
