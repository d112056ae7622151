//! What went over each control connection in the clear, as far as its deadlines are concerned.
//!
//! Within an iteration the server's clock and the world's stand at the same time, so it is known exactly
//! when a deadline was set: with the command that was read, or the reply that was written. From there it is
//! known when it must expire, and before when it must not. [`times`](super::times) holds it to that.

use std::time::Duration;

use mioftpd::protocol::line::LINE_MAX;

/// What is known of one control connection.
#[derive(Debug)]
pub(super) struct ControlConnection {
    /// Which client's it is.
    pub(super) owner: usize,
    pub(super) accepted: Duration,
    /// The server's part of the current line.
    line: Vec<u8>,
    /// How much of a line has been read.
    heard: LineState,
    /// From here on it is TLS, and nothing can be read.
    pub(super) is_encrypted: bool,
    /// When the last complete command was read, or more than one may have.
    pub(super) last_command: Duration,
    /// When the server last read or wrote something.
    pub(super) last_active: Duration,
    /// Since when a login is awaited; `None`: there is one, or nobody was greeted.
    pub(super) login_since: Option<Duration>,
    /// When the reply was written that says that a login is awaited: it is, at the latest since then.
    pub(super) login_said: Option<Duration>,
    pub(super) transfer: Option<Duration>,
    /// The last reply is said.
    pub(super) is_closing: bool,
    /// Since when the client takes no more of what is to be written, or when it took something last.
    pub(super) blocked_since: Option<Duration>,
    /// Since when something has waited for room, without a moment in which nothing did.
    waits_since: Option<Duration>,
    /// When the server ended its side.
    pub(super) shut: Option<Duration>,
}

/// How much of a command's line has been read.
#[derive(Clone, Copy, Debug)]
enum LineState {
    /// So many bytes, of which the last is a CR or is not.
    Role(usize, bool),
    /// More than a line may have: it was answered then, and what is left of it is no command.
    TooMuch,
}

/// A final reply that says that a time is over, or that what it stops has had its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplySent {
    NoCommand,
    NoLogin,
    Stalled,
    Stopped,
}

impl LineState {
    /// Whether one more byte makes it a command, and what has been read then.
    const fn and(self, byte: u8) -> (bool, Self) {
        match (self, byte) {
            (Self::Role(_, true), b'\n') => (true, Self::Role(0, false)),
            (Self::Role(LINE_MAX.., false), _) => (true, Self::TooMuch),
            (Self::Role(count, _), byte) => (false, Self::Role(count + 1, byte == b'\r')),
            (Self::TooMuch, b'\n') => (false, Self::Role(0, false)),
            (Self::TooMuch, _) => (false, Self::TooMuch),
        }
    }
}

impl ControlConnection {
    pub(super) const fn new(owner: usize, now: Duration, is_encrypted: bool) -> Self {
        Self {
            owner,
            accepted: now,
            line: Vec::new(),
            heard: LineState::Role(0, false),
            is_encrypted,
            last_command: now,
            last_active: now,
            login_since: None,
            login_said: None,
            transfer: None,
            is_closing: false,
            blocked_since: None,
            waits_since: None,
            shut: None,
        }
    }

    pub(super) fn has_read(&mut self, bytes: &[u8], now: Duration) {
        self.last_active = now;
        for &byte in bytes {
            let (is_command, heard) = self.heard.and(byte);
            self.heard = heard;
            if is_command {
                self.last_command = now;
            }
        }
    }

    /// The server has written this of so many bytes; what it has said by that.
    pub(super) fn has_written(
        &mut self,
        bytes: &[u8],
        is_all: bool,
        now: Duration,
    ) -> Vec<ReplySent> {
        self.last_active = now;
        self.blocked_since = (!is_all).then_some(now);
        let mut said = Vec::new();
        if self.is_encrypted {
            return said;
        }
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                said.extend(self.says(without_refusals(&line), now));
            } else {
                self.line.push(byte);
            }
        }
        if is_all {
            self.waits_since = None;
        } else {
            self.waits_since.get_or_insert(now);
        }
        said
    }

    pub(super) fn is_blocked(&mut self, now: Duration) {
        self.blocked_since.get_or_insert(now);
        self.waits_since.get_or_insert(now);
    }

    /// A line of a reply: only the last of each counts.
    fn says(&mut self, line: &[u8], now: Duration) -> Option<ReplySent> {
        let (code, text) = match line {
            [a @ b'1'..=b'5', b, c, b' ', text @ ..] => ([*a, *b, *c], text),
            _ => return None,
        };
        match &code {
            b"150" => self.transfer = Some(now),
            // STAT is answered in the middle of it.
            b"211" => {}
            [b'2'..=b'5', ..] => self.transfer = None,
            _ => {}
        }
        match &code {
            // It was begun when the reply was made, which may have waited for room.
            b"220" | b"331" | b"530" => {
                self.login_said.get_or_insert(now);
                self.login_since
                    .get_or_insert_with(|| self.waits_since.unwrap_or(now));
            }
            b"230" | b"232" => {
                self.login_since = None;
                self.login_said = None;
            }
            b"234" => self.is_encrypted = true,
            b"221" | b"421" => self.is_closing = true,
            _ => {}
        }
        match &code {
            b"421" if text.starts_with(b"No command") => Some(ReplySent::NoCommand),
            b"421" if text.starts_with(b"No login") => Some(ReplySent::NoLogin),
            b"426" if text.starts_with(b"No data") => Some(ReplySent::Stalled),
            b"426" if text.starts_with(b"Server is stopping") => Some(ReplySent::Stopped),
            _ => None,
        }
    }
}

/// Behind DONT and WONT, which refuse what an odd command offered.
fn without_refusals(mut line: &[u8]) -> &[u8] {
    while let [255, 252 | 254, _, rest @ ..] = line {
        line = rest;
    }
    line
}
