//! Splits the bytes of a control connection into lines (RFC 959 §5.3.1).
//!
//! A [`LineBuffer`] owns the bytes that are received and not yet consumed. While the connection is read it
//! borrows a large buffer from the event loop; otherwise it keeps the bytes of an incomplete line, if there
//! are any. It knows line ends and the length limit, not commands.
//!
//! A line ends at CR LF or at a bare LF. Lines are split before Telnet is decoded, so that no
//! Telnet sequence can swallow a line end.

use std::mem;

use super::pending_line::PendingLine;
use super::telnet;

/// Maximum length of a line in bytes as received, without its end.
pub const LINE_MAX: usize = 4096;

/// The result of [`LineBuffer::next_line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line, without its end and without Telnet sequences.
    Text(&'a [u8]),
    /// A line exceeded [`LINE_MAX`]. It is dropped, and the rest of it on arrival.
    TooLong,
}

/// The received bytes of a connection; an empty one allocates nothing.
#[derive(Debug, Default)]
pub struct LineBuffer(Option<Box<Lines>>);

/// Received bytes, and how far they have been searched for a line end.
#[derive(Debug, Default)]
struct Lines {
    /// Large while attached; otherwise exactly the unconsumed bytes.
    storage: Vec<u8>,
    /// Index of the first unconsumed byte.
    start: usize,
    /// Index after the last received byte.
    end: usize,
    state: State,
}

/// The state of the bytes from `start` on.
///
/// ```text
///               LF                     next_line
///   Partial ----------> Complete --------------------> Partial, search continues
///      |
///      | longer than LINE_MAX, no LF
///      v     next_line (TooLong)              LF
///   Oversized ------------------> Discarding ----> Partial
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// An incomplete line; its first `searched` bytes contain no LF.
    Partial { searched: usize },
    /// A line of `length` bytes, followed by LF.
    Complete { length: usize },
    /// The line is too long and its bytes are dropped; `next_line` has not reported it yet.
    Oversized,
    /// `next_line` has reported it; the rest of the line is dropped on arrival.
    Discarding,
}

impl Default for State {
    fn default() -> Self {
        Self::Partial { searched: 0 }
    }
}

impl LineBuffer {
    /// The size of its box, for the total memory of a connection.
    #[cfg(test)]
    pub(crate) const BOXED_BYTES: usize = size_of::<Lines>();

    /// A buffer to lend to others.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(Some(Box::new(Lines {
            storage: vec![0; bytes.max(LINE_MAX + 2)],
            ..Lines::default()
        })))
    }

    /// Borrows the storage of `scratch`, which must be empty, and copies the unconsumed bytes into it.
    pub fn attach(&mut self, scratch: &mut Self) {
        debug_assert!(scratch.is_empty(), "attach to a buffer in use");
        if let Some(kept) = mem::replace(&mut self.0, scratch.0.take()) {
            self.lines().load(&kept);
        }
    }

    /// Returns the storage to `scratch`, from which [`attach`](Self::attach) took it. Unconsumed bytes are
    /// copied to a vector of exactly their size.
    pub fn detach(&mut self, scratch: &mut Self) {
        debug_assert!(scratch.0.is_none(), "detach without attach");
        let kept = self.0.as_mut().and_then(|lines| lines.unload());
        scratch.0 = mem::replace(&mut self.0, kept);
    }

    /// The room to receive into; empty if the buffer is full of complete lines, or detached.
    pub fn spare(&mut self) -> &mut [u8] {
        self.lines().spare()
    }

    /// Takes over `count` bytes that were written to [`spare`](Self::spare).
    pub fn filled(&mut self, count: usize) {
        self.lines().filled(count);
    }

    /// Consumes the next line; `None` if more bytes are needed. `refuse` gets the Telnet refusals to send
    /// before the reply to the line, one for each option in it.
    pub fn next_line(&mut self, refuse: impl FnMut([u8; 3])) -> Option<Line<'_>> {
        self.0.as_mut()?.next_line(refuse)
    }

    /// Whether [`next_line`](Self::next_line) returns `Some` without more bytes.
    pub fn has_line(&self) -> bool {
        self.0.as_ref().is_some_and(|lines| lines.has_line())
    }

    /// Whether [`next_line`](Self::next_line) returns [`Line::TooLong`].
    pub fn is_next_too_long(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|lines| lines.is_next_too_long())
    }

    /// The complete pending lines within the limit, oldest first, without consuming them.
    pub fn waiting(&self) -> impl Iterator<Item = PendingLine<'_>> {
        self.0.iter().flat_map(|lines| lines.waiting())
    }

    /// Whether there is nothing to consume, not even an incomplete line.
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|lines| lines.is_empty())
    }

    /// The number of unconsumed bytes.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |lines| lines.len())
    }

    fn lines(&mut self) -> &mut Lines {
        self.0.get_or_insert_default()
    }
}

impl Lines {
    /// Takes over the bytes of another buffer.
    fn load(&mut self, kept: &Self) {
        let count = kept.len();
        if self.storage.len() < count {
            self.storage.resize(count, 0);
        }
        if let Some(front) = self.storage.get_mut(..count) {
            front.copy_from_slice(kept.bytes());
        }
        (self.start, self.end, self.state) = (0, count, kept.state);
    }

    /// Empties the buffer, and returns what has to be kept of it.
    fn unload(&mut self) -> Option<Box<Self>> {
        let is_needed = !self.is_empty() || matches!(self.state, State::Discarding);
        let kept = is_needed.then(|| {
            let storage = self.bytes().to_vec();
            let (end, state) = (storage.len(), self.state);
            Box::new(Self {
                storage,
                start: 0,
                end,
                state,
            })
        });
        (self.start, self.end, self.state) = (0, 0, State::default());
        kept
    }

    fn spare(&mut self) -> &mut [u8] {
        // Compact only if that more than doubles the room; otherwise a pipelining client would
        // cause a move for each of its commands.
        if self.storage.len() - self.end < self.start {
            self.storage.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        debug_assert!(self.end <= self.storage.len());
        self.storage.get_mut(self.end..).unwrap_or_default()
    }

    fn filled(&mut self, count: usize) {
        debug_assert!(count <= self.storage.len() - self.end, "more than the room");
        self.end = self.end.saturating_add(count).min(self.storage.len());
        self.search();
    }

    fn next_line(&mut self, refuse: impl FnMut([u8; 3])) -> Option<Line<'_>> {
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
                // The bytes of the line stay in place until the next spare().
                self.search();
                let raw = self.storage.get_mut(first..first + length)?;
                Some(decode(raw, refuse))
            }
        }
    }

    const fn has_line(&self) -> bool {
        matches!(self.state, State::Complete { .. } | State::Oversized)
    }

    fn is_next_too_long(&self) -> bool {
        match self.state {
            State::Complete { length } => self.bytes().get(..length).is_some_and(is_too_long),
            State::Oversized => true,
            State::Partial { .. } | State::Discarding => false,
        }
    }

    fn waiting(&self) -> impl Iterator<Item = PendingLine<'_>> {
        let skipped = match self.state {
            State::Partial { .. } | State::Complete { .. } => 0,
            // The rest of the oversized line.
            State::Oversized | State::Discarding => 1,
        };
        self.bytes()
            .split_inclusive(|&byte| byte == b'\n')
            .skip(skipped)
            .filter_map(|line| line.strip_suffix(b"\n"))
            .filter(|line| !is_too_long(line))
            .map(|line| PendingLine::new(without_return(line)))
    }

    const fn is_empty(&self) -> bool {
        self.start == self.end && !self.has_line()
    }

    const fn len(&self) -> usize {
        self.end - self.start
    }

    fn bytes(&self) -> &[u8] {
        debug_assert!(self.start <= self.end && self.end <= self.storage.len());
        self.storage.get(self.start..self.end).unwrap_or_default()
    }

    /// Updates the state from the unsearched bytes. Each byte is searched once, however the
    /// stream is segmented.
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
            debug_assert!(searched <= bytes.len());
            let unsearched = bytes.get(searched..).unwrap_or_default();
            self.state = match find_line_feed(unsearched) {
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

fn decode(raw: &mut [u8], refuse: impl FnMut([u8; 3])) -> Line<'_> {
    let is_encoded = telnet::may_be_encoded(raw);
    if is_encoded {
        telnet::refusals(raw).for_each(refuse);
    }
    let length = without_return(raw).len();
    if length > LINE_MAX {
        return Line::TooLong;
    }
    // In range: `length` is that of a prefix of `raw`.
    let raw = raw.get_mut(..length).unwrap_or_default();
    if !is_encoded {
        return Line::Text(raw);
    }
    let length = telnet::decode_in_place(raw);
    debug_assert!(length <= raw.len(), "decoding never lengthens a line");
    Line::Text(raw.get(..length).unwrap_or_default())
}

/// Whether a line with this beginning exceeds the limit. A CR at its end does not count, as it
/// may be half of a CR LF.
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
