//! The replies that are on their way out, as bytes, in the order of their commands.
//!
//! All replies of one turn are collected and leave in one write. The storage is lent, turn by
//! turn, from a scratch that all connections share; only what a client has not taken is kept.

use crate::limits::OUTBOX_BYTES;
use crate::protocol::reply::Reply;

/// Replies as bytes, oldest first.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    written: usize,
    /// The code of the last final reply, until that is asked for, and where its text is.
    last: Option<u16>,
    last_text: usize,
}

impl Outbox {
    /// Holds nothing and allocates nothing.
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            written: 0,
            last: None,
            last_text: 0,
        }
    }

    /// Takes `scratch` as storage, and what is unsent into it.
    pub fn attach(&mut self, scratch: &mut Vec<u8>) {
        let mut storage = std::mem::take(scratch);
        storage.clear();
        storage.extend_from_slice(self.unsent());
        self.bytes = storage;
        self.written = 0;
    }

    /// Gives the storage back and keeps only what is unsent, in a buffer of just its size.
    pub fn detach(&mut self, scratch: &mut Vec<u8>) {
        let kept = self.unsent().to_vec();
        *scratch = std::mem::replace(&mut self.bytes, kept);
        self.written = 0;
    }

    /// Puts a reply behind the others.
    pub fn reply(&mut self, reply: &Reply) {
        // Behind the code and what separates it.
        self.last_text = self.bytes.len() + 4;
        if !reply.is_preliminary() {
            self.last = Some(reply.code);
        }
        reply.write_to(&mut self.bytes);
    }

    /// The code of a final reply that has been put here since this was last asked.
    pub const fn take_final_code(&mut self) -> Option<u16> {
        self.last.take()
    }

    /// The same, without asking for it.
    pub const fn final_code(&self) -> Option<u16> {
        self.last
    }

    /// The first line of the reply that was put here last, in the same turn.
    pub fn last_text(&self) -> &[u8] {
        let text = self.bytes.get(self.last_text..).unwrap_or_default();
        text.split(|&byte| byte == b'\r').next().unwrap_or_default()
    }

    /// Puts a Telnet command between the replies.
    pub fn telnet(&mut self, command: [u8; 3]) {
        self.bytes.extend_from_slice(&command);
    }

    /// What has not been written yet.
    pub fn unsent(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// `count` more bytes have been written.
    pub fn wrote(&mut self, count: usize) {
        self.written = (self.written + count).min(self.bytes.len());
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        }
    }

    /// What is unsent will not be said.
    pub fn clear(&mut self) {
        self.wrote(self.bytes.len());
    }

    /// Whether everything has been written.
    pub fn is_empty(&self) -> bool {
        self.unsent().is_empty()
    }

    /// Whether further commands wait until the client has read some.
    pub fn is_full(&self) -> bool {
        self.unsent().len() >= OUTBOX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_leave_in_order_and_what_is_unsent_survives_the_turn() {
        let mut scratch = Vec::with_capacity(64);
        let mut outbox = Outbox::new();
        outbox.attach(&mut scratch);
        outbox.reply(&Reply::ok());
        outbox.reply(&Reply::syntax_error());
        outbox.wrote(4);
        outbox.detach(&mut scratch);
        assert!(scratch.capacity() >= 64);
        outbox.attach(&mut scratch);
        let expected = b"Command okay.\r\n500 Syntax error, command unrecognized.\r\n";
        assert_eq!(outbox.unsent(), expected);
        outbox.wrote(expected.len());
        assert!(outbox.is_empty());
    }

    #[test]
    fn it_is_full_at_its_limit_exactly() {
        let mut outbox = Outbox::new();
        let mut scratch = vec![b'x'; OUTBOX_BYTES - 1];
        outbox.bytes.append(&mut scratch);
        assert!(!outbox.is_full());
        outbox.bytes.push(b'x');
        assert!(outbox.is_full());
        outbox.wrote(1);
        assert!(!outbox.is_full());
    }
}
