//! Restart markers of an upload in MODE B (RFC 959 §3.5): a cut upload keeps exactly the bytes before
//! the last acknowledged marker.

use std::sync::Arc;

use mioftpd::internals::event_loop::Interest;
use mioftpd::internals::net::Channel;
use mioftpd::internals::storage::{Memory, Placement, Storage, Wait};
use mioftpd::internals::transfer::{
    DataType, Direction, FormatControl, Mark, Mode, Plan, Representation, Scratch, SliceOutcome,
    Structure, Transfer, TransferFailure,
};
use mioftpd::{CutUploads, VirtualPath};

use crate::channels::wire::{End, Shared};

const TEXT: DataType = DataType::Ascii(FormatControl::NonPrint);

struct Upload {
    memory: Memory,
    transfer: Transfer,
    wire: Shared,
}

impl Upload {
    /// In the clear, replacing a file.
    fn new(data_type: DataType) -> Self {
        let memory = Memory::new().with_file("/f", b"old");
        let plan = Plan {
            direction: Direction::Store {
                path: VirtualPath::root().join(b"f").unwrap(),
                placement: Placement::Replace,
                umask: None,
                cut: CutUploads::default(),
            },
            representation: Representation {
                data_type,
                structure: Structure::File,
                mode: Mode::Block,
            },
            rate: None,
        };
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let (source, _) = plan.open(&mut None, &storage, Wait::Allowed).unwrap();
        let wire = Shared::new();
        Self {
            memory,
            transfer: Transfer::new(Channel::clear(wire.socket()), source),
            wire,
        }
    }

    /// Receives these bytes. Returns how often a slice gave `Again`, and the last outcome.
    fn run(&mut self, bytes: &[u8]) -> (usize, SliceOutcome) {
        self.wire.lock().inbound.extend(bytes);
        let mut scratch = Scratch::new(4096);
        for again in 0..100 {
            match self.transfer.slice(100_000, Wait::Allowed, &mut scratch) {
                // A marker is acknowledged before more is read.
                SliceOutcome::Again => {}
                outcome => return (again, outcome),
            }
        }
        panic!("the transfer does not stop");
    }

    /// Cuts the connection. Returns the file, and the size that was kept.
    fn cut(mut self) -> (Vec<u8>, Option<u64>) {
        self.wire.lock().end = End::Reset;
        let (_, outcome) = self.run(b"");
        assert_eq!(outcome, SliceOutcome::Failed(TransferFailure::Connection));
        let kept = self.transfer.kept();
        drop(self.transfer);
        let left = (self.memory.open_handles(), self.memory.pending_uploads());
        assert_eq!(left, (0, 0));
        (self.memory.read("/f").unwrap(), kept)
    }
}

fn block(descriptor: u8, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[descriptor, high, low][..], bytes].concat()
}

fn data(bytes: &[u8]) -> Vec<u8> {
    block(0, bytes)
}

fn marker(text: &[u8]) -> Vec<u8> {
    block(16, text)
}

fn mark(marker: &[u8], offset: u64) -> Mark {
    let marker = marker.to_vec();
    Mark { marker, offset }
}

const WAITS_FOR_DATA: SliceOutcome = SliceOutcome::Waiting(Interest::Readable);

#[test]
fn cut_keeps_acknowledged_and_not_merely_reached_bytes() {
    let mut upload = Upload::new(DataType::Image);
    let (again, outcome) = upload.run(&[data(b"abc"), marker(b"one")].concat());
    assert_eq!((again > 0, outcome), (true, WAITS_FOR_DATA));
    assert_eq!(upload.transfer.take_mark(), Some(mark(b"one", 3)));
    assert_eq!(upload.transfer.take_mark(), None);
    upload.run(&[data(b"def"), marker(b"two"), data(b"ghi")].concat());
    assert_eq!(upload.cut(), (b"abc".to_vec(), Some(3)));
}

#[test]
fn cut_keeps_nothing_without_acknowledged_marker() {
    for sent in [data(b"abc"), [data(b"abc"), marker(b"one")].concat()] {
        let mut upload = Upload::new(DataType::Image);
        upload.run(&sent);
        assert_eq!(upload.cut(), (b"old".to_vec(), None));
    }
}

/// The acknowledgement of a marker includes the markers before it.
#[test]
fn last_of_two_markers_is_acknowledged() {
    let mut upload = Upload::new(DataType::Image);
    upload.run(&[data(b"a"), marker(b"zero")].concat());
    assert_eq!(upload.transfer.take_mark(), Some(mark(b"zero", 1)));
    upload.run(&[data(b"bc"), marker(b"one"), data(b"def"), marker(b"two")].concat());
    assert_eq!(upload.transfer.take_mark(), Some(mark(b"two", 6)));
    upload.run(&data(b"ghi"));
    assert_eq!(upload.cut(), (b"abcdef".to_vec(), Some(6)));
}

/// A CR is held back until the next byte decides what it means, so that no offset is known there.
#[test]
fn marker_between_cr_and_lf_is_not_acknowledged() {
    let mut upload = Upload::new(TEXT);
    let (_, outcome) = upload.run(&[data(b"a\r"), marker(b"one"), data(b"\nb")].concat());
    assert_eq!(outcome, WAITS_FOR_DATA);
    assert_eq!(upload.transfer.take_mark(), None);
    upload.run(&marker(b"two"));
    assert_eq!(upload.transfer.take_mark(), Some(mark(b"two", 3)));
    let (_, outcome) = upload.run(&block(64, b"c"));
    assert_eq!(outcome, SliceOutcome::Received);
    assert_eq!(upload.transfer.commit(), SliceOutcome::Done);
    assert_eq!(upload.memory.read("/f").unwrap(), b"a\nbc");
}
