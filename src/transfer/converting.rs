//! RETR in any representation but the plain one: read a piece, convert it, send it.
//!
//! Converted bytes that the connection did not take are buffered, because they have no offset in the
//! file any more. The event loop may convert, except for compression, which is too slow for it and
//! needs a worker. RFC 959 §3.1 to §3.5.

mod file_cursor;

use super::encoder::WireEncoder;
use super::representation::Representation;
use super::{Interest, Scratch, Sent, SliceOutcome, TransferFailure, send};
use crate::limits::{CONVERTED_BYTES, MARKER_BYTES};
use crate::net::Stream;
use crate::storage::Wait;

pub(super) use file_cursor::FileCursor;

pub(super) struct Converting {
    encoder: WireEncoder,
    /// Whether the end of the file is converted too: only `unsent` is left.
    is_finished: bool,
    /// The offset of the next restart marker; `None` if the MODE has none.
    marker: Option<u64>,
    /// Converted bytes that the connection has not taken.
    unsent: Vec<u8>,
}

impl Converting {
    /// `None` if the file is sent as it is.
    pub(super) fn new(representation: Representation, offset: u64) -> Option<Self> {
        Some(Self {
            encoder: WireEncoder::for_file(representation)?,
            is_finished: false,
            marker: representation
                .has_markers()
                .then(|| offset.saturating_add(MARKER_BYTES)),
            unsent: Vec::new(),
        })
    }

    pub(super) fn slice(
        &mut self,
        file: &mut FileCursor,
        stream: &mut dyn Stream,
        budget: usize,
        wait: Wait,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        // Bytes read and bytes sent both count: either can be far fewer than the other.
        let mut spent = 0;
        while spent < budget {
            scratch.converted.clear();
            if !self.unsent.is_empty() {
                scratch.converted.append(&mut self.unsent);
            } else if self.is_finished {
                return SliceOutcome::Done;
            } else {
                match self.convert(file, wait, scratch) {
                    Ok(count) => spent += count,
                    Err(outcome) => return outcome,
                }
            }
            spent += scratch.converted.len();
            match send(stream, &scratch.converted, moved) {
                Sent::All => {}
                Sent::Part(count) => {
                    debug_assert!(count <= scratch.converted.len());
                    let rest = scratch.converted.get(count..).unwrap_or_default();
                    // `to_vec` allocates the exact size.
                    self.unsent = rest.to_vec();
                    return SliceOutcome::Waiting(Interest::Writable);
                }
                Sent::Failed => return SliceOutcome::Failed(TransferFailure::Connection),
            }
        }
        SliceOutcome::Again
    }

    /// Converts the next piece, or the end, into the scratch buffer. Returns the bytes read.
    fn convert(
        &mut self,
        file: &mut FileCursor,
        wait: Wait,
        scratch: &mut Scratch,
    ) -> Result<usize, SliceOutcome> {
        let malformed = |_| SliceOutcome::Failed(TransferFailure::Malformed);
        if file.left() == 0 {
            self.is_finished = true;
            let out = &mut scratch.converted;
            return self.encoder.finish(out).map(|()| 0).map_err(malformed);
        }
        let at = file.offset();
        let is_marked = self.marker == Some(at);
        let next = if is_marked {
            at.checked_add(MARKER_BYTES)
        } else {
            self.marker
        };
        let to_marker = next.map_or(u64::MAX, |next| next - at);
        let buffers = scratch.buffers(to_marker.min(CONVERTED_BYTES as u64));
        let buffers = buffers
            .map_err(TransferFailure::Storage)
            .map_err(SliceOutcome::Failed)?;
        let (text, out) = (buffers.text, buffers.converted);
        let bytes = file.read(buffers.room, wait)?;
        // After the read: a read that would wait is repeated, and must not repeat the marker.
        if is_marked {
            self.encoder.mark(at, out);
        }
        self.marker = next;
        let encoded = self.encoder.encode(bytes, text, out);
        encoded.map(|()| bytes.len()).map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::testing::{FakeFile, FakeStream};
    use crate::storage::{Memory, Storage as _, VirtualPath};
    use crate::transfer::{DataType, Mode};

    /// The markers in a MODE B stream: the number of file bytes before each, and its text.
    fn markers(mut wire: &[u8]) -> Vec<(u64, String)> {
        let (mut found, mut at) = (Vec::new(), 0);
        while let [descriptor, high, low, rest @ ..] = wire {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let (block, behind) = rest.split_at(length);
            if descriptor & 16 != 0 {
                found.push((at, String::from_utf8_lossy(block).into()));
            } else {
                at += length as u64;
            }
            wire = behind;
        }
        found
    }

    #[test]
    fn markers_are_at_their_offsets_with_short_reads() {
        const FROM: u64 = 5;
        let size = 2 * MARKER_BYTES + 9;
        let memory = Memory::new().with_file("/f", &vec![b'x'; usize::try_from(size).unwrap()]);
        let path = VirtualPath::root().join(b"f").unwrap();
        let (file, _) = memory.open(&path, Wait::Allowed).unwrap();
        let representation = Representation {
            data_type: DataType::Image,
            mode: Mode::Block,
            ..Representation::default()
        };
        // Short reads, as of the page cache.
        let reads = Ok(7_001);
        let file = FakeFile { file, reads };
        let mut file = FileCursor::new(Box::new(file), FROM, size - FROM);
        let mut converting = Converting::new(representation, FROM).unwrap();
        let mut scratch = Scratch::new(CONVERTED_BYTES);
        let (mut wire, mut moved) = (FakeStream::default(), 0);
        let mut slice = || {
            let (budget, wait) = (CONVERTED_BYTES, Wait::Allowed);
            converting.slice(&mut file, &mut wire, budget, wait, &mut scratch, &mut moved)
        };
        while slice() == SliceOutcome::Again {}
        assert_eq!(slice(), SliceOutcome::Done);
        let expected = [MARKER_BYTES, 2 * MARKER_BYTES].map(|at| (at, (FROM + at).to_string()));
        assert_eq!(markers(&wire.outgoing), expected);
    }
}
