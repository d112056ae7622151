//! Reads replies out of the bytes of a control connection, however they are cut (RFC 959 §4.2).
//!
//! A reply that arrives whole in one line is returned where it is, without a copy; only the parts of others
//! are kept, up to a bound. It must not know what the replies answer.

use std::fmt;

use crate::protocol::visible::is_printable;

/// The longest reply that is kept, with all of its lines.
const REPLY_BYTES: usize = 64 * 1024;

/// A buffer of this size is kept between replies; a larger one is given back.
const KEPT_BYTES: usize = 512;

/// One reply of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerReply<'a> {
    /// From 100 to 599.
    pub(crate) code: u16,
    /// All lines as they came, with their ends.
    pub(crate) lines: &'a [u8],
}

impl ServerReply<'_> {
    /// What the first digit says: 1 is preliminary, 2 and 3 are positive.
    pub(crate) const fn class(&self) -> u16 {
        self.code / 100
    }

    /// The last line, for a message: printable, and not longer than a line of a terminal.
    pub(crate) fn shown(&self) -> String {
        let mut lines = self.lines.split(|&byte| byte == b'\n').rev();
        let last = lines.find(|line| !line.is_empty()).unwrap_or_default();
        visible(last)
    }
}

/// The beginning of a line, without what a terminal would act upon.
fn visible(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.trim_ascii_end());
    let shown = text.chars().take(120);
    shown
        .map(|c| if is_printable(c) { c } else { '\u{fffd}' })
        .collect()
}

/// Why the bytes are not replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadReply {
    /// A line that should begin a reply has no code; how it begins.
    NoCode(String),
    /// A reply without an end.
    TooLong,
}

impl fmt::Display for BadReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCode(line) => write!(f, "the server sent '{line}', which is no FTP reply"),
            Self::TooLong => write!(
                f,
                "the server sent a reply of more than {REPLY_BYTES} bytes"
            ),
        }
    }
}

/// What a line is in a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// A code and a blank, or a code alone.
    Last(u16),
    /// A code and a hyphen.
    First(u16),
    Other,
}

/// The state between two pieces of input.
///
/// ```text
///   Between ──line without end──▶ InLine ──its end──▶ Between
///      └──"123-"──▶ InReply(123) ──"123 "──▶ Between
/// ```
#[derive(Debug, Default)]
pub(crate) struct ReplyReader {
    /// The reply so far, if it did not come in one piece.
    kept: Vec<u8>,
    /// Where the last line of it begins.
    line_start: usize,
    /// The code of a reply of several lines.
    open: Option<u16>,
    /// The kept reply was returned.
    is_returned: bool,
}

impl ReplyReader {
    /// Takes the next reply from the beginning of `input`. `None`: the rest of the input is kept, and more is
    /// needed.
    ///
    /// # Errors
    /// The connection is of no use any more.
    pub(crate) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<ServerReply<'a>>, BadReply> {
        if self.is_returned {
            self.forget();
        }
        loop {
            let Some(end) = input.iter().position(|&byte| byte == b'\n') else {
                self.keep(input)?;
                *input = &[];
                return Ok(None);
            };
            let (line, rest) = input.split_at(end + 1);
            *input = rest;
            if self.kept.is_empty() {
                match line_of(line) {
                    Line::Last(code) => return Ok(Some(ServerReply { code, lines: line })),
                    Line::First(code) => self.open = Some(code),
                    Line::Other => return Err(BadReply::NoCode(visible(line))),
                }
                self.keep(line)?;
            } else {
                self.keep(line)?;
                let line = self.kept.get(self.line_start..).unwrap_or_default();
                match (line_of(line), self.open) {
                    (Line::Last(code), None) => return Ok(Some(self.returned(code))),
                    (Line::Last(code), Some(open)) if code == open => {
                        return Ok(Some(self.returned(code)));
                    }
                    (Line::First(code), None) => self.open = Some(code),
                    (Line::Other, None) => return Err(BadReply::NoCode(visible(line))),
                    (_, Some(_)) => {}
                }
            }
            self.line_start = self.kept.len();
        }
    }

    fn returned(&mut self, code: u16) -> ServerReply<'_> {
        self.is_returned = true;
        ServerReply {
            code,
            lines: &self.kept,
        }
    }

    fn forget(&mut self) {
        self.kept.clear();
        self.kept.shrink_to(KEPT_BYTES);
        self.line_start = 0;
        self.open = None;
        self.is_returned = false;
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), BadReply> {
        if self.kept.len() + bytes.len() > REPLY_BYTES {
            return Err(BadReply::TooLong);
        }
        self.kept.extend_from_slice(bytes);
        Ok(())
    }
}

fn line_of(line: &[u8]) -> Line {
    let [first @ b'1'..=b'5', second, third, rest @ ..] = line else {
        return Line::Other;
    };
    if !second.is_ascii_digit() || !third.is_ascii_digit() {
        return Line::Other;
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    let code = digit(first) * 100 + digit(second) * 10 + digit(third);
    match rest {
        [b' ' | b'\r' | b'\n', ..] => Line::Last(code),
        [b'-', ..] => Line::First(code),
        _ => Line::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All replies of the pieces, and how it ends.
    fn read<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (Vec<(u16, Vec<u8>)>, Option<BadReply>) {
        let (mut reader, mut found) = (ReplyReader::default(), Vec::new());
        for mut piece in pieces {
            loop {
                match reader.next(&mut piece) {
                    Ok(Some(reply)) => found.push((reply.code, reply.lines.to_vec())),
                    Ok(None) => break,
                    Err(error) => return (found, Some(error)),
                }
            }
        }
        (found, None)
    }

    #[test]
    fn reply_of_several_lines_ends_with_its_code_and_a_blank() {
        let text = b"220-Hello\r\n220 x in\r\n200\r\n211-Features:\r\n 200 SIZE\r\n211-\r\n211\n";
        let (found, error) = read([&text[..]]);
        let found: Vec<_> = found
            .iter()
            .map(|(code, lines)| (*code, lines.len()))
            .collect();
        assert_eq!((found, error), (vec![(220, 21), (200, 5), (211, 36)], None));
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for text in [
            "\r\n",
            "20\r\n",
            "2000 x\r\n",
            "600 x\r\n",
            "099 x\r\n",
            "SSH-2.0\r\n",
            "2a0 x\r\n",
            "200-x\r\n200 y\r\n\u{1b}[2J\r\n",
        ] {
            let (_, error) = read([text.as_bytes()]);
            let Some(BadReply::NoCode(line)) = error else {
                panic!("{text:?}");
            };
            assert!(!line.contains(char::is_control));
        }
    }

    #[test]
    fn reply_has_a_bound() {
        let line = "x".repeat(REPLY_BYTES - 6);
        let (found, error) = read([b"200 ", line.as_bytes(), b"\r\n"]);
        assert_eq!((found.len(), error), (1, None));
        let lines = "200-".to_owned() + &"\n".repeat(REPLY_BYTES);
        assert_eq!(read([lines.as_bytes()]).1, Some(BadReply::TooLong));
    }

    proptest! {
        /// Any cut of the input gives the same replies.
        #[test]
        fn replies_do_not_depend_on_pieces(
            text in "((1|2)[0-9]{2}( |-)[a-z\r]{0,9}\r?\n|[a-z ]{0,3}\n){0,9}",
            cuts in proptest::collection::vec(0..60_usize, 0..9),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
            prop_assert_eq!(read(pieces), read([bytes]));
        }
    }
}
