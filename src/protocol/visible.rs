//! Bytes from a peer or a disk, made safe to show: in a log line or in a message.
//!
//! UTF-8 stays readable; control characters and bytes that are not UTF-8 are escaped, so that
//! no name can forge a second line or drive a terminal.

use std::fmt::{self, Write};

/// Shows bytes as text, escaped where they could do harm.
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a>(pub &'a [u8]);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                if is_harmless(character) {
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

/// Shows a name in double quotes, with those inside and backslashes escaped: where it ends can be
/// told, whatever is in it.
#[derive(Clone, Copy, Debug)]
pub struct Quoted<'a>(pub &'a [u8]);

/// As [`Quoted`], and no more of it than [`NAME_SHOWN`] bytes: what follows it in a line keeps its room.
#[derive(Clone, Copy, Debug)]
pub struct QuotedName<'a>(pub &'a [u8]);

/// Bytes of an account's name that are shown: escaped, they are some hundred characters at most.
pub const NAME_SHOWN: usize = 64;

impl fmt::Display for QuotedName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.get(..NAME_SHOWN) {
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

/// Whether a character can be shown as it is. Those that cannot are below U+10000.
pub(crate) fn is_harmless(character: char) -> bool {
    !character.is_control() && !is_invisible(character)
}

/// Line separators, the marks that turn the direction of the text around, and what takes no room.
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
    fn a_quoted_name_ends_where_its_quote_is_and_is_cut() {
        let long = [b'x'; NAME_SHOWN + 1];
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
        assert_eq!((fits.len(), cut.len()), (NAME_SHOWN + 2, NAME_SHOWN + 5));
        assert!(cut.ends_with("x\"..."));
    }

    #[test]
    fn text_stays_and_control_is_escaped() {
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
