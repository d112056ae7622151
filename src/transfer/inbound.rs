//! STOR, STOU and APPE: the data connection's bytes into a file.
//!
//! Where the end of the connection is the end of the file (MODE S), a clean end is only
//! [`SliceOutcome::Received`]: whether the client meant it is decided where the control
//! connection is seen too, before [`Inbound::commit`]. Abandoned before that, a temporary file is
//! removed, unless what it holds is to be kept ([`CutUploads`]) or a restart marker was
//! acknowledged: what is before it was promised to be there. RFC 959 §3.4 and §3.5.

use std::io;

use super::decoder::{Decoder, Progress};
use super::{DataType, Failure, Interest, Mark, Representation, Scratch, SliceOutcome, Structure};
use crate::limits::{CONVERTED_BYTES, HELD_BYTES, UNSURE_BYTES};
use crate::net::Stream;
use crate::protocol::framing::Marker;
use crate::storage::{CutUploads, Error, File, Result, Standing, Upload, VirtualPath, Wait};

pub(super) struct Inbound {
    file: Box<dyn File>,
    path: VirtualPath,
    /// Where its first byte goes.
    begin: u64,
    /// Where the next one goes.
    offset: u64,
    cut: CutUploads,
    /// Where the wire is not the file.
    decoding: Option<Box<Decoding>>,
    /// What could not be written yet.
    held: Option<Box<Held>>,
    /// Whether a count is waited for.
    waits: bool,
}

/// Bytes for which there may be room when the files that a quota is for have been counted, and what
/// came with them.
struct Held {
    bytes: Vec<u8>,
    progress: Progress,
}

struct Decoding {
    decoder: Decoder,
    /// Read, and left over when a slice ended.
    unread: Vec<u8>,
    marking: Marking,
}

/// The last restart marker.
///
/// ```text
///   Nothing ──marker──▶ Reached ──taken──▶ Acknowledged ─┐
///                         ▲ └── (before it) ──┘          │
///                         └────────────marker────────────┘
/// ```
#[derive(Default)]
enum Marking {
    /// There was none.
    #[default]
    Nothing,
    /// The client is to be told; `before` is what it was told before.
    Reached { mark: Mark, before: Option<u64> },
    /// The client may go on from here, whatever happens.
    Acknowledged(u64),
}

impl Inbound {
    pub(super) fn new(upload: Upload, representation: Representation, cut: CutUploads) -> Self {
        let decoding = Decoder::for_file(representation).map(|decoder| {
            Box::new(Decoding {
                decoder,
                unread: Vec::new(),
                marking: Marking::Nothing,
            })
        });
        // The size of what is kept must be where the client goes on.
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
            waits: true,
        }
    }

    pub(super) fn slice(
        &mut self,
        stream: &mut dyn Stream,
        budget: usize,
        wait: Wait,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        if wait == Wait::Never {
            return SliceOutcome::WouldWait;
        }
        if let Some(outcome) = self.go_on(scratch, budget) {
            return outcome;
        }
        self.receive(stream, budget, scratch, moved)
    }

    fn receive(
        &mut self,
        stream: &mut dyn Stream,
        budget: usize,
        scratch: &mut Scratch,
        moved: &mut u64,
    ) -> SliceOutcome {
        // What is left over of it when the budget is used up has to be kept.
        let most = if self.decoding.is_some() {
            budget.min(CONVERTED_BYTES)
        } else {
            budget
        };
        let mut spent = 0;
        while spent < budget {
            // Nor more than can be held back, where it may have to be.
            let room = self.file.room(self.offset).max(UNSURE_BYTES);
            match stream.read(scratch.room(room.min(most as u64))) {
                Ok(0) => return self.end(scratch),
                Ok(count) => {
                    *moved += count as u64;
                    spent += count;
                    let Scratch {
                        chunk, converted, ..
                    } = scratch;
                    let received = chunk.get(..count).unwrap_or_default();
                    if let Some(outcome) = self.take(received, converted, budget, &mut spent) {
                        return outcome;
                    }
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return SliceOutcome::Waiting(Interest::Readable),
                    // Something came of which nothing is for us; others may be next.
                    io::ErrorKind::Interrupted => return SliceOutcome::Again,
                    _ => return SliceOutcome::Failed(Failure::Connection),
                },
            }
        }
        SliceOutcome::Again
    }

    /// Whether the end of the file is in the bytes, and not the end of the connection.
    pub(super) fn announces_end(&self) -> bool {
        let decoding = self.decoding.as_deref();
        decoding.is_some_and(|decoding| decoding.decoder.announces_end())
    }

    /// The count of files takes too long: what there is no room for now is refused.
    pub(super) const fn stop_waiting(&mut self) {
        self.waits = false;
    }

    /// The last byte is in the file; now put the file in its place.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.file.commit()
    }

    /// A restart marker that the client is to be told of. From now on what is before it stays.
    pub(super) fn take_mark(&mut self) -> Option<Mark> {
        let marking = &mut self.decoding.as_deref_mut()?.marking;
        match std::mem::take(marking) {
            Marking::Reached { mark, .. } => {
                *marking = Marking::Acknowledged(mark.ours);
                Some(mark)
            }
            other => {
                *marking = other;
                None
            }
        }
    }

    /// It will not be whole, because its connection `is_cut` or for another reason. What was
    /// acknowledged is put in its place, so that the client can go on from there; else what came of
    /// a cut one, where nothing has the name. From where the client can go on in the file that has
    /// bytes of it: in place there may be more behind. Waits for the disk.
    pub(super) fn abandon(mut self, is_cut: bool) -> Option<u64> {
        let (size, kept) = self.keep(is_cut)?;
        let path = &self.path;
        match kept {
            Ok(()) => {
                log::info!("Kept what came of an upload that was cut: {path} has {size} bytes");
                return Some(size);
            }
            // The name has a file, which stays.
            Err(Error::Exists) => {}
            // The client will hear so when it wants to go on.
            Err(error) => {
                let reason = error.reason();
                log::warn!("A part of an upload could not be kept as {path}: {reason}");
            }
        }
        None
    }

    fn keep(&mut self, is_cut: bool) -> Option<(u64, Result<()>)> {
        let decoding = self.decoding.take();
        let acknowledged = match decoding.map(|decoding| decoding.marking) {
            Some(Marking::Acknowledged(offset)) => Some(offset),
            Some(Marking::Reached { before, .. }) => before,
            Some(Marking::Nothing) | None => None,
        };
        if let Some(offset) = acknowledged {
            return Some((offset, self.file.commit_first(offset)));
        }
        let is_in_place = self.file.standing() == Ok(Standing::InPlace);
        let is_kept = is_in_place || (is_cut && self.cut == CutUploads::Keep);
        if self.offset == self.begin || !is_kept {
            return None;
        }
        let kept = self.file.replace_nothing();
        let kept = kept.and_then(|()| self.file.commit_first(self.offset));
        Some((self.offset, kept))
    }

    /// First what was left over.
    fn go_on(&mut self, scratch: &mut Scratch, budget: usize) -> Option<SliceOutcome> {
        let held = self.held.take().map(|held| *held);
        let Some(Held { bytes, progress }) = held else {
            return self.take_unread(&mut scratch.converted, budget, &mut 0);
        };
        match self.write(&bytes, progress) {
            Err(outcome) => Some(outcome),
            Ok(Progress::Ended) => Some(SliceOutcome::Received),
            Ok(Progress::Marker(marker)) if self.reach(&marker) => Some(SliceOutcome::Again),
            Ok(_) => self.take_unread(&mut scratch.converted, budget, &mut 0),
        }
    }

    fn take_unread(
        &mut self,
        converted: &mut Vec<u8>,
        budget: usize,
        spent: &mut usize,
    ) -> Option<SliceOutcome> {
        let unread = std::mem::take(&mut self.decoding.as_deref_mut()?.unread);
        if unread.is_empty() {
            return None;
        }
        self.take(&unread, converted, budget, spent)
    }

    /// Writes what was received. `None` is progress.
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
                return self.write(received, Progress::Hungry).err();
            };
            converted.clear();
            let progress = decoding.decoder.decode(&mut rest, converted);
            *spent += converted.len();
            let Ok(progress) = progress else {
                return Some(match self.write(converted, Progress::Hungry) {
                    Err(failed @ SliceOutcome::Failed(_)) => failed,
                    _ => SliceOutcome::Failed(Failure::Malformed),
                });
            };
            let progress = self.write(converted, progress);
            let outcome = match progress {
                Ok(Progress::Hungry) => return None,
                Ok(Progress::Full) if *spent < budget => continue,
                Ok(Progress::Full) => SliceOutcome::Again,
                Ok(Progress::Marker(marker)) if self.reach(&marker) => SliceOutcome::Again,
                Ok(Progress::Marker(_)) => continue,
                Ok(Progress::Ended) => return Some(SliceOutcome::Received),
                Err(outcome) => outcome,
            };
            if let Some(decoding) = &mut self.decoding {
                decoding.unread = rest.to_vec();
            }
            return Some(outcome);
        }
    }

    /// Writes what came with this progress; where there may be room later, both are held back.
    fn write(
        &mut self,
        bytes: &[u8],
        progress: Progress,
    ) -> std::result::Result<Progress, SliceOutcome> {
        match append(self.file.as_ref(), &mut self.offset, bytes) {
            Ok(()) => Ok(progress),
            Err(Error::NotCounted) if !self.waits || bytes.len() > HELD_BYTES => {
                Err(SliceOutcome::Failed(Failure::Storage(Error::QuotaExceeded)))
            }
            Err(Error::NotCounted) => {
                let bytes = bytes.to_vec();
                self.held = Some(Box::new(Held { bytes, progress }));
                Err(SliceOutcome::NotCounted)
            }
            Err(error) => Err(SliceOutcome::Failed(Failure::Storage(error))),
        }
    }

    /// Whether the client is to be told of this marker.
    fn reach(&mut self, marker: &Marker) -> bool {
        let Some(decoding) = &mut self.decoding else {
            return false;
        };
        let may_mark = decoding.decoder.may_mark();
        if may_mark {
            decoding.marking.reach(marker.text().to_vec(), self.offset);
        }
        may_mark
    }

    /// The connection has ended: so has the file, unless its end should have been said.
    fn end(&mut self, scratch: &mut Scratch) -> SliceOutcome {
        let Some(decoding) = &mut self.decoding else {
            return SliceOutcome::Received;
        };
        scratch.converted.clear();
        if decoding.decoder.close(&mut scratch.converted).is_err() {
            return SliceOutcome::Failed(Failure::Connection);
        }
        let written = self.write(&scratch.converted, Progress::Ended);
        written.map_or_else(|outcome| outcome, |_| SliceOutcome::Received)
    }
}

impl Marking {
    fn reach(&mut self, theirs: Vec<u8>, ours: u64) {
        let before = match std::mem::take(self) {
            Self::Nothing => None,
            Self::Reached { before, .. } => before,
            Self::Acknowledged(offset) => Some(offset),
        };
        let mark = Mark { theirs, ours };
        *self = Self::Reached { mark, before };
    }
}

fn append(file: &dyn File, offset: &mut u64, bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    file.write_at(bytes, *offset)?;
    *offset += bytes.len() as u64;
    Ok(())
}

#[cfg(test)]
mod tests;
