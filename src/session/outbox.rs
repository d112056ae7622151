//! The queue of encoded replies of one control connection, in the order of the commands.
//!
//! The replies of one turn are collected and written at once. The buffer is borrowed for the turn from a
//! scratch buffer that all connections share; between turns a session owns only its unsent bytes.

use crate::limits::OUTBOX_BYTES;
use crate::protocol::reply::Reply;

/// Encoded replies, oldest first. An empty outbox allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    written: usize,
    /// The code of the last final reply, until it is taken.
    last: Option<u16>,
    /// The offset in `bytes` of the text of the last reply.
    last_text: usize,
}

impl Outbox {
    /// Takes `scratch` as the buffer, and copies the unsent bytes into it.
    pub fn attach(&mut self, scratch: &mut Vec<u8>) {
        let mut storage = std::mem::take(scratch);
        storage.clear();
        storage.extend_from_slice(self.unsent());
        self.bytes = storage;
        self.written = 0;
    }

    /// Returns the buffer and keeps only the unsent bytes, in a buffer of their size.
    pub fn detach(&mut self, scratch: &mut Vec<u8>) {
        let kept = self.unsent().to_vec();
        *scratch = std::mem::replace(&mut self.bytes, kept);
        self.written = 0;
    }

    /// Appends a reply.
    pub fn reply(&mut self, reply: &Reply) {
        // Three digits and a separator precede the text.
        self.last_text = self.bytes.len() + 4;
        if !reply.is_preliminary() {
            self.last = Some(reply.code);
        }
        reply.write_to(&mut self.bytes);
    }

    /// Takes the code of the last final reply since the previous call.
    pub const fn take_final_code(&mut self) -> Option<u16> {
        self.last.take()
    }

    /// The code of the last final reply, without taking it.
    pub const fn final_code(&self) -> Option<u16> {
        self.last
    }

    /// The first line of the last reply of this turn. Empty once that has been written.
    pub fn last_text(&self) -> &[u8] {
        // Out of range once the outbox has been written or attached to a shorter buffer.
        let text = self.bytes.get(self.last_text..).unwrap_or_default();
        // `split` yields at least one item.
        text.split(|&byte| byte == b'\r').next().unwrap_or_default()
    }

    /// Appends a Telnet command.
    pub fn telnet(&mut self, command: [u8; 3]) {
        self.bytes.extend_from_slice(&command);
    }

    /// The bytes that have not been written yet.
    pub fn unsent(&self) -> &[u8] {
        debug_assert!(self.written <= self.bytes.len());
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// Removes the first `count` unsent bytes, which have been written.
    pub fn wrote(&mut self, count: usize) {
        self.written = (self.written + count).min(self.bytes.len());
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.written = 0;
        }
    }

    /// Discards the unsent bytes.
    pub fn clear(&mut self) {
        self.wrote(self.bytes.len());
    }

    /// Whether nothing is unsent.
    pub fn is_empty(&self) -> bool {
        self.unsent().is_empty()
    }

    /// Whether commands must wait until the client has read some replies (backpressure).
    pub fn is_full(&self) -> bool {
        self.unsent().len() >= OUTBOX_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsent_replies_survive_detach() {
        let mut scratch = Vec::with_capacity(64);
        let mut outbox = Outbox::default();
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
    fn outbox_is_full_at_limit() {
        let mut outbox = Outbox::default();
        let mut scratch = vec![b'x'; OUTBOX_BYTES - 1];
        outbox.bytes.append(&mut scratch);
        assert!(!outbox.is_full());
        outbox.bytes.push(b'x');
        assert!(outbox.is_full());
        outbox.wrote(1);
        assert!(!outbox.is_full());
    }
}
