//! Replies and their wire format (RFC 959 §4.2).
//!
//! A [`Reply`] owns its text or borrows a static one. Text is escaped: a file name in it can neither
//! end the reply nor inject another. This module does not choose the reply to a command.

use std::borrow::Cow;

use super::telnet::IAC;

/// A code and its text.
///
/// ```
/// use mioftpd::internals::protocol::reply::Reply;
///
/// let mut wire = Vec::new();
/// Reply::ok().write_to(&mut wire);
/// Reply::new(211, *b"Features:\nSIZE\nEnd").write_to(&mut wire);
/// assert_eq!(wire, b"200 Command okay.\r\n211-Features:\r\n SIZE\r\n211 End\r\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three digits, 100 to 599.
    pub code: u16,
    /// The text lines, joined by LF, without code and separator.
    pub lines: Cow<'static, [u8]>,
}

impl Reply {
    /// A reply with a static text, which must be one line without bytes that need escaping. Does not
    /// allocate.
    pub const fn fixed(code: u16, text: &'static str) -> Self {
        Self {
            code,
            lines: Cow::Borrowed(text.as_bytes()),
        }
    }

    /// A reply with an owned text: lines joined by LF.
    pub fn new(code: u16, lines: impl Into<Vec<u8>>) -> Self {
        Self {
            code,
            lines: Cow::Owned(lines.into()),
        }
    }

    /// Whether another reply to the same command follows (a 1xx code).
    pub const fn is_preliminary(&self) -> bool {
        self.code < 200
    }

    /// Appends the wire format.
    ///
    /// Lines between the first and the last get a leading space, so that none can look like the last
    /// one; RFC 2389 §3.2 and RFC 3659 §7.2 require it.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        match &self.lines {
            Cow::Borrowed(text) => {
                let [hundreds, tens, ones] = digits(self.code);
                out.reserve(text.len() + 6);
                out.extend_from_slice(&[hundreds, tens, ones, b' ']);
                out.extend_from_slice(text);
                out.extend_from_slice(b"\r\n");
            }
            Cow::Owned(_) => self.write_lines(out),
        }
    }

    fn write_lines(&self, out: &mut Vec<u8>) {
        let code = digits(self.code);
        let mut lines = self.lines.split(|&byte| byte == b'\n').peekable();
        let mut is_first = true;
        while let Some(line) = lines.next() {
            let is_last = lines.peek().is_none();
            if is_first || is_last {
                out.extend_from_slice(&code);
            }
            out.push(if is_first && !is_last { b'-' } else { b' ' });
            write_text(line, out);
            out.extend_from_slice(b"\r\n");
            is_first = false;
        }
    }
}

fn digits(code: u16) -> [u8; 3] {
    [code / 100, code / 10, code].map(|number| b'0' + (number % 10) as u8)
}

/// Appends text, escaped so that nothing in it ends the line or looks like a Telnet command.
fn write_text(text: &[u8], out: &mut Vec<u8>) {
    for piece in text.split_inclusive(|&byte| is_special(byte)) {
        match piece.split_last() {
            Some((&IAC, _)) => {
                out.extend_from_slice(piece);
                out.push(IAC);
            }
            Some((&last, before)) if is_special(last) => {
                out.extend_from_slice(before);
                out.push(b'?');
            }
            _ => out.extend_from_slice(piece),
        }
    }
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'\r' | 0 | IAC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        reply.write_to(&mut out);
        out
    }

    /// Code, lines, and the bytes after the reply.
    type Parsed<'a> = (u16, Vec<&'a [u8]>, &'a [u8]);

    /// A client's parser (RFC 959 §4.2).
    fn parse(wire: &[u8]) -> Option<Parsed<'_>> {
        let (mut lines, mut rest) = (Vec::new(), wire);
        let code = wire.get(..3)?;
        loop {
            let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
            let line = &rest[..end];
            if line.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return None;
            }
            rest = &rest[end + 2..];
            let is_last = line.starts_with(code) && line.get(3) == Some(&b' ');
            let is_first = lines.is_empty();
            lines.push(match (is_first, is_last) {
                (_, true) => &line[4..],
                (true, false) => line[3..].strip_prefix(b"-")?,
                (false, false) => line.strip_prefix(b" ")?,
            });
            if is_last {
                let code = std::str::from_utf8(code).ok()?.parse().ok()?;
                return Some((code, lines, rest));
            }
        }
    }

    #[test]
    fn single_and_multi_line_replies_are_formatted() {
        assert_eq!(wire(&Reply::fixed(200, "Yes.")), b"200 Yes.\r\n");
        assert_eq!(wire(&Reply::fixed(200, "")), b"200 \r\n");
        assert_eq!(wire(&Reply::new(214, "a\nb")), b"214-a\r\n214 b\r\n");
        let reply = Reply::new(214, "a\n214 b\n\nc");
        assert_eq!(wire(&reply), b"214-a\r\n 214 b\r\n \r\n214 c\r\n");
    }

    #[test]
    fn special_bytes_in_a_text_are_escaped() {
        let reply = Reply::new(257, *b"\"/a\r\0\xff\"");
        assert_eq!(wire(&reply), b"257 \"/a??\xff\xff\"\r\n");
    }

    #[test]
    fn only_1xx_replies_are_preliminary() {
        assert!(Reply::fixed(150, "").is_preliminary());
        assert!(Reply::fixed(199, "").is_preliminary());
        assert!(!Reply::fixed(200, "").is_preliminary());
    }

    proptest! {
        #[test]
        fn every_reply_can_be_parsed(
            code in 100..600_u16,
            text in proptest::collection::vec(prop_oneof![
                Just(b'\n'), Just(b'\r'), Just(b' '), Just(IAC), b'0'..=b'9', any::<u8>(),
            ], 0..40),
        ) {
            let reply = Reply::new(code, text.clone());
            let wire = wire(&reply);
            let (read, lines, rest) = parse(&wire).unwrap();
            prop_assert_eq!(read, code);
            prop_assert!(rest.is_empty());
            prop_assert_eq!(lines.len(), text.split(|&byte| byte == b'\n').count());
        }
    }
}
