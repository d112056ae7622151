//! The sockets of a connection, and the server's own: what a token means here.

use crate::event_loop::{Key, Token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketRole {
    /// The control connection.
    Control(Key),
    /// The passive listener of a connection.
    Passive(Key),
    /// The data connection.
    Data(Key),
    /// One of the server's listen sockets, by its number.
    Listener(usize),
}

impl SocketRole {
    pub(super) const fn to_token(self) -> Token {
        match self {
            Self::Control(key) => Token::new(key, 0),
            Self::Passive(key) => Token::new(key, 1),
            Self::Data(key) => Token::new(key, 2),
            Self::Listener(number) => Token::new(Key::from_bits(number), 3),
        }
    }

    pub(super) const fn from_token(token: Token) -> Self {
        let key = token.key();
        match token.role() {
            0 => Self::Control(key),
            1 => Self::Passive(key),
            2 => Self::Data(key),
            _ => Self::Listener(key.to_bits()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_round_trips_through_token() {
        let key = Key::new(77, 5);
        for role in [
            SocketRole::Control(key),
            SocketRole::Passive(key),
            SocketRole::Data(key),
            SocketRole::Listener(3),
        ] {
            assert_eq!(SocketRole::from_token(role.to_token()), role);
        }
    }
}
