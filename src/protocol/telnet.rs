//! The subset of Telnet that the control connection uses (RFC 854; RFC 1123 §4.1.2.12).
//!
//! Clients escape the byte 255, offer options, and send Interrupt Process and a Data Mark before
//! an urgent ABOR. This module removes these sequences from one line. It does not know where
//! a line ends, nor what it means.

/// Interpret As Command: a command follows, or a second IAC that stands for the byte itself.
pub(super) const IAC: u8 = 255;
/// WILL, WONT, DO and DONT: an option follows.
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
/// Data Mark: the end of the urgent data.
const DATA_MARK: u8 = 242;

/// Whether some of these bytes can be part of a Telnet sequence; false for nearly every line. The range makes
/// it one comparison for each byte.
pub(super) fn may_be_encoded(raw: &[u8]) -> bool {
    raw.iter().any(|byte| matches!(byte, 0 | DATA_MARK..=IAC))
}

/// Removes Telnet sequences from a line and returns the length of the text that is left at its front.
pub(super) fn decode_in_place(line: &mut [u8]) -> usize {
    let mut read = leading_mark(line);
    let mut written = 0;
    while let Some((covered, byte)) = line.get(read..).and_then(step) {
        read += covered;
        if let (Some(byte), Some(slot)) = (byte, line.get_mut(written)) {
            *slot = byte;
            written += 1;
        }
    }
    written
}

/// The decoded text of a line.
pub(super) fn decoded(raw: &[u8]) -> impl Iterator<Item = u8> {
    let mark = leading_mark(raw);
    debug_assert!(mark <= raw.len());
    units(raw.get(mark..).unwrap_or_default()).filter_map(|(_, byte)| byte)
}

/// The refusals of the options in a line, in order: DONT for WILL, WONT for DO. WONT and DONT
/// need no answer (RFC 854, "Option negotiation").
pub(super) fn refusals(raw: &[u8]) -> impl Iterator<Item = [u8; 3]> {
    units(raw).filter_map(|(unit, _)| match *unit {
        [IAC, WILL, option] => Some([IAC, DONT, option]),
        [IAC, DO, option] => Some([IAC, WONT, option]),
        _ => None,
    })
}

/// The number of bytes to skip so that a Data Mark without its IAC is not taken for part of the verb.
///
/// The urgent pointer splits `IAC DM`: a kernel or proxy that delivers one of the two bytes out
/// of band leaves the other in the stream.
fn leading_mark(raw: &[u8]) -> usize {
    let mut at = 0;
    for (unit, byte) in units(raw) {
        at += unit.len();
        match byte {
            None => {}
            Some(DATA_MARK) => return at,
            Some(_) => break,
        }
    }
    0
}

/// The units of `raw`, each with the byte of text that it encodes, if any.
fn units(mut raw: &[u8]) -> impl Iterator<Item = (&[u8], Option<u8>)> {
    std::iter::from_fn(move || {
        let (covered, byte) = step(raw)?;
        let (unit, rest) = raw.split_at_checked(covered)?;
        raw = rest;
        Some((unit, byte))
    })
}

/// The first unit of `raw`: the number of bytes it covers, and the byte of text that it encodes, if any.
fn step(raw: &[u8]) -> Option<(usize, Option<u8>)> {
    Some(match raw {
        [] => return None,
        [IAC, IAC, ..] => (2, Some(IAC)),
        [IAC, WILL..=DONT, _, ..] => (3, None),
        [IAC, _, ..] => (2, None),
        [IAC] => (1, None),
        [b'\r', 0, ..] => (2, Some(b'\r')),
        [byte, ..] => (1, Some(*byte)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(raw: &[u8]) -> Vec<u8> {
        let mut line = raw.to_vec();
        let length = decode_in_place(&mut line);
        line.truncate(length);
        line
    }

    #[test]
    fn offered_and_requested_options_are_refused_in_order() {
        let line = b"\xff\xfd\x06NO\xff\xfb\x01OP\xff\xff\xff\xfc\x03\xff\xfe\x04\xff\xf4\xff\xfd";
        let refused: Vec<_> = refusals(line).collect();
        assert_eq!(refused, [[IAC, WONT, 6], [IAC, DONT, 1]]);
    }

    #[test]
    fn commands_are_removed_and_escapes_decoded() {
        for (raw, expected) in [
            (&b"NOOP"[..], &b"NOOP"[..]),
            (b"\xff\xf4\xff\xf2ABOR", b"ABOR"),
            (b"a\xff\xffb", b"a\xffb"),
            (b"\xff\xfb\x01\xff\xfe\x03NOOP", b"NOOP"),
            (b"\xff\xff\xff\xf4x", b"\xffx"),
            (b"x\r\0y", b"x\ry"),
            (b"x\0y\r", b"x\0y\r"),
            (b"x\xff", b"x"),
            (b"x\xff\xfd", b"x"),
            (b"", b""),
            // A Data Mark without its IAC: one, before the verb.
            (b"\xf2ABOR", b"ABOR"),
            (b"\xff\xf4\xf2ABOR", b"ABOR"),
            (b"\xf2\xf2ABOR", b"\xf2ABOR"),
            (b"CWD \xf2", b"CWD \xf2"),
        ] {
            assert_eq!(text(raw), expected, "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn decoding_in_place_and_by_iterator_agree(
            raw in proptest::collection::vec(prop_oneof![
                Just(IAC), Just(WILL), Just(DATA_MARK), Just(0), Just(b'\r'), any::<u8>(),
            ], 0..24),
        ) {
            let text = text(&raw);
            prop_assert_eq!(&text, &decoded(&raw).collect::<Vec<u8>>());
            prop_assert!(may_be_encoded(&raw) || text == raw);
        }
    }
}
