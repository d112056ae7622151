//! TYPE A: the line ends of this system's files and those of the wire (RFC 959 §3.1.1.1).
//!
//! Here a line ends in LF, on the wire in CR LF. A file comes in chunks, cut anywhere, also
//! between CR and LF: an [`Encoder`] or [`Decoder`] is what has to be remembered from one
//! chunk to the next. Neither knows files or connections; each appends to a buffer.
//!
//! ```text
//!            CR                            CR
//!   Text <-------> Return         Text <-------> Return      (any other byte leads to Text)
//!
//!   Encoder: a LF after Text       Decoder: on the way to Return the CR is held back; a LF
//!   gets a CR put before it.       then replaces it, anything else lets it go first.
//! ```

/// The byte before the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Behind {
    /// Anything but a CR, or nothing yet.
    #[default]
    Text,
    /// A CR.
    Return,
}

/// From the file to the wire: LF becomes CR LF. A LF that has its CR stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    behind: Behind,
}

impl Encoder {
    /// For the beginning of a file.
    pub const fn new() -> Self {
        Self {
            behind: Behind::Text,
        }
    }

    /// Whether the last byte was a CR, so that what a LF becomes depends on it.
    pub const fn is_behind_return(&self) -> bool {
        matches!(self.behind, Behind::Return)
    }

    /// Appends the wire form of the next bytes of the file: at most twice as many.
    pub fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for piece in input.split_inclusive(|&byte| byte == b'\n') {
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            out.extend_from_slice(text);
            match text.last() {
                Some(b'\r') => self.behind = Behind::Return,
                Some(_) => self.behind = Behind::Text,
                None => {}
            }
            if ended {
                if self.behind == Behind::Text {
                    out.push(b'\r');
                }
                out.push(b'\n');
                self.behind = Behind::Text;
            }
        }
    }
}

/// From the wire to the file: CR LF becomes LF. Any other CR stays.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    behind: Behind,
}

impl Decoder {
    /// For the beginning of a file.
    pub const fn new() -> Self {
        Self {
            behind: Behind::Text,
        }
    }

    /// Whether a CR is held back.
    pub const fn holds_return(&self) -> bool {
        matches!(self.behind, Behind::Return)
    }

    /// Appends the file form of the next bytes from the wire: at most one more, which is a
    /// CR held back before.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for piece in input.split_inclusive(|&byte| byte == b'\r') {
            if self.behind == Behind::Return && !piece.starts_with(b"\n") {
                out.push(b'\r');
            }
            if let Some(text) = piece.strip_suffix(b"\r") {
                out.extend_from_slice(text);
                self.behind = Behind::Return;
            } else {
                out.extend_from_slice(piece);
                self.behind = Behind::Text;
            }
        }
    }

    /// The wire has ended: appends a CR that is held back.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if self.behind == Behind::Return {
            out.push(b'\r');
        }
        self.behind = Behind::Text;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(), Vec::new());
        for chunk in chunks {
            encoder.encode(chunk, &mut out);
        }
        out
    }

    fn decoded<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        for chunk in chunks {
            decoder.decode(chunk, &mut out);
        }
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn line_feeds_get_their_return_once() {
        for (file, wire) in [
            (&b"a\nb\n"[..], &b"a\r\nb\r\n"[..]),
            (b"a\r\nb", b"a\r\nb"),
            (b"\n\n", b"\r\n\r\n"),
            (b"\r\r\n\n", b"\r\r\n\r\n"),
            (b"\ra", b"\ra"),
            (b"", b""),
        ] {
            assert_eq!(encoded([file]), wire, "{file:?}");
        }
    }

    #[test]
    fn only_pairs_become_line_feeds() {
        for (wire, file) in [
            (&b"a\r\nb\r\n"[..], &b"a\nb\n"[..]),
            (b"a\nb", b"a\nb"),
            (b"a\rb\r", b"a\rb\r"),
            (b"\r\r\n", b"\r\n"),
            (b"\r", b"\r"),
            (b"", b""),
        ] {
            assert_eq!(decoded([wire]), file, "{wire:?}");
        }
    }

    #[test]
    fn a_finished_decoder_holds_nothing() {
        let (mut decoder, mut out) = (Decoder::new(), Vec::new());
        decoder.decode(b"a\r", &mut out);
        assert!(out == b"a" && decoder.holds_return());
        decoder.finish(&mut out);
        assert!(!decoder.holds_return());
        decoder.finish(&mut out);
        assert_eq!(out, b"a\r");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_bytes(text in "[ab\r\n]{0,40}", size in 1..9_usize) {
            let text = text.as_bytes();
            prop_assert_eq!(encoded(text.chunks(size)), encoded([text]));
            prop_assert_eq!(decoded(text.chunks(size)), decoded([text]));
        }

        #[test]
        fn text_without_returns_comes_back(text in "[ab\n]{0,40}", size in 1..9_usize) {
            let wire = encoded([text.as_bytes()]);
            prop_assert_eq!(decoded(wire.chunks(size)), text.as_bytes());
        }
    }
}
