//! What a client has said and what it has heard: the model of RFC 959 §5.4 to which every
//! reply is held.
//!
//! Each reply parses; each command gets one final reply, in order; 150 comes before it, once,
//! for a transfer and nothing else; 421 comes unasked, and last. It knows codes and order, not
//! bytes of files.

use std::collections::VecDeque;
use std::time::Duration;

/// What was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
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
    Port,
    Rest,
    Abor,
    /// AUTH TLS: data connections stay as they are.
    Auth,
    /// AUTH SSL: they are secured, too.
    AuthPrivate,
    /// With another command behind it at once.
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
    /// Another protocol: one 500, and the end.
    Foreign,
}

impl Kind {
    pub(crate) const fn is_transfer(self) -> bool {
        matches!(self, Self::Fetch | Self::Store | Self::List)
    }

    /// Whether what comes after it depends on what is said to it.
    pub(crate) const fn is_switch(self) -> bool {
        matches!(
            self,
            Self::Auth | Self::AuthPrivate | Self::AuthAndMore | Self::Ccc
        )
    }

    /// What only a server with TLS says.
    const fn allows_with_tls(self, code: u16) -> bool {
        match self {
            Self::User => code == 530,
            Self::Fetch | Self::Store | Self::List => code == 522,
            Self::Garbage => matches!(code, 504 | 536),
            _ => false,
        }
    }

    /// Whether this may be the final reply to it.
    fn allows(self, code: u16, begun: bool) -> bool {
        const DISK: [u16; 7] = [530, 550, 451, 452, 552, 553, 501];
        let (good, bad): (&[u16], &[u16]) = match self {
            Self::User => (&[331], &[]),
            Self::Pass => (&[230], &[530, 503]),
            Self::Rein => (&[220], &[530]),
            Self::Quit => (&[221], &[]),
            Self::Noop => (&[200], &[]),
            Self::Pwd => (&[257], &[530]),
            Self::Cwd | Self::Rmd | Self::Dele | Self::Mlst => (&[250], &DISK),
            Self::Mkd => (&[257], &DISK),
            Self::Rnfr => (&[350], &DISK),
            Self::Rnto => (&[250, 503], &DISK),
            Self::Size | Self::Mdtm => (&[213], &DISK),
            Self::Stat | Self::Feat => (&[211], &[]),
            Self::StatPath => (&[212, 213], &DISK),
            Self::Help => (&[214], &[502]),
            Self::Syst => (&[215], &[]),
            Self::Opts => (&[200], &[501]),
            Self::Type => (&[200], &[501, 504, 530]),
            Self::Passive => (&[227, 229, 200], &[425, 522, 503, 501, 530]),
            Self::Port => (&[200], &[501, 503, 522, 530]),
            Self::Rest => (&[350], &[501, 530]),
            Self::Abor => (&[225, 226], &[530]),
            Self::Auth | Self::AuthPrivate | Self::AuthAndMore => (&[234], &[503]),
            Self::Pbsz | Self::ProtPrivate => (&[200], &[503]),
            Self::ProtClear => (&[200], &[503, 534]),
            Self::Ccc => (&[200], &[533, 530]),
            Self::Fetch | Self::Store | Self::List if begun => (&[226], &[425, 426, 451, 452, 552]),
            // While files are counted it may be aborted, and not only wait.
            Self::Store if matches!(code, 426 | 450) => (&[], &[426, 450]),
            Self::Fetch | Self::Store | Self::List => (&[425, 554], &DISK),
            Self::Garbage => (&[], &[500, 501, 502, 503, 530]),
            Self::TooLong | Self::Foreign => (&[], &[500]),
        };
        good.contains(&code) || bad.contains(&code)
    }

    /// The same for a server that exports nothing.
    fn allows_without_directory(self, code: u16) -> bool {
        match self {
            Self::Quit => code == 221,
            Self::Noop => code == 200,
            // It does not look at arguments.
            Self::Garbage => matches!(code, 200 | 500 | 502),
            _ => matches!(code, 500 | 502),
        }
    }
}

/// A command without its final reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Awaited {
    pub(crate) kind: Kind,
    pub(crate) since: Duration,
    /// The 150 has come.
    pub(crate) begun: bool,
    /// The only final reply that is right, where no fault can change it.
    pub(crate) must: Option<u16>,
}

/// What a reply was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Greeting,
    Preliminary(String),
    Final(Kind, Duration, u16, String),
    /// 421: nothing follows.
    Farewell(String),
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Conversation {
    heard: Vec<u8>,
    pub(crate) awaited: VecDeque<Awaited>,
    pub(crate) greeted: bool,
    /// The closing reply has come.
    pub(crate) over: bool,
    /// The server exports nothing.
    control_only: bool,
    /// It has TLS.
    has_tls: bool,
}

impl Conversation {
    pub(crate) const fn new(control_only: bool, has_tls: bool) -> Self {
        Self {
            heard: Vec::new(),
            awaited: VecDeque::new(),
            greeted: false,
            over: false,
            control_only,
            has_tls,
        }
    }

    pub(crate) fn said(&mut self, kind: Kind, must: Option<u16>, now: Duration) {
        self.awaited.push_back(Awaited {
            kind,
            since: now,
            begun: false,
            must,
        });
    }

    /// Takes bytes from the server: the replies that are complete, or what is wrong with them.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Result<Vec<Heard>, String> {
        self.heard.extend_from_slice(bytes);
        let mut replies = Vec::new();
        self.skip_refusals();
        while let Some((code, text, length)) = parse(&self.heard)? {
            self.heard.drain(..length);
            replies.push(self.judge(code, text)?);
            self.skip_refusals();
        }
        if self.over && !self.heard.is_empty() {
            return Err("bytes behind the closing reply".to_owned());
        }
        Ok(replies)
    }

    /// Telnet's WONT and DONT, which refuse what an odd line offered.
    fn skip_refusals(&mut self) {
        while let [255, 252 | 254, _, ..] = self.heard[..] {
            self.heard.drain(..3);
        }
    }

    /// Whether behind the last reply there is clear text, and not how a TLS record begins: what did
    /// not come from a client that has switched is answered with an alert.
    pub(crate) fn goes_on_in_the_clear(&self) -> bool {
        self.heard
            .first()
            .is_some_and(|first| !(20..=23).contains(first))
    }

    /// What came behind the last reply, for whom it is.
    pub(crate) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.heard)
    }

    /// Whether the server stopped in the middle of a reply.
    pub(crate) const fn is_broken_off(&self) -> bool {
        !self.heard.is_empty()
    }

    fn judge(&mut self, code: u16, text: String) -> Result<Heard, String> {
        if self.over {
            return Err(format!("{code} behind the closing reply"));
        }
        if code == 421 {
            self.over = true;
            return Ok(Heard::Farewell(text));
        }
        if !self.greeted {
            self.greeted = true;
            return match code {
                220 => Ok(Heard::Greeting),
                _ => Err(format!("{code} as a greeting")),
            };
        }
        let Some(head) = self.awaited.front_mut() else {
            return Err(format!("{code} to nothing"));
        };
        if code < 200 {
            if !head.kind.is_transfer() || head.begun || code != 150 {
                return Err(format!("{code} to {head:?}"));
            }
            head.begun = true;
            return Ok(Heard::Preliminary(text));
        }
        let head = *head;
        let overtakes = self.awaited.get(1).filter(|next| next.kind == Kind::Stat);
        if let Some(status) = overtakes.copied()
            && head.begun
            && code == 211
        {
            self.awaited.remove(1);
            return Ok(Heard::Final(Kind::Stat, status.since, code, text));
        }
        let allowed = if self.control_only {
            head.kind.allows_without_directory(code)
        } else {
            let by_tls = self.has_tls && head.kind.allows_with_tls(code);
            by_tls || head.kind.allows(code, head.begun)
        };
        if !allowed || head.must.is_some_and(|must| must != code) {
            return Err(format!("{code} {text} to {head:?}"));
        }
        self.awaited.pop_front();
        self.over = match head.kind {
            Kind::Quit => true,
            Kind::Foreign => !self.control_only,
            Kind::AuthAndMore => code == 503,
            _ => false,
        };
        Ok(Heard::Final(head.kind, head.since, code, text))
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
