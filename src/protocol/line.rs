//! The lines of a control connection, found in the bytes as they arrive (RFC 959 §5.3.1).
//!
//! A [`LineBuffer`] owns what is received and not yet consumed. Its storage is lent, so that
//! only a connection that is being read has one: an idle connection keeps the bytes of an
//! incomplete line and nothing else. It knows how lines end and how long they may be, not
//! what they say.
//!
//! A line ends at CR LF, and at a bare LF too. Where a line ends is decided before Telnet is
//! looked at, so that no Telnet sequence can swallow an end.

use std::mem;

use super::telnet;
use super::waiting_line::WaitingLine;

/// The most bytes of a line, as received, without its end.
pub const LINE_MAX: usize = 4096;

/// What [`LineBuffer::next_line`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line, without its end and without Telnet.
    Text(&'a [u8]),
    /// A line grew past [`LINE_MAX`]; all of it is thrown away, now and as it still arrives.
    TooLong,
}

/// Received bytes, and how far they have been searched for the end of a line.
#[derive(Debug, Default)]
pub struct LineBuffer {
    /// Lent while attached; otherwise exactly the kept bytes, which leave nothing to spare.
    storage: Vec<u8>,
    /// The first byte that is not consumed.
    start: usize,
    /// Behind the last received byte.
    end: usize,
    state: State,
}

/// What is known of the bytes from `start` on.
///
/// ```text
///               LF                     next_line
///   Partial ----------> Complete --------------------> Partial, and search on
///      |
///      | longer than LINE_MAX, no LF
///      v     next_line (TooLong)              LF
///   Oversized ------------------> Discarding ----> Partial
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// A line without an end, of which `searched` bytes hold no LF.
    Partial { searched: usize },
    /// A line of `length` bytes, and then a LF.
    Complete { length: usize },
    /// The line became too long, which is still to be told; its bytes are gone.
    Oversized,
    /// It has been told; the rest of that line is dropped as it comes.
    Discarding,
}

impl Default for State {
    fn default() -> Self {
        Self::Partial { searched: 0 }
    }
}

impl LineBuffer {
    /// An empty one; allocates nothing.
    pub const fn new() -> Self {
        Self {
            storage: Vec::new(),
            start: 0,
            end: 0,
            state: State::Partial { searched: 0 },
        }
    }

    /// Takes `scratch`, initialised over its whole length, as storage and leaves it empty.
    ///
    /// A scratch too short for the longest line and its end is lengthened.
    pub fn attach(&mut self, scratch: &mut Vec<u8>) {
        let mut storage = mem::take(scratch);
        let count = self.bytes().len();
        let needed = count.max(LINE_MAX + 2);
        if storage.len() < needed {
            storage.resize(needed, 0);
        }
        if let Some(front) = storage.get_mut(..count) {
            front.copy_from_slice(self.bytes());
        }
        self.storage = storage;
        self.start = 0;
        self.end = count;
    }

    /// Gives the storage back into `scratch`, which [`attach`](Self::attach) left empty.
    ///
    /// Bytes that are not consumed are kept in a vector of just their size.
    pub fn detach(&mut self, scratch: &mut Vec<u8>) {
        debug_assert!(scratch.is_empty(), "detached without being attached");
        let kept = self.bytes().to_vec();
        self.start = 0;
        self.end = kept.len();
        *scratch = mem::replace(&mut self.storage, kept);
    }

    /// Where the next bytes go; empty when the buffer is full of complete lines, or detached.
    pub fn spare(&mut self) -> &mut [u8] {
        // Moving is worth it only when it gains more room than there is; otherwise a
        // pipelining client would have the buffer moved for each of its commands.
        if self.storage.len() - self.end < self.start {
            self.storage.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.storage.get_mut(self.end..).unwrap_or_default()
    }

    /// `count` bytes were put into [`spare`](Self::spare).
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.storage.len());
        self.search();
    }

    /// Consumes the next line; `None` while more bytes are needed.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        match self.state {
            State::Partial { .. } | State::Discarding => None,
            State::Oversized => {
                self.state = State::Discarding;
                self.search();
                Some(Line::TooLong)
            }
            State::Complete { length } => {
                let first = self.start;
                self.start += length + 1;
                self.state = State::Partial { searched: 0 };
                // The bytes of the line stay where they are until the next spare().
                self.search();
                let raw = self.storage.get_mut(first..first + length)?;
                Some(decode(raw))
            }
        }
    }

    /// What Telnet wants answered before the next line is: the refusal of each option that
    /// stands in it.
    pub fn refusals(&self) -> impl Iterator<Item = [u8; 3]> {
        let raw = match self.state {
            State::Complete { length } => self.bytes().get(..length),
            State::Partial { .. } | State::Oversized | State::Discarding => None,
        };
        telnet::refusals(raw.unwrap_or_default())
    }

    /// Whether [`next_line`](Self::next_line) has something without more bytes.
    pub const fn has_line(&self) -> bool {
        matches!(self.state, State::Complete { .. } | State::Oversized)
    }

    /// Whether the next line is one that is too long.
    pub fn is_next_too_long(&self) -> bool {
        match self.state {
            State::Complete { length } => self.bytes().get(..length).is_some_and(is_too_long),
            State::Oversized => true,
            State::Partial { .. } | State::Discarding => false,
        }
    }

    /// The complete lines that wait and are not too long, oldest first, without consuming them.
    pub fn waiting(&self) -> impl Iterator<Item = WaitingLine<'_>> {
        let skipped = match self.state {
            State::Partial { .. } | State::Complete { .. } => 0,
            // What remains of the line that is too long.
            State::Oversized | State::Discarding => 1,
        };
        self.bytes()
            .split_inclusive(|&byte| byte == b'\n')
            .skip(skipped)
            .filter_map(|line| line.strip_suffix(b"\n"))
            .filter(|line| !is_too_long(line))
            .map(|line| WaitingLine::new(without_return(line)))
    }

    /// Throws away what is not consumed, and what still comes of a line that is too long.
    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
        self.state = match self.state {
            State::Partial { .. } | State::Complete { .. } => State::default(),
            State::Oversized | State::Discarding => State::Discarding,
        };
    }

    /// Whether there is nothing to consume, not even a part of a line.
    pub const fn is_empty(&self) -> bool {
        self.start == self.end && !self.has_line()
    }

    /// Bytes that are not consumed.
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    fn bytes(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_default()
    }

    /// Brings the state up to date with bytes that were not searched yet; each byte is
    /// searched once, however the client cuts its lines.
    fn search(&mut self) {
        if let State::Discarding = self.state {
            match find_line_feed(self.bytes()) {
                Some(at) => {
                    self.start += at + 1;
                    self.state = State::default();
                }
                None => self.start = self.end,
            }
        }
        if let State::Partial { searched } = self.state {
            let bytes = self.bytes();
            let fresh = bytes.get(searched..).unwrap_or_default();
            self.state = match find_line_feed(fresh) {
                Some(at) => State::Complete {
                    length: searched + at,
                },
                None if is_too_long(bytes) => State::Oversized,
                None => State::Partial {
                    searched: bytes.len(),
                },
            };
            if let State::Oversized = self.state {
                self.start = self.end;
            }
        }
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }
}

fn decode(raw: &mut [u8]) -> Line<'_> {
    let length = without_return(raw).len();
    if length > LINE_MAX {
        return Line::TooLong;
    }
    let raw = raw.get_mut(..length).unwrap_or_default();
    if !telnet::is_encoded(raw) {
        return Line::Text(raw);
    }
    let length = telnet::decode_in_place(raw);
    Line::Text(raw.get(..length).unwrap_or_default())
}

/// Whether a line that begins like this cannot be within the limit. A CR at its end may be
/// half of a CR LF and does not count.
fn is_too_long(line: &[u8]) -> bool {
    without_return(line).len() > LINE_MAX
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn find_line_feed(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n')
}

#[cfg(test)]
mod tests;
