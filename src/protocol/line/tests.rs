//! Splitting a stream that is segmented anywhere, with the storage attached and detached in between.

use super::*;
use proptest::prelude::*;

const SCRATCH: usize = LINE_MAX * 2;
/// Represents [`Line::TooLong`]; no line contains an LF.
const TOO_LONG: &[u8] = b"\n";

/// A buffer to lend that is full of line ends, none of which has been received.
fn scratch() -> LineBuffer {
    let mut scratch = LineBuffer::with_capacity(SCRATCH);
    scratch.spare().fill(b'\n');
    scratch
}

/// The lines of a stream that arrives in these pieces; the buffer is detached between two pieces.
fn lines<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut buffer = LineBuffer::default();
    let mut scratch = scratch();
    let mut found = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            buffer.attach(&mut scratch);
            let spare = buffer.spare();
            let count = spare.len().min(piece.len());
            spare[..count].copy_from_slice(&piece[..count]);
            piece = &piece[count..];
            buffer.filled(count);
            let (waiting, before) = (buffer.waiting().count(), found.len());
            while let Some(line) = buffer.next_line(|_| ()) {
                found.push(match line {
                    Line::Text(text) => text.to_vec(),
                    Line::TooLong => TOO_LONG.to_vec(),
                });
            }
            assert!(found.len() - before >= waiting);
            assert!(!buffer.has_line());
            buffer.detach(&mut scratch);
            assert!(scratch.is_empty() && scratch.spare().len() == SCRATCH);
            if let Some(kept) = &buffer.0 {
                assert!(kept.storage.capacity() <= LINE_MAX + 1);
                assert_eq!(kept.storage.capacity() == 0, buffer.is_empty());
            }
        }
    }
    found
}

#[test]
fn lines_end_at_line_feeds() {
    let found = lines([&b"USER a\r\nNOOP\n\r\nA\rB\r\r\nC\0\r\0\r\nrest"[..]]);
    let expected: [&[u8]; 5] = [b"USER a", b"NOOP", b"", b"A\rB\r", b"C\0\r"];
    assert_eq!(found, expected);
}

#[test]
fn length_limit_is_exact() {
    for (length, end, fits) in [
        (LINE_MAX - 1, "\r\n", true),
        (LINE_MAX, "\r\n", true),
        (LINE_MAX, "\n", true),
        (LINE_MAX + 1, "\r\n", false),
        (LINE_MAX + 1, "\n", false),
        (LINE_MAX, "\r\r\n", false),
    ] {
        let line = vec![b'x'; length];
        let stream = [&line, end.as_bytes(), b"NOOP\r\n"].concat();
        let expected = [if fits { &line } else { TOO_LONG }, b"NOOP"];
        assert_eq!(lines([&stream[..]]), expected, "{length}");
        assert_eq!(lines(stream.chunks(1)), expected, "{length}, by byte");
    }
}

#[test]
fn endless_line_is_reported_once_and_not_buffered() {
    let piece = [b'x'; LINE_MAX];
    let mut pieces = vec![&piece[..]; 50];
    pieces.push(b"DELE a\r\nNOOP\r\n");
    assert_eq!(lines(pieces), [TOO_LONG, b"NOOP"]);
}

#[test]
fn empty_buffer_allocates_nothing() {
    let (mut buffer, mut scratch) = (LineBuffer::default(), scratch());
    for (piece, is_kept) in [(b"NOOP", true), (b"\r\n  ", false)] {
        buffer.attach(&mut scratch);
        buffer.spare()[..piece.len()].copy_from_slice(piece);
        buffer.filled(if is_kept { 4 } else { 2 });
        let _ = buffer.next_line(|_| ());
        buffer.detach(&mut scratch);
        assert_eq!(buffer.0.is_some(), is_kept);
    }
}

#[test]
fn full_buffer_has_no_room_until_a_line_is_consumed() {
    let mut buffer = LineBuffer::default();
    let mut scratch = scratch();
    buffer.attach(&mut scratch);
    buffer.filled(SCRATCH);
    assert!(buffer.spare().is_empty());
    assert_eq!(buffer.waiting().count(), SCRATCH);
    assert_eq!(buffer.next_line(|_| ()), Some(Line::Text(b"")));
    assert_eq!(buffer.spare().len(), 1);
}

#[test]
fn pending_lines_are_matched_without_being_consumed() {
    let mut buffer = LineBuffer::default();
    buffer.attach(&mut scratch());
    let stream = b"NOOP\r\n\xff\xf4\xff\xf2abor\r\nSTAT a\r\nSTATUS\r\nSTA\r\nSTAT";
    buffer.spare()[..stream.len()].copy_from_slice(stream);
    buffer.filled(stream.len());
    let is = |verb: &[u8]| buffer.waiting().map(|l| l.is(verb)).collect::<Vec<_>>();
    assert_eq!(is(b"ABOR"), [false, true, false, false, false]);
    assert_eq!(is(b"STAT"), [false, false, true, false, false]);
    assert_eq!(buffer.next_line(|_| ()), Some(Line::Text(b"NOOP")));
    assert_eq!(buffer.next_line(|_| ()), Some(Line::Text(b"abor")));
}

proptest! {
    #[test]
    fn lines_do_not_depend_on_segmentation(
        parts in proptest::collection::vec(prop_oneof![
            4 => "[a-z\r\n\0]{0,6}".prop_map(String::into_bytes),
            2 => Just(b"\r\n".to_vec()),
            2 => Just(vec![telnet::IAC]),
            1 => proptest::collection::vec(any::<u8>(), 0..9),
            1 => (LINE_MAX - 8..LINE_MAX + 8).prop_map(|count| vec![b'x'; count]),
        ], 0..16),
        cuts in proptest::collection::vec(1..1500_usize, 1..32),
    ) {
        let stream = parts.concat();
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for &cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(lines(pieces), lines([&stream[..]]));
    }
}
