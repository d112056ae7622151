//! Restart markers of an upload in MODE B (RFC 959 §3.5): what the client was told of stays, wherever
//! the rest is cut, and nothing else does.

use std::sync::Arc;

use mioftpd::event_loop::Interest;
use mioftpd::net::Channel;
use mioftpd::storage::{CutUploads, Memory, Placement, Storage, VirtualPath, Wait};
use mioftpd::transfer::{
    DataType, Direction, Failure, FormatControl, Mark, Mode, Plan, Representation, Scratch,
    SliceOutcome, Structure, Transfer,
};

use crate::wire::{End, Shared};

const TEXT: DataType = DataType::Ascii(FormatControl::NonPrint);

struct Upload {
    memory: Memory,
    transfer: Transfer,
    wire: Shared,
}

impl Upload {
    /// In the clear, in the place of a file.
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

    /// What comes of these bytes: how often it was asked again, and the last that it said.
    fn hears(&mut self, bytes: &[u8]) -> (usize, SliceOutcome) {
        self.wire.lock().inbound.extend(bytes);
        let mut scratch = Scratch::new(4096);
        for again in 0..100 {
            match self.transfer.slice(100_000, Wait::Allowed, &mut scratch) {
                // What a client is told of a marker, it is told before more is read.
                SliceOutcome::Again => {}
                verdict => return (again, verdict),
            }
        }
        panic!("no end of it");
    }

    /// The file, after the connection was cut.
    fn cut(mut self) -> (Vec<u8>, Option<u64>) {
        self.wire.lock().end = End::Reset;
        let (_, verdict) = self.hears(b"");
        assert_eq!(verdict, SliceOutcome::Failed(Failure::Connection));
        let kept = self.transfer.kept();
        drop(self.transfer);
        let left = (self.memory.open_handles(), self.memory.temporaries());
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

fn mark(theirs: &[u8], ours: u64) -> Mark {
    let theirs = theirs.to_vec();
    Mark { theirs, ours }
}

const HUNGRY: SliceOutcome = SliceOutcome::Waiting(Interest::Readable);

#[test]
fn a_cut_keeps_what_was_acknowledged_and_not_what_was_only_reached() {
    let mut upload = Upload::new(DataType::Image);
    let (again, verdict) = upload.hears(&[data(b"abc"), marker(b"one")].concat());
    assert_eq!((again > 0, verdict), (true, HUNGRY));
    assert_eq!(upload.transfer.take_mark(), Some(mark(b"one", 3)));
    assert_eq!(upload.transfer.take_mark(), None);
    upload.hears(&[data(b"def"), marker(b"two"), data(b"ghi")].concat());
    assert_eq!(upload.cut(), (b"abc".to_vec(), Some(3)));
}

#[test]
fn a_cut_keeps_nothing_where_no_marker_was_acknowledged() {
    for sent in [data(b"abc"), [data(b"abc"), marker(b"one")].concat()] {
        let mut upload = Upload::new(DataType::Image);
        upload.hears(&sent);
        assert_eq!(upload.cut(), (b"old".to_vec(), None));
    }
}

/// The client is told of the last one; with it, of those before.
#[test]
fn of_two_markers_that_come_together_the_last_is_told() {
    let mut upload = Upload::new(DataType::Image);
    upload.hears(&[data(b"a"), marker(b"zero")].concat());
    assert_eq!(upload.transfer.take_mark(), Some(mark(b"zero", 1)));
    upload.hears(&[data(b"bc"), marker(b"one"), data(b"def"), marker(b"two")].concat());
    assert_eq!(upload.transfer.take_mark(), Some(mark(b"two", 6)));
    upload.hears(&data(b"ghi"));
    assert_eq!(upload.cut(), (b"abcdef".to_vec(), Some(6)));
}

/// A CR is held back until it is known whether an LF follows: where a file ends behind it, nobody
/// could go on.
#[test]
fn a_marker_between_cr_and_lf_is_not_told() {
    let mut upload = Upload::new(TEXT);
    let (_, verdict) = upload.hears(&[data(b"a\r"), marker(b"one"), data(b"\nb")].concat());
    assert_eq!(verdict, HUNGRY);
    assert_eq!(upload.transfer.take_mark(), None);
    upload.hears(&marker(b"two"));
    assert_eq!(upload.transfer.take_mark(), Some(mark(b"two", 3)));
    let (_, verdict) = upload.hears(&block(64, b"c"));
    assert_eq!(verdict, SliceOutcome::Received);
    assert_eq!(upload.transfer.commit(), SliceOutcome::Done);
    assert_eq!(upload.memory.read("/f").unwrap(), b"a\nbc");
}
