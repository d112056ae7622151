//! TYPE A: converts line ends between files (LF) and the wire (CR LF), RFC 959 §3.1.1.1.
//!
//! A file arrives in chunks that may end anywhere, also between CR and LF: an [`Encoder`] or
//! [`Decoder`] is the state from one chunk to the next. Neither knows files or connections; each
//! appends to a buffer.
//!
//! ```text
//!            CR                            CR
//!   Text <-------> Return         Text <-------> Return      (any other byte leads to Text)
//!
//!   Encoder: inserts a CR          Decoder: holds a CR back; a LF replaces it,
//!   before a LF after Text.        any other byte is written after it.
//! ```

/// From the file to the wire: LF becomes CR LF. CR LF stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    is_after_return: bool,
}

impl Encoder {
    /// Whether the last byte was a CR, so that a following LF is written without another.
    pub const fn is_after_return(&self) -> bool {
        self.is_after_return
    }

    /// Appends the next bytes of the file as on the wire: at most twice as many bytes.
    pub fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for piece in input.split_inclusive(|&byte| byte == b'\n') {
            let (text, has_line_end) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            out.extend_from_slice(text);
            if let Some(&last) = text.last() {
                self.is_after_return = last == b'\r';
            }
            if has_line_end {
                if !self.is_after_return {
                    out.push(b'\r');
                }
                out.push(b'\n');
                self.is_after_return = false;
            }
        }
    }
}

/// From the wire to the file: CR LF becomes LF. Any other CR is kept.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    holds_return: bool,
}

impl Decoder {
    /// Whether a CR is held back.
    pub const fn holds_return(&self) -> bool {
        self.holds_return
    }

    /// Appends the next bytes of the wire as in the file: at most one byte more, a CR that was held back.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        for piece in input.split_inclusive(|&byte| byte == b'\r') {
            if self.holds_return && !piece.starts_with(b"\n") {
                out.push(b'\r');
            }
            let text = piece.strip_suffix(b"\r");
            out.extend_from_slice(text.unwrap_or(piece));
            self.holds_return = text.is_some();
        }
    }

    /// Appends a CR that is held back, at the end of the wire.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.holds_return) {
            out.push(b'\r');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::default(), Vec::new());
        for chunk in chunks {
            encoder.encode(chunk, &mut out);
        }
        out
    }

    fn decoded<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        for chunk in chunks {
            decoder.decode(chunk, &mut out);
        }
        decoder.finish(&mut out);
        out
    }

    #[test]
    fn encoder_inserts_missing_carriage_returns() {
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
    fn decoder_converts_only_crlf_pairs() {
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
    fn finish_writes_a_held_carriage_return() {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        decoder.decode(b"a\r", &mut out);
        assert!(out == b"a" && decoder.holds_return());
        decoder.finish(&mut out);
        assert!(!decoder.holds_return());
        decoder.finish(&mut out);
        assert_eq!(out, b"a\r");
    }

    proptest! {
        #[test]
        fn output_does_not_depend_on_chunks(text in "[ab\r\n]{0,40}", size in 1..9_usize) {
            let text = text.as_bytes();
            prop_assert_eq!(encoded(text.chunks(size)), encoded([text]));
            prop_assert_eq!(decoded(text.chunks(size)), decoded([text]));
        }

        #[test]
        fn text_without_carriage_returns_round_trips(text in "[ab\n]{0,40}", size in 1..9_usize) {
            let wire = encoded([text.as_bytes()]);
            prop_assert_eq!(decoded(wire.chunks(size)), text.as_bytes());
        }
    }
}
