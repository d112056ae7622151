//! The two notations of transcripts: escaped bytes, and patterns with `*`.
//!
//! Escapes are `\r \n \t \s \\ \* \xNN`; `\s` is a space, for the end of a line.

/// Parses escaped bytes; a `*` stands for itself.
pub fn unescape(text: &str) -> Vec<u8> {
    let pieces = pieces(text).into_iter();
    pieces.map(|piece| piece.unwrap_or(b'*')).collect()
}

/// A pattern of bytes, in which `*` matches any number of any bytes.
#[derive(Clone, Debug, Default)]
pub struct Pattern {
    /// `None` is a `*`.
    pieces: Vec<Option<u8>>,
}

impl Pattern {
    /// Parses a pattern.
    pub fn new(text: &str) -> Self {
        Self {
            pieces: pieces(text),
        }
    }

    /// Appends another pattern.
    pub fn extend(&mut self, other: &Self) {
        self.pieces.extend(&other.pieces);
    }

    /// Whether the pattern matches all of `bytes`.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        let (mut at, mut byte) = (0, 0);
        // The last `*`, and the byte at which the rest of the pattern was tried: for backtracking.
        let mut backtrack = None;
        while byte < bytes.len() {
            match self.pieces.get(at) {
                Some(None) => {
                    backtrack = Some((at, byte));
                    at += 1;
                }
                Some(Some(expected)) if *expected == bytes[byte] => {
                    at += 1;
                    byte += 1;
                }
                _ => match backtrack {
                    Some((star, from)) => {
                        backtrack = Some((star, from + 1));
                        at = star + 1;
                        byte = from + 1;
                    }
                    None => return false,
                },
            }
        }
        self.pieces[at..].iter().all(Option::is_none)
    }
}

/// One piece per byte; an unescaped `*` is `None`.
fn pieces(text: &str) -> Vec<Option<u8>> {
    let mut pieces = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        pieces.push(match byte {
            b'*' => None,
            b'\\' => Some(escape(&mut bytes)),
            byte => Some(byte),
        });
    }
    pieces
}

fn escape(bytes: &mut impl Iterator<Item = u8>) -> u8 {
    match bytes.next().expect("a character after a backslash") {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b's' => b' ',
        b'x' => {
            let digits: String = bytes.take(2).map(char::from).collect();
            u8::from_str_radix(&digits, 16).expect("two hexadecimal digits")
        }
        byte => byte,
    }
}
