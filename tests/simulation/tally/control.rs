//! The clear-text traffic of each control connection, as far as deadlines depend on it.
//!
//! The server's clock and the world's are equal within an iteration, so it is known exactly when a deadline
//! was set: by a command that was read or a reply that was written. [`times`](super::times) checks when it
//! expires.

use std::time::Duration;

use mioftpd::internals::protocol::line::LINE_MAX;

/// State of one control connection.
#[derive(Debug)]
pub(super) struct ControlConnection {
    /// The owning client.
    pub(super) owner: usize,
    pub(super) accepted: Duration,
    /// The current line of the server.
    line: Vec<u8>,
    /// How much of a line has been read.
    heard: LineState,
    /// TLS has started; the traffic is unreadable.
    pub(super) is_encrypted: bool,
    /// When the last complete command was read, or several may have been.
    pub(super) last_command: Duration,
    /// When the server last read or wrote something.
    pub(super) last_active: Duration,
    /// Since when the login deadline runs; `None`: logged in, or not greeted.
    pub(super) login_since: Option<Duration>,
    /// When the reply that starts the login deadline was written: it runs at the latest since then.
    pub(super) login_said: Option<Duration>,
    pub(super) transfer: Option<Duration>,
    /// The last reply was written.
    pub(super) is_closing: bool,
    /// Since when the client has accepted no reply bytes.
    pub(super) blocked_since: Option<Duration>,
    /// Since when reply bytes have continuously waited for room.
    waits_since: Option<Duration>,
    /// When the server half-closed.
    pub(super) shut: Option<Duration>,
}

/// How much of a command's line has been read.
#[derive(Clone, Copy, Debug)]
enum LineState {
    /// Bytes so far, and whether the last is a CR.
    Partial(usize, bool),
    /// The line is too long: it was answered, and its rest is skipped.
    TooMuch,
}

/// A final reply that reports a time-out, or that ends a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplySent {
    NoCommand,
    NoLogin,
    Stalled,
    Stopped,
}

impl LineState {
    /// Whether one more byte completes a command, and the next state.
    const fn and(self, byte: u8) -> (bool, Self) {
        match (self, byte) {
            (Self::Partial(_, true), b'\n') => (true, Self::Partial(0, false)),
            (Self::Partial(LINE_MAX.., false), _) => (true, Self::TooMuch),
            (Self::Partial(count, _), byte) => (false, Self::Partial(count + 1, byte == b'\r')),
            (Self::TooMuch, b'\n') => (false, Self::Partial(0, false)),
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
            heard: LineState::Partial(0, false),
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

    /// The server has written these bytes: the replies they complete.
    pub(super) fn has_written(
        &mut self,
        bytes: &[u8],
        is_all: bool,
        now: Duration,
    ) -> Vec<ReplySent> {
        self.last_active = now;
        self.blocked_since = (!is_all).then_some(now);
        let mut replies = Vec::new();
        if self.is_encrypted {
            return replies;
        }
        for &byte in bytes {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                replies.extend(self.says(without_refusals(&line), now));
            } else {
                self.line.push(byte);
            }
        }
        if is_all {
            self.waits_since = None;
        } else {
            self.waits_since.get_or_insert(now);
        }
        replies
    }

    pub(super) fn is_blocked(&mut self, now: Duration) {
        self.blocked_since.get_or_insert(now);
        self.waits_since.get_or_insert(now);
    }

    /// A line of a reply; only the last line counts.
    fn says(&mut self, line: &[u8], now: Duration) -> Option<ReplySent> {
        let (code, text) = match line {
            [a @ b'1'..=b'5', b, c, b' ', text @ ..] => ([*a, *b, *c], text),
            _ => return None,
        };
        match &code {
            b"150" => self.transfer = Some(now),
            // STAT is answered during it.
            b"211" => {}
            [b'2'..=b'5', ..] => self.transfer = None,
            _ => {}
        }
        match &code {
            // The transfer began when the reply was formatted, which may have waited for room.
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

/// Strips Telnet DONT and WONT before a reply.
fn without_refusals(mut line: &[u8]) -> &[u8] {
    while let [255, 252 | 254, _, rest @ ..] = line {
        line = rest;
    }
    line
}
