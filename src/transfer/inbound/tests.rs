//! Uploads without a network: waiting for the quota's count, and what an abandoned upload leaves.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::net::Channel;
use crate::storage::{File, Memory, Metadata, Placement, Storage, Wait};
use crate::transfer::{Direction, FormatControl, Mode, Plan, Transfer};

const BUDGET: usize = 1 << 20;

/// Returns one piece per read, `WouldBlock` for an empty one, and then the end.
struct Pieces(VecDeque<Vec<u8>>);

impl Pieces {
    fn of(pieces: &[&[u8]]) -> Self {
        Self(pieces.iter().map(|piece| piece.to_vec()).collect())
    }
}

impl Stream for Pieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.0.pop_front() else {
            return Ok(0);
        };
        if piece.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = room.len().min(piece.len());
        room[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            self.0.push_front(piece.split_off(count));
        }
        Ok(count)
    }

    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn send_file(&mut self, _: &dyn File, _: u64, _: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connected(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn local_address(&self) -> io::Result<SocketAddr> {
        Err(io::ErrorKind::NotConnected.into())
    }

    fn shutdown(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn reset_on_close(&mut self) {}
}

/// A file with a quota that is not counted yet.
struct Uncounted {
    file: Box<dyn UploadFile>,
    is_counted: Arc<AtomicBool>,
}

impl UploadFile for Uncounted {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        if !self.is_counted.load(Ordering::Relaxed) {
            return Err(Error::NotCounted);
        }
        self.file.write_at(bytes, offset)
    }

    fn metadata(&self) -> Result<Metadata> {
        self.file.metadata()
    }

    fn commit_state(&self) -> Result<CommitState> {
        self.file.commit_state()
    }

    fn commit(&mut self) -> Result<()> {
        self.file.commit()
    }

    fn forbid_replace(&mut self) -> Result<()> {
        self.file.forbid_replace()
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        self.file.commit_truncated(size)
    }
}

fn image() -> Representation {
    Representation {
        data_type: DataType::Image,
        ..Representation::default()
    }
}

fn ascii() -> Representation {
    Representation {
        data_type: DataType::Ascii(FormatControl::NonPrint),
        ..Representation::default()
    }
}

fn path() -> VirtualPath {
    VirtualPath::root().join(b"f").unwrap()
}

fn upload(memory: &Memory, representation: Representation, cut: CutUploads) -> Inbound {
    let upload = memory.create(&path(), Placement::Replace, None).unwrap();
    Inbound::new(upload, representation, cut)
}

/// An upload whose quota is not counted, and the flag that says it is.
fn uncounted(memory: &Memory, representation: Representation) -> (Inbound, Arc<AtomicBool>) {
    let is_counted = Arc::new(AtomicBool::new(false));
    let made = memory.create(&path(), Placement::Replace, None).unwrap();
    let uncounted = Upload {
        file: Box::new(Uncounted {
            file: made.file,
            is_counted: Arc::clone(&is_counted),
        }),
        ..made
    };
    let inbound = Inbound::new(uncounted, representation, CutUploads::Discard);
    (inbound, is_counted)
}

/// Runs slices until the outcome is not `Again`.
fn slice(inbound: &mut Inbound, wire: &mut Pieces, moved: &mut u64) -> SliceOutcome {
    let mut scratch = Scratch::new(BUDGET);
    loop {
        match inbound.slice(wire, BUDGET, &mut scratch, moved) {
            SliceOutcome::Again => {}
            outcome => return outcome,
        }
    }
}

/// The content of the stored file.
fn stored(memory: &Memory) -> Option<Vec<u8>> {
    let (file, metadata) = memory.open(&path(), Wait::Allowed).ok()?;
    let mut bytes = vec![0; usize::try_from(metadata.size).unwrap()];
    let count = file.read_at(&mut bytes, 0, Wait::Allowed).unwrap();
    assert_eq!(count, bytes.len());
    Some(bytes)
}

#[test]
fn held_write_is_written_once_in_order_after_count() {
    let long = vec![b'y'; UNCOUNTED_BYTES / 2];
    for representation in [image(), ascii()] {
        let memory = Memory::new();
        let (mut inbound, is_counted) = uncounted(&memory, representation);
        let (mut wire, mut moved) = (Pieces::of(&[b"first ", &long, b" last"]), 0);
        for _ in 0..3 {
            let outcome = slice(&mut inbound, &mut wire, &mut moved);
            assert_eq!((outcome, moved), (SliceOutcome::NotCounted, 6));
        }
        is_counted.store(true, Ordering::Relaxed);
        assert_eq!(
            slice(&mut inbound, &mut wire, &mut moved),
            SliceOutcome::Received
        );
        inbound.commit().unwrap();
        let whole = [b"first ", &long[..], b" last"].concat();
        assert_eq!(moved, whole.len() as u64);
        assert!(stored(&memory) == Some(whole), "{representation}");
    }
}

#[test]
fn marker_after_held_write_is_reached_when_written() {
    let memory = Memory::new();
    let representation = Representation {
        mode: Mode::Block,
        ..image()
    };
    let (mut inbound, is_counted) = uncounted(&memory, representation);
    let blocks = b"\0\0\x03abc\x10\0\x01m\0\0\x02de";
    let (mut wire, mut moved) = (Pieces::of(&[blocks, b""]), 0);
    let waits = slice(&mut inbound, &mut wire, &mut moved);
    assert_eq!(waits, SliceOutcome::NotCounted);
    is_counted.store(true, Ordering::Relaxed);
    slice(&mut inbound, &mut wire, &mut moved);
    let mark = inbound.take_mark().unwrap();
    assert_eq!((mark.marker.as_slice(), mark.offset), (&b"m"[..], 3));
}

#[test]
fn stop_waiting_fails_the_held_write_with_quota_exceeded() {
    let memory = Memory::new();
    let (mut inbound, _) = uncounted(&memory, image());
    let (mut wire, mut moved) = (Pieces::of(&[b"bytes"]), 0);
    assert_eq!(
        slice(&mut inbound, &mut wire, &mut moved),
        SliceOutcome::NotCounted
    );
    inbound.stop_waiting();
    let refused = SliceOutcome::Failed(TransferFailure::Storage(Error::QuotaExceeded));
    assert_eq!(slice(&mut inbound, &mut wire, &mut moved), refused);
}

#[test]
fn cut_upload_is_kept_or_discarded_as_configured() {
    for (cut, is_cut, representation, sent, kept) in [
        (CutUploads::Discard, true, image(), 3, None),
        (CutUploads::Keep, true, image(), 3, Some(3)),
        (CutUploads::Keep, false, image(), 3, None),
        (CutUploads::Keep, true, image(), 0, None),
        // The size of converted text is no offset to resume at.
        (CutUploads::Keep, true, ascii(), 3, None),
    ] {
        let memory = Memory::new();
        let mut inbound = upload(&memory, representation, cut);
        let bytes = vec![b'x'; sent];
        let (mut wire, mut moved) = (Pieces::of(&[&bytes, b""]), 0);
        let outcome = slice(&mut inbound, &mut wire, &mut moved);
        assert_eq!(outcome, SliceOutcome::Waiting(Interest::Readable));
        assert_eq!((memory.open_handles(), memory.pending_uploads()), (1, 1));
        assert_eq!(inbound.abandon(is_cut), kept, "{representation} {is_cut}");
        assert_eq!(stored(&memory), kept.map(|_| bytes));
        assert_eq!((memory.open_handles(), memory.pending_uploads()), (0, 0));
    }
}

#[test]
fn kept_partial_upload_does_not_replace_a_file() {
    let memory = Memory::new().with_file("/f", b"old");
    let mut inbound = upload(&memory, image(), CutUploads::Keep);
    let (mut wire, mut moved) = (Pieces::of(&[b"newer", b""]), 0);
    slice(&mut inbound, &mut wire, &mut moved);
    assert_eq!(inbound.abandon(true), None);
    assert_eq!(stored(&memory).unwrap(), b"old");
}

#[test]
fn bytes_before_acknowledged_marker_are_kept() {
    let representation = Representation {
        mode: Mode::Block,
        ..image()
    };
    let memory = Memory::new();
    let mut inbound = upload(&memory, representation, CutUploads::Discard);
    let blocks = b"\0\0\x03abc\x10\0\x01m\0\0\x02de";
    let (mut wire, mut moved) = (Pieces::of(&[blocks, b""]), 0);
    slice(&mut inbound, &mut wire, &mut moved);
    let mark = inbound.take_mark().unwrap();
    assert_eq!((mark.marker.as_slice(), mark.offset), (&b"m"[..], 3));
    assert!(inbound.take_mark().is_none());
    assert_eq!(inbound.abandon(false), Some(3));
    assert_eq!(stored(&memory).unwrap(), b"abc");
}

#[test]
fn failed_transfer_reports_kept_size() {
    let memory = Memory::new();
    let plan = Plan {
        direction: Direction::Store {
            path: path(),
            placement: Placement::Replace,
            umask: None,
            cut: CutUploads::Discard,
        },
        representation: Representation {
            mode: Mode::Block,
            ..image()
        },
        rate: None,
    };
    let storage: Arc<dyn Storage> = Arc::new(memory.clone());
    let (source, _) = plan.open(&mut None, &storage, Wait::Allowed).unwrap();
    let wire = Pieces::of(&[b"\0\0\x03abc\x10\0\x01m", b"\0\0\x02de"]);
    let mut transfer = Transfer::new(Channel::clear(Box::new(wire)), source);
    let mut scratch = Scratch::new(BUDGET);
    while transfer.slice(BUDGET, Wait::Allowed, &mut scratch) == SliceOutcome::Again {
        assert_eq!(transfer.kept(), None);
        transfer.take_mark();
    }
    assert_eq!(transfer.kept(), Some(3));
    assert_eq!(stored(&memory).unwrap(), b"abc");
}
