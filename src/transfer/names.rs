//! The names of a directory, gathered to be sorted (LIST, NLST, MLSD).
//!
//! It owns the bytes of the names, and neither metadata nor the directory: entries are examined in the
//! order of output, so that sorting delays the first byte by the reading of names only. Both buffers grow
//! by steps and not by doubling, so that their memory is what [`SORTED_BYTES`] says.

use crate::limits::{SORTED_BYTES, SORTED_ENTRIES};

/// Bytes of names that a buffer grows by.
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
#[derive(Default)]
pub(super) struct Names {
    text: Vec<u8>,
    spans: Vec<Span>,
    /// The index of the next name to return.
    next: usize,
}

impl Names {
    /// Adds a name; false if there is no room for it.
    pub(super) fn push(&mut self, name: &[u8]) -> bool {
        let bytes = self.text.len() + size_of_val(&*self.spans) + name.len() + size_of::<Span>();
        if self.spans.len() == SORTED_ENTRIES || bytes > SORTED_BYTES - 2 * TEXT_STEP {
            return false;
        }
        let (Ok(start), Ok(length)) = (self.text.len().try_into(), name.len().try_into()) else {
            return false;
        };
        if self.text.capacity() - self.text.len() < name.len() {
            self.text.reserve_exact(TEXT_STEP.max(name.len()));
        }
        if self.spans.len() == self.spans.capacity() {
            self.spans.reserve_exact(SPANS_STEP);
        }
        self.text.extend_from_slice(name);
        let key = 0;
        self.spans.push(Span { key, start, length });
        true
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

fn name_at(text: &[u8], span: Span) -> &[u8] {
    let (start, length) = (span.start as usize, span.length as usize);
    let name = text.get(start..).and_then(|rest| rest.get(..length));
    debug_assert!(name.is_some(), "a span lies within the text");
    name.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gathered(count: usize, length: usize) -> Names {
        let mut names = Names::default();
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
                let (mut names, mut expected) = (Names::default(), added.to_vec());
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
    fn names_are_bounded_in_number_and_bytes() {
        for (length, is_bounded_by_number) in [(5, true), (30, true), (100, false), (4000, false)] {
            let names = gathered(2 * SORTED_ENTRIES, length);
            let count = names.spans.len();
            assert_eq!(count == SORTED_ENTRIES, is_bounded_by_number, "{length}");
            let bytes = names.text.capacity() + names.spans.capacity() * size_of::<Span>();
            assert!(bytes <= SORTED_BYTES, "{length}: {bytes}");
            let is_full = bytes + 3 * TEXT_STEP + length > SORTED_BYTES;
            assert!(is_bounded_by_number || is_full, "{length}: {bytes}");
        }
    }
}
