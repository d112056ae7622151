//! Escapes bytes from a peer or a disk for log lines and messages.
//!
//! Printable UTF-8 is unchanged; control characters and invalid UTF-8 are escaped, so that no name can
//! inject a log line or send escape sequences to a terminal.

use std::fmt::{self, Write};

/// Displays bytes as text, with unprintable ones escaped.
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a>(pub &'a [u8]);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if is_printable(character) {
                    f.write_char(character)?;
                } else {
                    write!(f, "{}", character.escape_unicode())?;
                }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

/// Displays a name in double quotes, with quotes and backslashes inside escaped, so that its end is
/// unambiguous.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a [u8]);

/// Like [`Quoted`], but truncated to [`QUOTED_NAME_MAX`] bytes: a long name must not push the rest of a log
/// line beyond a length limit.
#[derive(Clone, Copy, Debug)]
pub struct QuotedName<'a>(pub &'a [u8]);

/// The number of bytes of a user name that [`QuotedName`] displays; escaped, they are at most a few
/// hundred characters.
pub const QUOTED_NAME_MAX: usize = 64;

impl fmt::Display for QuotedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..QUOTED_NAME_MAX) {
            Some(shown) if shown.len() < self.0.len() => write!(f, "{}...", Quoted(shown)),
            _ => write!(f, "{}", Quoted(self.0)),
        }
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for piece in self.0.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
            match piece.split_last() {
                Some((&last @ (b'"' | b'\\'), before)) => {
                    write!(f, "{}\\{}", Visible(before), char::from(last))?;
                }
                _ => write!(f, "{}", Visible(piece))?,
            }
        }
        f.write_char('"')
    }
}

/// Whether a character is displayed unescaped. Those that are not are below U+10000.
pub(crate) fn is_printable(character: char) -> bool {
    !character.is_control() && !is_invisible(character)
}

/// Line separators, bidirectional controls, and zero-width characters.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_are_escaped_and_truncated() {
        let long = [b'x'; QUOTED_NAME_MAX + 1];
        for (name, shown) in [
            (&b"ann"[..], r#""ann""#),
            (b"", r#""""#),
            (br#"a": from 1.2.3.4"#, r#""a\": from 1.2.3.4""#),
            (br"a\", r#""a\\""#),
            (b"a\r\nb\xff", r#""a\u{d}\u{a}b\xff""#),
        ] {
            assert_eq!(Quoted(name).to_string(), shown);
        }
        let (fits, cut) = (
            QuotedName(&long[1..]).to_string(),
            QuotedName(&long).to_string(),
        );
        assert_eq!(
            (fits.len(), cut.len()),
            (QUOTED_NAME_MAX + 2, QUOTED_NAME_MAX + 5)
        );
        assert!(cut.ends_with("x\"..."));
    }

    #[test]
    fn control_characters_and_invalid_utf8_are_escaped() {
        for (bytes, shown) in [
            (&b"plain 'text'"[..], "plain 'text'"),
            ("gr\u{fc}n".as_bytes(), "gr\u{fc}n"),
            (b"a\r\nb\x1b[2J", "a\\u{d}\\u{a}b\\u{1b}[2J"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("x\u{202e}y".as_bytes(), "x\\u{202e}y"),
            ("x\u{200f}y".as_bytes(), "x\\u{200f}y"),
        ] {
            assert_eq!(Visible(bytes).to_string(), shown);
        }
    }
}
