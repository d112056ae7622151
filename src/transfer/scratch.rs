//! Scratch buffers for one slice of a transfer.
//!
//! The event loop and each worker thread own one set, so that a waiting transfer holds no buffers.
//! Their content is undefined between two slices.

/// The buffers of a slice.
pub struct Scratch {
    /// Bytes that were read.
    pub(super) chunk: Vec<u8>,
    /// The intermediate form of a conversion in two steps.
    pub(super) text: Vec<u8>,
    /// Converted bytes.
    pub(super) converted: Vec<u8>,
}

impl Scratch {
    /// Allocates buffers for reads of at most `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self {
            chunk: vec![0; bytes],
            text: Vec::new(),
            converted: Vec::new(),
        }
    }

    /// The read buffer, cut to `most` bytes.
    pub(crate) fn room(&mut self, most: u64) -> &mut [u8] {
        capped(&mut self.chunk, most)
    }
}

/// The first `most` bytes of `room`, or all of it.
pub(super) fn capped(room: &mut [u8], most: u64) -> &mut [u8] {
    let length = usize::try_from(most).map_or(room.len(), |most| most.min(room.len()));
    // Always in range.
    room.get_mut(..length).unwrap_or_default()
}
