//! Scratch buffers for one slice of a transfer.
//!
//! The event loop and each worker thread own one set, so that a waiting transfer holds no buffers. They are
//! allocated when first used, and their content is undefined between two slices. The read buffer is memory
//! of its own from the kernel, which has it back when a thread ends, whatever the allocator keeps.

use memmap2::MmapMut;

use crate::storage::Error;

/// The buffers of a slice.
pub struct Scratch {
    /// Bytes that were read; `None` until first used.
    chunk: Option<MmapMut>,
    /// The length of `chunk`.
    bytes: usize,
    /// The intermediate form of a conversion in two steps.
    pub(super) text: Vec<u8>,
    /// Converted bytes.
    pub(super) converted: Vec<u8>,
}

/// The buffers on loan.
pub(super) struct Buffers<'s> {
    /// The read buffer, cut to what may be read.
    pub(super) room: &'s mut [u8],
    pub(super) text: &'s mut Vec<u8>,
    pub(super) converted: &'s mut Vec<u8>,
}

impl Scratch {
    /// Buffers for reads of at most `bytes`.
    pub const fn new(bytes: usize) -> Self {
        Self {
            chunk: None,
            bytes,
            text: Vec::new(),
            converted: Vec::new(),
        }
    }

    /// The read buffer, cut to `most` bytes.
    pub(crate) fn room(&mut self, most: u64) -> Result<&mut [u8], Error> {
        Ok(self.buffers(most)?.room)
    }

    /// All buffers; the read buffer is cut to `most` bytes.
    ///
    /// # Errors
    /// [`Error::Exhausted`]: the system has no memory for it.
    pub(super) fn buffers(&mut self, most: u64) -> Result<Buffers<'_>, Error> {
        let chunk = match self.chunk.take() {
            Some(chunk) => chunk,
            None => MmapMut::map_anon(self.bytes).map_err(|_| Error::Exhausted)?,
        };
        let chunk = self.chunk.insert(chunk);
        Ok(Buffers {
            room: capped(chunk, most),
            text: &mut self.text,
            converted: &mut self.converted,
        })
    }
}

/// The first `most` bytes of `room`, or all of it.
pub(super) fn capped(room: &mut [u8], most: u64) -> &mut [u8] {
    let length = usize::try_from(most).map_or(room.len(), |most| most.min(room.len()));
    // Always in range.
    room.get_mut(..length).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_buffer_has_its_length_or_less() {
        let mut scratch = Scratch::new(4096);
        for (most, length) in [(0, 0), (1, 1), (4096, 4096), (u64::MAX, 4096)] {
            assert_eq!(scratch.room(most).unwrap().len(), length);
        }
        assert_eq!(Scratch::new(0).room(1), Ok(&mut [][..]));
    }

    #[test]
    fn refused_memory_is_an_error() {
        let mut scratch = Scratch::new(isize::MAX as usize);
        assert_eq!(scratch.room(1), Err(Error::Exhausted));
    }
}
