//! The names of a directory, gathered to be sorted (LIST, NLST, MLSD).
//!
//! It owns the bytes of the names, and neither metadata nor the directory: entries are examined in the
//! order of output, so that sorting delays the first byte by the reading of names only. Both buffers grow
//! by steps and not by doubling, so that their memory is no more than they may take. The bytes are in
//! pieces, none so large that the C library maps it: once it has, glibc keeps more of what is freed.

use crate::limits::SORTED_ENTRIES;

/// Bytes of a piece of the text.
const TEXT_STEP: usize = 16 * 1024;

/// Spans that a buffer grows by.
const SPANS_STEP: usize = TEXT_STEP / size_of::<Span>();

/// A name in the text.
#[derive(Clone, Copy)]
struct Span {
    /// The bytes behind the prefix that all names have, as a number that sorts like them: names of one
    /// camera differ there, and few comparisons read the text.
    key: u64,
    start: u32,
    length: u32,
}

/// Names in the order in which they were added, or sorted.
pub(super) struct Names {
    /// The most memory, in bytes.
    most: usize,
    text: Vec<Vec<u8>>,
    spans: Vec<Span>,
    /// The index of the next name to return.
    next: usize,
}

impl Names {
    /// No names; they may take so many bytes.
    pub(super) const fn within(most: usize) -> Self {
        Self {
            most,
            text: Vec::new(),
            spans: Vec::new(),
            next: 0,
        }
    }

    /// Adds a name; false if there is no room for it.
    pub(super) fn push(&mut self, name: &[u8]) -> bool {
        let bytes = self.text.len() * TEXT_STEP + self.spans.capacity() * size_of::<Span>();
        if self.spans.len() == SORTED_ENTRIES || bytes + 2 * TEXT_STEP > self.most {
            return false;
        }
        self.try_push(name).is_some()
    }

    /// `None` if the system has no memory for it, or a piece no room.
    fn try_push(&mut self, name: &[u8]) -> Option<()> {
        if self.spans.len() == self.spans.capacity() {
            self.spans.try_reserve_exact(SPANS_STEP).ok()?;
        }
        let is_full = |piece: &Vec<u8>| TEXT_STEP - piece.len() < name.len();
        if self.text.last().is_none_or(is_full) {
            let mut piece = Vec::new();
            piece.try_reserve_exact(TEXT_STEP).ok()?;
            self.text.push(piece);
        }
        let before = (self.text.len() - 1) * TEXT_STEP;
        let piece = self.text.last_mut().filter(|piece| !is_full(piece))?;
        let start = (before + piece.len()).try_into().ok()?;
        let length = name.len().try_into().ok()?;
        piece.extend_from_slice(name);
        let key = 0;
        self.spans.push(Span { key, start, length });
        Some(())
    }

    /// Sorts by the bytes of the names.
    pub(super) fn sort(&mut self) {
        let prefix = self.common_prefix();
        let Self { text, spans, .. } = self;
        for span in spans.iter_mut() {
            let mut key = [0; 8];
            for (byte, of_name) in key.iter_mut().zip(name_at(text, *span).iter().skip(prefix)) {
                *byte = *of_name;
            }
            span.key = u64::from_be_bytes(key);
        }
        spans.sort_unstable_by(|a, b| {
            let names = || name_at(text, *a).cmp(name_at(text, *b));
            a.key.cmp(&b.key).then_with(names)
        });
    }

    /// The number of bytes that all names begin with.
    fn common_prefix(&self) -> usize {
        let mut names = self.spans.iter().map(|span| name_at(&self.text, *span));
        let Some(first) = names.next() else {
            return 0;
        };
        names.fold(first.len(), |prefix, name| {
            let pairs = first.iter().take(prefix).zip(name);
            pairs.take_while(|(a, b)| a == b).count()
        })
    }

    /// Replaces `name` by the next name; false at the end.
    pub(super) fn next(&mut self, name: &mut Vec<u8>) -> bool {
        let next = self.spans.get(self.next);
        if let Some(span) = next {
            name.clear();
            name.extend_from_slice(name_at(&self.text, *span));
            self.next += 1;
        }
        next.is_some()
    }
}

fn name_at(text: &[Vec<u8>], span: Span) -> &[u8] {
    let (start, length) = (span.start as usize, span.length as usize);
    let rest = text.get(start / TEXT_STEP);
    let rest = rest.and_then(|piece| piece.get(start % TEXT_STEP..));
    let name = rest.and_then(|rest| rest.get(..length));
    debug_assert!(name.is_some(), "a span lies within the text");
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SORTED_BYTES;

    fn gathered(count: usize, length: usize) -> Names {
        let mut names = Names::within(SORTED_BYTES);
        for number in 0..count {
            let name = format!("{number:0length$}");
            if !names.push(name.as_bytes()) {
                break;
            }
        }
        names
    }

    #[test]
    fn names_are_returned_as_added_or_sorted() {
        let added = [
            &b"p"[..],
            b"prefix-long-tail-b",
            b"prefix-long-tail-a",
            b"prefix\0",
            b"prefix",
            b"prefix-long-",
            b"prefix\xff",
            b"p\0",
        ];
        // All of them, and those with a long prefix in common.
        for added in [&added[..], &added[1..3], &added[3..5], &added[..0]] {
            for is_sorted in [false, true] {
                let (mut names, mut expected) = (Names::within(SORTED_BYTES), added.to_vec());
                assert!(added.iter().all(|name| names.push(name)));
                if is_sorted {
                    names.sort();
                    expected.sort_unstable();
                }
                let (mut returned, mut name) = (Vec::new(), Vec::new());
                while names.next(&mut name) {
                    returned.push(name.clone());
                }
                assert_eq!(returned, expected);
            }
        }
    }

    #[test]
    fn piece_is_filled_to_its_last_byte() {
        let mut names = Names::within(SORTED_BYTES);
        let lengths = [TEXT_STEP - 5, 5, TEXT_STEP, 1, TEXT_STEP - 1];
        assert!(
            lengths
                .iter()
                .all(|&length| names.push(&vec![b'x'; length]))
        );
        assert_eq!(names.text.len(), 3);
        assert!(!names.push(&vec![b'x'; TEXT_STEP + 1]));
        let mut name = Vec::new();
        for length in lengths {
            assert!(names.next(&mut name));
            assert_eq!(name.len(), length);
        }
        assert!(!names.next(&mut name));
    }

    #[test]
    fn names_are_bounded_in_number_and_bytes() {
        for (length, is_bounded_by_number) in [(5, true), (30, true), (100, false), (4000, false)] {
            let names = gathered(2 * SORTED_ENTRIES, length);
            let count = names.spans.len();
            assert_eq!(count == SORTED_ENTRIES, is_bounded_by_number, "{length}");
            let text: usize = names.text.iter().map(Vec::capacity).sum();
            let bytes = text + names.spans.capacity() * size_of::<Span>();
            assert!(bytes <= SORTED_BYTES, "{length}: {bytes}");
            let is_full = bytes + 3 * TEXT_STEP > SORTED_BYTES;
            assert!(is_bounded_by_number || is_full, "{length}: {bytes}");
        }
    }
}
