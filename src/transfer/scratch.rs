//! The buffers that a slice of a transfer uses.
//!
//! The loop owns one set and each worker thread owns one, so that a transfer at rest holds no
//! memory for bytes. A slice must not expect that they keep anything between two calls.

/// The buffers of a slice.
pub struct Scratch {
    /// Bytes as read.
    pub(super) chunk: Vec<u8>,
    /// Bytes between two conversions.
    pub(super) text: Vec<u8>,
    /// Bytes as converted.
    pub(super) converted: Vec<u8>,
}

impl Scratch {
    /// Buffers for reads of at most `bytes`.
    pub fn new(bytes: usize) -> Self {
        Self {
            chunk: vec![0; bytes],
            text: Vec::new(),
            converted: Vec::new(),
        }
    }

    /// The read buffer, cut to `most` bytes.
    pub(crate) fn room(&mut self, most: u64) -> &mut [u8] {
        let length = usize::try_from(most).map_or(self.chunk.len(), |m| m.min(self.chunk.len()));
        self.chunk.get_mut(..length).unwrap_or_default()
    }
}
