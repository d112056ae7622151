//! The queue of encoded replies of one control connection, in the order of the commands.
//!
//! The replies of one turn are collected and written at once. For the turn the buffer is borrowed from one
//! that all connections share; between turns a connection owns only its unsent bytes, if there are any.

use std::mem;

use crate::limits::OUTBOX_BYTES;
use crate::protocol::reply::Reply;

/// Encoded replies, oldest first. An empty outbox allocates nothing.
#[derive(Debug, Default)]
pub struct Outbox(Option<Box<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    written: usize,
    /// The code of the last final reply of this turn, until it is taken.
    last: Option<u16>,
    /// The offset in `bytes` of the text of the last reply.
    last_text: usize,
}

impl Queue {
    fn unsent(&self) -> &[u8] {
        debug_assert!(self.written <= self.bytes.len());
        self.bytes.get(self.written..).unwrap_or_default()
    }
}

impl Outbox {
    /// The size of its box, for the total memory of a connection.
    #[cfg(test)]
    pub(crate) const BOXED_BYTES: usize = size_of::<Queue>();

    /// An outbox to lend to others.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Some(Box::new(Queue {
            bytes: Vec::with_capacity(bytes),
            ..Queue::default()
        })))
    }

    /// Borrows the buffer of `scratch`, which must be empty, and copies the unsent bytes into it.
    pub fn attach(&mut self, scratch: &mut Self) {
        debug_assert!(scratch.is_empty(), "attach to an outbox in use");
        if let Some(kept) = mem::replace(&mut self.0, scratch.0.take()) {
            self.queue().bytes.extend_from_slice(kept.unsent());
        }
    }

    /// Returns the buffer to `scratch`, and keeps only the unsent bytes, in a buffer of their size.
    pub fn detach(&mut self, scratch: &mut Self) {
        let kept = (!self.is_empty()).then(|| {
            Box::new(Queue {
                bytes: self.unsent().to_vec(),
                ..Queue::default()
            })
        });
        scratch.0 = mem::replace(&mut self.0, kept);
        scratch.clear();
        let _ = scratch.take_final_code();
    }

    /// Appends a reply.
    pub fn reply(&mut self, reply: &Reply) {
        let queue = self.queue();
        // Three digits and a separator precede the text.
        queue.last_text = queue.bytes.len() + 4;
        if !reply.is_preliminary() {
            queue.last = Some(reply.code);
        }
        reply.write_to(&mut queue.bytes);
    }

    /// Takes the code of the last final reply of this turn since the previous call.
    pub fn take_final_code(&mut self) -> Option<u16> {
        self.0.as_mut()?.last.take()
    }

    /// The code of the last final reply, without taking it.
    pub fn final_code(&self) -> Option<u16> {
        self.0.as_ref()?.last
    }

    /// The first line of the last reply of this turn. Empty once that has been written.
    pub fn last_text(&self) -> &[u8] {
        let queue = self.0.as_ref();
        // Out of range once the outbox has been written.
        let text = queue.and_then(|queue| queue.bytes.get(queue.last_text..));
        // `split` yields at least one item.
        let mut lines = text.unwrap_or_default().split(|&byte| byte == b'\r');
        lines.next().unwrap_or_default()
    }

    /// Appends a Telnet command.
    pub fn telnet(&mut self, command: [u8; 3]) {
        self.queue().bytes.extend_from_slice(&command);
    }

    /// The bytes that have not been written yet.
    pub fn unsent(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], |queue| queue.unsent())
    }

    /// Removes the first `count` unsent bytes, which have been written.
    pub fn wrote(&mut self, count: usize) {
        let Some(queue) = &mut self.0 else {
            return;
        };
        queue.written = (queue.written + count).min(queue.bytes.len());
        if queue.written == queue.bytes.len() {
            queue.bytes.clear();
            queue.written = 0;
        }
    }

    /// Discards the unsent bytes.
    pub fn clear(&mut self) {
        self.wrote(self.unsent().len());
    }

    /// Whether nothing is unsent.
    pub fn is_empty(&self) -> bool {
        self.unsent().is_empty()
    }

    /// Whether commands must wait until the client has read some replies (backpressure).
    pub fn is_full(&self) -> bool {
        self.unsent().len() >= OUTBOX_BYTES
    }

    fn queue(&mut self) -> &mut Queue {
        self.0.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsent_replies_survive_detach() {
        let mut scratch = Outbox::with_capacity(64);
        let mut outbox = Outbox::default();
        outbox.attach(&mut scratch);
        outbox.reply(&Reply::ok());
        outbox.reply(&Reply::syntax_error());
        outbox.wrote(4);
        outbox.detach(&mut scratch);
        assert!(scratch.is_empty() && scratch.queue().bytes.capacity() >= 64);
        outbox.attach(&mut scratch);
        let expected = b"Command okay.\r\n500 Syntax error, command unrecognized.\r\n";
        assert_eq!(outbox.unsent(), expected);
        outbox.wrote(expected.len());
        assert!(outbox.is_empty());
        outbox.detach(&mut scratch);
        assert!(outbox.0.is_none() && scratch.final_code().is_none());
    }

    #[test]
    fn outbox_is_full_at_limit() {
        let mut outbox = Outbox::default();
        outbox.queue().bytes = vec![b'x'; OUTBOX_BYTES - 1];
        assert!(!outbox.is_full());
        outbox.queue().bytes.push(b'x');
        assert!(outbox.is_full());
        outbox.wrote(1);
        assert!(!outbox.is_full());
    }
}
