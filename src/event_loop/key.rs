//! Names for connections that are never reused, and the tokens of their sockets.
//!
//! A slab index is reused as soon as its slot is free, and what was on its way to the previous user of the
//! slot must not reach the next. A [`Key`] is the index and a generation; a [`Token`] is a key and a role,
//! a small number that tells the sockets of one connection apart. Both fit a `usize`, on 32 bits too.

const ROLE_BITS: u32 = 2;
const INDEX_BITS: u32 = if usize::BITS >= 64 { 24 } else { 14 };
const GENERATION_BITS: u32 = usize::BITS - ROLE_BITS - INDEX_BITS;

/// The number of slots that a [`Key`] can tell apart: 16,777,215, or 16,383 on 32 bits.
pub const MAX_SLOTS: usize = (1 << INDEX_BITS) - 1;

/// A slot and its generation. The generation wraps: after 2^38 connections (2^16 on 32 bits) a key is
/// issued again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(usize);

/// What a socket is registered under, and what its events carry.
///
/// The two largest values are reserved for the poller (its waker and signals).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

impl Key {
    /// Names no connection: a job submitted with it is detached.
    pub const NONE: Self = Self(usize::MAX >> ROLE_BITS);

    /// The key of a slot. The generation is truncated to its bits; `index` must be below [`MAX_SLOTS`].
    pub const fn new(generation: usize, index: usize) -> Self {
        debug_assert!(index < MAX_SLOTS, "the index does not fit a key");
        let generation = generation & ((1 << GENERATION_BITS) - 1);
        Self((generation << INDEX_BITS) | index)
    }

    /// The slot.
    pub const fn index(self) -> usize {
        self.0 & MAX_SLOTS
    }

    /// The key as a number, for a layer that hands it back without knowing keys.
    pub const fn to_bits(self) -> usize {
        self.0
    }

    /// The key of a number that [`to_bits`](Self::to_bits) returned.
    pub const fn from_bits(bits: usize) -> Self {
        Self(bits)
    }
}

impl Token {
    /// The token of a connection's socket; `role` is below 4.
    pub const fn new(key: Key, role: usize) -> Self {
        debug_assert!(role >> ROLE_BITS == 0, "the role does not fit a token");
        Self((key.0 << ROLE_BITS) | role)
    }

    /// The connection that the socket belongs to.
    pub const fn key(self) -> Key {
        Key(self.0 >> ROLE_BITS)
    }

    /// Which of the connection's sockets it is.
    pub const fn role(self) -> usize {
        self.0 & ((1 << ROLE_BITS) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_round_trips_key_and_role() {
        let key = Key::new(77, 5);
        for role in 0..4 {
            let token = Token::new(key, role);
            assert_eq!((token.key(), token.role()), (key, role));
        }
    }

    #[test]
    fn generation_distinguishes_users_of_one_slot() {
        assert_ne!(Key::new(1, 9), Key::new(2, 9));
        assert_eq!(Key::new(1, 9).index(), 9);
        let last = Key::new(usize::MAX, MAX_SLOTS - 1);
        assert_ne!(last, Key::NONE);
        assert_eq!(last.index(), MAX_SLOTS - 1);
    }
}
