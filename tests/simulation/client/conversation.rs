//! Commands sent and replies received: the order that RFC 959 §5.4 prescribes.
//!
//! Each reply must parse. Each command gets one final reply, in order. 150 precedes it, once, for a transfer
//! and for nothing else. 421 is unsolicited and last. This module knows codes and order, not file contents.

use std::collections::{VecDeque, vec_deque};
use std::time::Duration;

/// The kind of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommandKind {
    User,
    Pass,
    Rein,
    Quit,
    Noop,
    Pwd,
    Cwd,
    Mkd,
    Rmd,
    Dele,
    Rnfr,
    Rnto,
    Size,
    Mdtm,
    Mlst,
    Stat,
    StatPath,
    Help,
    Feat,
    Syst,
    Opts,
    Type,
    Passive,
    EpsvAll,
    Port,
    /// PORT or EPRT to another host than the client's, or to a privileged port (RFC 2577 §2).
    Bounce,
    Rest,
    Abor,
    /// AUTH TLS: data connections stay as they are.
    Auth,
    /// AUTH SSL: it implies PROT P.
    AuthPrivate,
    /// AUTH with another command pipelined behind it.
    AuthAndMore,
    Pbsz,
    ProtClear,
    ProtPrivate,
    Ccc,
    /// RETR.
    Fetch,
    /// STOR, APPE, STOU.
    Store,
    /// LIST, NLST, MLSD.
    List,
    Garbage,
    TooLong,
    /// A request of another protocol: one 500, then the server closes.
    Foreign,
}

impl CommandKind {
    pub(crate) const fn is_transfer(self) -> bool {
        matches!(self, Self::Fetch | Self::Store | Self::List)
    }

    /// Whether the client must wait for its reply, because it switches TLS on or off.
    pub(crate) const fn is_switch(self) -> bool {
        matches!(
            self,
            Self::Auth | Self::AuthPrivate | Self::AuthAndMore | Self::Ccc
        )
    }
}

/// A command without its final reply. Plain data: others get it from a [`Conversation`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingCommand {
    pub(crate) kind: CommandKind,
    /// Its text, cut to `KEPT_BYTES`.
    text: String,
    pub(crate) since: Duration,
    /// 150 has arrived.
    pub(crate) begun: bool,
    /// The only legal final code, where no fault can change it.
    must: Option<u16>,
}

/// Bytes of a command that are kept.
const KEPT_BYTES: usize = 100;

impl PendingCommand {
    /// The verb.
    pub(crate) fn verb(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn argument(&self) -> &str {
        self.text.split_once(' ').map_or("", |(_, rest)| rest)
    }
}

/// The final reply to a command. Plain data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FinalReply {
    pub(crate) command: PendingCommand,
    pub(crate) code: u16,
    /// Text of its last line.
    pub(crate) text: String,
    /// All its lines.
    pub(crate) whole: String,
    /// It answers a STAT during a transfer.
    pub(crate) is_aside: bool,
    /// An ABOR was sent behind the command. `ABOR now` counts: the server acts on it before it refuses it.
    pub(crate) aborts: bool,
    /// A QUIT was sent behind the command.
    pub(crate) quits: bool,
}

/// The kind of a reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerReply {
    Greeting,
    /// 150, to this command.
    Preliminary(PendingCommand, String),
    Final(FinalReply),
    /// 421: nothing may follow.
    ServiceClosing(String),
}

pub(crate) struct Conversation {
    received: Vec<u8>,
    pending: VecDeque<PendingCommand>,
    greeted: bool,
    /// The last reply (221, 421) has arrived.
    over: bool,
    /// Control-only mode.
    control_only: bool,
}

impl Conversation {
    pub(crate) const fn new(control_only: bool) -> Self {
        Self {
            received: Vec::new(),
            pending: VecDeque::new(),
            greeted: false,
            over: false,
            control_only,
        }
    }

    /// The commands without a final reply, oldest first.
    pub(crate) fn pending(&self) -> vec_deque::Iter<'_, PendingCommand> {
        self.pending.iter()
    }

    /// Whether a command of this kind has no final reply yet.
    pub(crate) fn awaits(&self, kind: CommandKind) -> bool {
        self.pending().any(|one| one.kind == kind)
    }

    /// Whether a command that switches TLS on or off has no final reply yet.
    pub(crate) fn awaits_switch(&self) -> bool {
        self.pending().any(|one| one.kind.is_switch())
    }

    pub(crate) const fn was_greeted(&self) -> bool {
        self.greeted
    }

    /// Whether the last reply (221, 421) has arrived.
    pub(crate) const fn is_over(&self) -> bool {
        self.over
    }

    pub(crate) fn command_sent(
        &mut self,
        kind: CommandKind,
        line: &[u8],
        must: Option<u16>,
        now: Duration,
    ) {
        let line = line.trim_ascii_end();
        let kept = &line[..line.len().min(KEPT_BYTES)];
        self.pending.push_back(PendingCommand {
            kind,
            text: String::from_utf8_lossy(kept).into_owned(),
            since: now,
            begun: false,
            must,
        });
    }

    /// Parses bytes from the server: the complete replies, or the violation in them.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<Vec<ServerReply>, String> {
        self.received.extend_from_slice(bytes);
        let mut replies = Vec::new();
        self.skip_refusals();
        while let Some((code, text, length)) = parse(&self.received)? {
            let whole: Vec<u8> = self.received.drain(..length).collect();
            replies.push(self.classify(code, text, &whole)?);
            self.skip_refusals();
        }
        if self.over && !self.received.is_empty() {
            return Err("bytes behind the closing reply".to_owned());
        }
        Ok(replies)
    }

    /// Skips Telnet WONT and DONT, which refuse the options in a garbage line.
    fn skip_refusals(&mut self) {
        while let [255, 252 | 254, _, ..] = self.received[..] {
            self.received.drain(..3);
        }
    }

    /// Whether clear text follows the last reply, instead of a TLS record. (The server answers clear text
    /// where TLS is due with an alert.)
    pub(crate) fn has_clear_text(&self) -> bool {
        self.received
            .first()
            .is_some_and(|first| !(20..=23).contains(first))
    }

    /// Bytes behind the last reply, for the TLS layer.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// Whether the received bytes end inside a reply.
    pub(crate) const fn is_broken_off(&self) -> bool {
        !self.received.is_empty()
    }

    fn classify(&mut self, code: u16, text: String, whole: &[u8]) -> Result<ServerReply, String> {
        if self.over {
            return Err(format!("{code} behind the closing reply"));
        }
        if code == 421 {
            self.over = true;
            return Ok(ServerReply::ServiceClosing(text));
        }
        if !self.greeted {
            self.greeted = true;
            return match code {
                220 => Ok(ServerReply::Greeting),
                _ => Err(format!("{code} as a greeting")),
            };
        }
        let Some(head) = self.pending.front_mut() else {
            return Err(format!("{code} to nothing"));
        };
        if code < 200 {
            if !head.kind.is_transfer() || head.begun || code != 150 {
                return Err(format!("{code} to {head:?}"));
            }
            head.begun = true;
            return Ok(ServerReply::Preliminary(head.clone(), text));
        }
        let has_begun = head.begun;
        let mut rest = self.pending.iter().skip(1);
        let is_aside = has_begun
            && code == 211
            && rest
                .next()
                .is_some_and(|next| next.kind == CommandKind::Stat);
        let command = self.pending.remove(usize::from(is_aside));
        let command = command.ok_or_else(|| format!("{code} to nothing"))?;
        if command.must.is_some_and(|must| must != code) {
            return Err(format!("{code} {text} to {command:?}"));
        }
        self.over = match command.kind {
            CommandKind::Quit => true,
            CommandKind::Foreign => !self.control_only,
            CommandKind::AuthAndMore => code == 503,
            _ => false,
        };
        let is_abort = |one: &PendingCommand| {
            one.kind == CommandKind::Abor
                || one.kind == CommandKind::Garbage && one.verb() == "ABOR"
        };
        Ok(ServerReply::Final(FinalReply {
            command,
            code,
            text,
            whole: String::from_utf8_lossy(whole).into_owned(),
            is_aside,
            aborts: self.pending.iter().any(is_abort),
            quits: self.awaits(CommandKind::Quit),
        }))
    }
}

/// The first reply, if it is complete: its code, its text, and how long it is.
fn parse(bytes: &[u8]) -> Result<Option<(u16, String, usize)>, String> {
    let mut at = 0;
    let mut code: Option<&[u8]> = None;
    loop {
        let Some(length) = bytes[at..].iter().position(|&byte| byte == b'\n') else {
            return Ok(None);
        };
        let line = &bytes[at..at + length];
        let shown = || format!("not a reply: {}", line.escape_ascii());
        let line = line.strip_suffix(b"\r").ok_or_else(shown)?;
        let line = without_refusals(line);
        at += length + 1;
        if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
            return Err(shown());
        }
        let is_middle = code.is_some() && line.first() == Some(&b' ');
        if is_middle {
            continue;
        }
        let (digits, rest) = line.split_at_checked(3).ok_or_else(shown)?;
        if code.is_some_and(|code| code != digits) || !is_code(digits) {
            return Err(shown());
        }
        match (rest.first(), code) {
            (Some(b' '), _) => {
                let number = String::from_utf8_lossy(digits)
                    .parse()
                    .map_err(|_| shown())?;
                let text = String::from_utf8_lossy(&rest[1..]).into_owned();
                return Ok(Some((number, text, at)));
            }
            (Some(b'-'), None) => code = Some(digits),
            _ => return Err(shown()),
        }
    }
}

/// A line without the Telnet refusals in front of it: DONT to each WILL, WONT to each DO.
fn without_refusals(mut line: &[u8]) -> &[u8] {
    while let [255, 252 | 254, _, rest @ ..] = line {
        line = rest;
    }
    line
}

fn is_code(digits: &[u8]) -> bool {
    matches!(digits, [b'1'..=b'5', b'0'..=b'5', b'0'..=b'9'])
}
