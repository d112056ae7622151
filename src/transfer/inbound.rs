//! STOR, STOU and APPE: writes the data connection's bytes to a file. RFC 959 §3.4 and §3.5.
//!
//! In MODE S the end of the connection is the end of the file, so an orderly end only gives
//! [`SliceOutcome::Received`]: the owner, which sees the control connection too, decides whether the
//! upload is complete and calls [`Inbound::commit`]. An upload that is abandoned before loses its
//! temporary file, unless partial uploads are kept ([`CutUploads`]) or a restart marker was
//! acknowledged, which promises that the bytes before it are stored.

use std::io;

use super::decoder::{DecodeProgress, WireDecoder};
use super::{
    DataType, Interest, Mark, Representation, Scratch, SliceOutcome, Structure, TransferFailure,
};
use crate::limits::{CONVERTED_BYTES, READ_BYTES_NEAR_QUOTA, UNCOUNTED_BYTES};
use crate::net::Stream;
use crate::protocol::framing::Marker;
use crate::storage::{CommitState, CutUploads, Error, Result, Upload, UploadFile, VirtualPath};

pub(super) struct Inbound {
    file: Box<dyn UploadFile>,
    path: VirtualPath,
    /// The offset of the first byte of this upload.
    begin: u64,
    /// The offset of the next write.
    offset: u64,
    cut: CutUploads,
    /// `None` if the wire is the file.
    decoding: Option<Box<Decoding>>,
    /// A write that the quota postponed.
    held: Option<Box<HeldWrite>>,
    /// Whether to wait until the files under the quota are counted.
    waits_for_count: bool,
    /// Whether the last byte is written: nothing is read any more.
    is_received: bool,
}

/// A write that may fit the quota once its files are counted, and the progress that came with it.
struct HeldWrite {
    bytes: Vec<u8>,
    progress: DecodeProgress,
}

struct Decoding {
    decoder: WireDecoder,
    /// Input that was left when a slice ended.
    undecoded: Vec<u8>,
    marker: MarkerState,
}

/// The last restart marker.
#[derive(Default)]
struct MarkerState {
    /// It is to be acknowledged.
    reached: Option<Mark>,
    /// The offset that was acknowledged last: the client may resume from it, whatever happens.
    acknowledged: Option<u64>,
}

impl Inbound {
    pub(super) fn new(upload: Upload, representation: Representation, cut: CutUploads) -> Self {
        let decoding = WireDecoder::for_file(representation).map(|decoder| {
            Box::new(Decoding {
                decoder,
                undecoded: Vec::new(),
                marker: MarkerState::default(),
            })
        });
        // A client resumes at the size of the file, so that must be an offset in its own file.
        let is_prefix = representation.data_type == DataType::Image
            && representation.structure == Structure::File;
        Self {
            file: upload.file,
            path: upload.path,
            begin: upload.offset,
            offset: upload.offset,
            cut: if is_prefix { cut } else { CutUploads::Discard },
            decoding,
            held: None,
            waits_for_count: true,
            is_received: false,
        }
    }

    pub(super) fn slice(
        &mut self,
        stream: &mut dyn Stream,
        budget: usize,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        debug_assert!(!self.is_received, "the upload has its last byte");
        let leftovers = self.take_leftovers(scratch, budget);
        let outcome = leftovers.unwrap_or_else(|| self.receive(stream, budget, scratch, moved));
        self.is_received = outcome == SliceOutcome::Received;
        outcome
    }

    /// Whether the upload has its last byte.
    pub(super) const fn is_received(&self) -> bool {
        self.is_received
    }

    fn receive(
        &mut self,
        stream: &mut dyn Stream,
        budget: usize,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        // Undecoded input is buffered when the budget is used up: keep it small.
        let most = if self.decoding.is_some() {
            budget.min(CONVERTED_BYTES)
        } else {
            budget
        };
        let mut spent = 0;
        while spent < budget {
            // Read no more than can be held back if the quota postpones the write.
            let room = self.file.room(self.offset).max(READ_BYTES_NEAR_QUOTA);
            let buffers = match scratch.buffers(room.min(most as u64)) {
                Ok(buffers) => buffers,
                Err(error) => return SliceOutcome::Failed(TransferFailure::Storage(error)),
            };
            match stream.read(buffers.room) {
                Ok(0) => return self.end(scratch),
                Ok(count) => {
                    *moved += count as u64;
                    spent += count;
                    debug_assert!(count <= buffers.room.len());
                    let received = buffers.room.get(..count).unwrap_or_default();
                    if let Some(outcome) =
                        self.take(received, buffers.converted, budget, &mut spent)
                    {
                        return outcome;
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return SliceOutcome::Waiting(Interest::Readable),
                    // TLS used up its budget of reads without any plaintext.
                    io::ErrorKind::Interrupted => return SliceOutcome::Again,
                    _ => return SliceOutcome::Failed(TransferFailure::Connection),
                },
            }
        }
        SliceOutcome::Again
    }

    /// Whether the representation marks the end of the file.
    pub(super) fn announces_end(&self) -> bool {
        let decoding = self.decoding.as_deref();
        decoding.is_some_and(|decoding| decoding.decoder.announces_end())
    }

    /// Stops waiting for the count of files: a write that does not fit the quota now fails.
    pub(super) const fn stop_waiting(&mut self) {
        self.waits_for_count = false;
    }

    /// Moves the complete file to its final name.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.file.commit()
    }

    /// Whether there is a restart marker to acknowledge.
    pub(super) fn has_mark(&self) -> bool {
        let decoding = self.decoding.as_deref();
        decoding.is_some_and(|decoding| decoding.marker.reached.is_some())
    }

    /// Takes a restart marker to acknowledge. From now on the bytes before it are kept.
    pub(super) fn take_mark(&mut self) -> Option<Mark> {
        let marker = &mut self.decoding.as_deref_mut()?.marker;
        let mark = marker.reached.take()?;
        marker.acknowledged = Some(mark.offset);
        Some(mark)
    }

    /// Ends an incomplete upload; `is_cut` if its connection was lost. Commits the bytes before an
    /// acknowledged marker; else, if partial uploads are kept, the bytes of a cut upload, unless a file
    /// has the name. Returns the offset to resume at, if bytes are kept; a file that was written in
    /// place may be longer. Waits for the disk.
    pub(super) fn abandon(mut self, is_cut: bool) -> Option<u64> {
        let (size, kept) = self.keep_partial(is_cut)?;
        let path = &self.path;
        match kept {
            Ok(()) => {
                log::info!("Kept the partial upload {path}: {size} bytes");
                return Some(size);
            }
            // Does not replace an existing file.
            Err(Error::Exists) => {}
            // The client finds out when it asks for the size.
            Err(error) => {
                let reason = error.reason();
                log::warn!("Cannot keep the partial upload {path}: {reason}");
            }
        }
        None
    }

    fn keep_partial(&mut self, is_cut: bool) -> Option<(u64, Result<()>)> {
        let decoding = self.decoding.take();
        let acknowledged = decoding.and_then(|decoding| decoding.marker.acknowledged);
        if let Some(offset) = acknowledged {
            return Some((offset, self.file.commit_truncated(offset)));
        }
        let is_in_place = self.file.commit_state() == Ok(CommitState::InPlace);
        let is_kept = is_in_place || (is_cut && self.cut == CutUploads::Keep);
        if self.offset == self.begin || !is_kept {
            return None;
        }
        let kept = self.file.forbid_replace();
        let kept = kept.and_then(|()| self.file.commit_truncated(self.offset));
        Some((self.offset, kept))
    }

    /// Writes what earlier slices left: the held write, then undecoded input. `None` is progress.
    fn take_leftovers(&mut self, scratch: &mut Scratch, budget: usize) -> Option<SliceOutcome> {
        let held = self.held.take().map(|held| *held);
        let Some(HeldWrite { bytes, progress }) = held else {
            return self.take_undecoded(&mut scratch.converted, budget, &mut 0);
        };
        match self.write(&bytes, progress) {
            Err(outcome) => Some(outcome),
            Ok(DecodeProgress::Ended) => Some(SliceOutcome::Received),
            Ok(DecodeProgress::Marker(marker)) if self.reach(&marker) => Some(SliceOutcome::Again),
            Ok(_) => self.take_undecoded(&mut scratch.converted, budget, &mut 0),
        }
    }

    fn take_undecoded(
        &mut self,
        converted: &mut Vec<u8>,
        budget: usize,
        spent: &mut usize,
    ) -> Option<SliceOutcome> {
        let undecoded = std::mem::take(&mut self.decoding.as_deref_mut()?.undecoded);
        if undecoded.is_empty() {
            return None;
        }
        self.take(&undecoded, converted, budget, spent)
    }

    /// Decodes and writes received bytes. `None` is progress.
    fn take(
        &mut self,
        received: &[u8],
        converted: &mut Vec<u8>,
        budget: usize,
        spent: &mut usize,
    ) -> Option<SliceOutcome> {
        let mut rest = received;
        loop {
            let Some(decoding) = &mut self.decoding else {
                return self.write(received, DecodeProgress::NeedsInput).err();
            };
            converted.clear();
            let progress = decoding.decoder.decode(&mut rest, converted);
            *spent += converted.len();
            let Ok(progress) = progress else {
                return Some(match self.write(converted, DecodeProgress::NeedsInput) {
                    Err(failed @ SliceOutcome::Failed(_)) => failed,
                    _ => SliceOutcome::Failed(TransferFailure::Malformed),
                });
            };
            let progress = self.write(converted, progress);
            let outcome = match progress {
                Ok(DecodeProgress::NeedsInput) => return None,
                Ok(DecodeProgress::OutputFull) if *spent < budget => continue,
                Ok(DecodeProgress::OutputFull) => SliceOutcome::Again,
                Ok(DecodeProgress::Marker(marker)) if self.reach(&marker) => SliceOutcome::Again,
                Ok(DecodeProgress::Marker(_)) => continue,
                Ok(DecodeProgress::Ended) => return Some(SliceOutcome::Received),
                Err(outcome) => outcome,
            };
            if let Some(decoding) = &mut self.decoding {
                decoding.undecoded = rest.to_vec();
            }
            return Some(outcome);
        }
    }

    /// Writes decoded bytes and returns their progress. If the quota may have room later, holds both
    /// back.
    fn write(
        &mut self,
        bytes: &[u8],
        progress: DecodeProgress,
    ) -> std::result::Result<DecodeProgress, SliceOutcome> {
        match append(self.file.as_ref(), &mut self.offset, bytes) {
            Ok(()) => Ok(progress),
            Err(Error::NotCounted) if !self.waits_for_count || bytes.len() > UNCOUNTED_BYTES => {
                Err(SliceOutcome::Failed(TransferFailure::Storage(
                    Error::QuotaExceeded,
                )))
            }
            Err(Error::NotCounted) => {
                let bytes = bytes.to_vec();
                self.held = Some(Box::new(HeldWrite { bytes, progress }));
                Err(SliceOutcome::NotCounted)
            }
            Err(error) => Err(SliceOutcome::Failed(TransferFailure::Storage(error))),
        }
    }

    /// Notes a marker. Returns whether it is to be acknowledged.
    fn reach(&mut self, marker: &Marker) -> bool {
        let Some(decoding) = &mut self.decoding else {
            return false;
        };
        let may_mark = decoding.decoder.may_mark();
        if may_mark {
            decoding.marker.reached = Some(Mark {
                marker: marker.text().to_vec(),
                offset: self.offset,
            });
        }
        may_mark
    }

    /// The connection has ended: so has the file, unless the MODE marks its end.
    fn end(&mut self, scratch: &mut Scratch) -> SliceOutcome {
        let Some(decoding) = &mut self.decoding else {
            return SliceOutcome::Received;
        };
        scratch.converted.clear();
        if decoding.decoder.close(&mut scratch.converted).is_err() {
            return SliceOutcome::Failed(TransferFailure::Connection);
        }
        let written = self.write(&scratch.converted, DecodeProgress::Ended);
        written.map_or_else(|outcome| outcome, |_| SliceOutcome::Received)
    }
}

fn append(file: &dyn UploadFile, offset: &mut u64, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    file.write_at(bytes, *offset)?;
    *offset += bytes.len() as u64;
    Ok(())
}

#[cfg(test)]
mod tests;
