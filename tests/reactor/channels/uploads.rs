//! Uploads over TLS: complete only with `close_notify`, and a failure of TLS is reported by an alert.
//! RFC 8446 §6.

use std::sync::Arc;

use mioftpd::internals::event_loop::Interest;
use mioftpd::internals::net::Channel;
use mioftpd::internals::storage::{Memory, Placement, Storage, Wait};
use mioftpd::internals::transfer::{
    DataType, Direction, Plan, Representation, Scratch, SliceOutcome, Transfer, TransferFailure,
};
use mioftpd::{CutUploads, VirtualPath};
use rustls::SupportedProtocolVersion;

use crate::channels::peer::{ACCEPTOR, Peer, VERSIONS, control, shake_hands};
use crate::channels::wire::{Close, End, FORGED, Shared};
use crate::support::trusting;

/// The read buffer of the default configuration, and the smallest.
const SCRATCHES: [usize; 2] = [64 * 1024, 4 * 1024];

/// The least size of an alert.
const ALERT_BYTES: usize = 7;

struct Upload {
    memory: Memory,
    transfer: Transfer,
    scratch: Scratch,
    wire: Shared,
}

impl Upload {
    /// An upload over this data connection.
    fn over(channel: Channel, wire: Shared, scratch: usize) -> Self {
        let memory = Memory::new().with_file("/f", b"old");
        let plan = Plan {
            direction: Direction::Store {
                path: VirtualPath::root().join(b"f").unwrap(),
                placement: Placement::Replace,
                umask: None,
                cut: CutUploads::default(),
            },
            representation: Representation {
                data_type: DataType::Image,
                ..Representation::default()
            },
            rate: None,
        };
        let storage: Arc<dyn Storage> = Arc::new(memory.clone());
        let (source, _) = plan.open(&mut None, &storage, Wait::Allowed).unwrap();
        Self {
            memory,
            transfer: Transfer::new(channel, source),
            scratch: Scratch::new(scratch),
            wire,
        }
    }

    /// An upload over TLS.
    fn begun(version: &'static SupportedProtocolVersion, scratch: usize) -> (Self, Peer) {
        let (channel, wire, peer) = secured(version);
        (Self::over(channel, wire, scratch), peer)
    }

    /// An upload over TLS that may end without `close_notify`.
    fn unclean(version: &'static SupportedProtocolVersion, scratch: usize) -> (Self, Peer) {
        let (mut channel, wire, peer) = secured(version);
        channel.allow_unclean_end();
        (Self::over(channel, wire, scratch), peer)
    }

    /// Runs slices until the outcome is not `Again`.
    fn run(&mut self) -> SliceOutcome {
        for _ in 0..1_000 {
            let outcome = self
                .transfer
                .slice(100_000, Wait::Allowed, &mut self.scratch);
            if outcome != SliceOutcome::Again {
                return outcome;
            }
        }
        panic!("the transfer does not stop");
    }

    /// Drops it, and returns how the data connection was closed.
    fn close(self) -> Close {
        let wire = self.wire.clone();
        drop(self);
        let close = wire.lock().closed;
        close.unwrap()
    }

    /// Asserts that nothing of it is kept.
    fn assert_undone(&self) {
        let left = (self.memory.open_handles(), self.memory.pending_uploads());
        assert_eq!(left, (0, 0));
        assert_eq!(self.memory.read("/f").unwrap(), b"old");
    }
}

/// A data connection after its handshake.
fn secured(version: &'static SupportedProtocolVersion) -> (Channel, Shared, Peer) {
    let config = Arc::new(trusting::config(&[version]));
    let control_wire = Shared::new();
    let (mut channel, tag) = control(&control_wire);
    shake_hands(&mut channel, &mut Peer::with(&config), &control_wire).unwrap();

    let wire = Shared::new();
    let mut data = Channel::clear(wire.socket());
    data.secure(ACCEPTOR.data(tag, true).unwrap());
    let mut peer = Peer::with(&config);
    shake_hands(&mut data, &mut peer, &wire).unwrap();
    (data, wire, peer)
}

fn records(peer: &mut Peer) -> Vec<Vec<u8>> {
    vec![
        peer.encrypt(b"the first"),
        peer.encrypt(&[b'x'; 5_000]),
        peer.encrypt(b"the last"),
    ]
}

#[test]
fn announced_end_completes_the_upload() {
    for version in VERSIONS {
        for scratch in SCRATCHES {
            let (mut upload, mut peer) = Upload::begun(version, scratch);
            let mut bytes = records(&mut peer).concat();
            peer.0.send_close_notify();
            bytes.extend(peer.take_output());
            upload.wire.lock().inbound.extend(bytes);
            assert_eq!(upload.run(), SliceOutcome::Received);
            assert_eq!(upload.transfer.commit(), SliceOutcome::Done);
            assert_eq!(upload.memory.read("/f").unwrap().len(), 9 + 5_000 + 8);
        }
    }
}

/// The offsets of the ends of records, and some within each record.
fn cuts(version: &'static SupportedProtocolVersion) -> (Vec<usize>, Vec<usize>) {
    let (_, mut peer) = Upload::begun(version, SCRATCHES[0]);
    let (mut ends, mut inside) = (vec![0], Vec::new());
    for record in records(&mut peer) {
        let begin = ends[ends.len() - 1];
        let end = begin + record.len();
        inside.extend([begin + 1, begin + 4, begin + 5, end - 1]);
        ends.push(end);
    }
    (ends, inside)
}

#[test]
fn unannounced_end_fails_the_upload_at_any_offset() {
    for version in VERSIONS {
        for scratch in SCRATCHES {
            let (ends, inside) = cuts(version);
            for cut in [ends, inside].concat() {
                // The end arrives with the bytes, or later.
                for (end, comes_later) in [(End::Fin, false), (End::Fin, true), (End::Reset, true)]
                {
                    cut_off(Upload::begun(version, scratch), cut, end, comes_later);
                }
            }
        }
    }
}

/// Within a record, or as a reset, it is still an error.
#[test]
fn allowed_unclean_end_between_records_completes_the_upload() {
    for version in VERSIONS {
        let (ends, inside) = cuts(version);
        for scratch in SCRATCHES {
            for (cut, comes_later) in ends.iter().flat_map(|cut| [(*cut, false), (*cut, true)]) {
                let (mut upload, mut peer) = Upload::unclean(version, scratch);
                let bytes = records(&mut peer).concat();
                upload.wire.lock().inbound.extend(&bytes[..cut]);
                if comes_later {
                    assert_eq!(upload.run(), SliceOutcome::Waiting(Interest::Readable));
                }
                assert!(!upload.transfer.has_accepted_unclean_end());
                upload.wire.lock().end = End::Fin;
                assert_eq!(upload.run(), SliceOutcome::Received, "{cut}");
                assert!(upload.transfer.has_accepted_unclean_end());
                assert_eq!(upload.transfer.commit(), SliceOutcome::Done);
                let stored = upload.memory.read("/f").unwrap().len();
                assert_eq!(stored as u64, upload.transfer.moved());
                assert_eq!(upload.close(), Close::Orderly);
                cut_off(Upload::unclean(version, scratch), cut, End::Reset, true);
            }
            for cut in &inside {
                for comes_later in [false, true] {
                    let begun = Upload::unclean(version, scratch);
                    cut_off(begun, *cut, End::Fin, comes_later);
                }
            }
        }
    }
}

#[test]
fn announced_end_is_not_unclean() {
    for version in VERSIONS {
        let (mut upload, mut peer) = Upload::unclean(version, SCRATCHES[0]);
        let mut bytes = records(&mut peer).concat();
        peer.0.send_close_notify();
        bytes.extend(peer.take_output());
        upload.wire.lock().inbound.extend(bytes);
        assert_eq!(upload.run(), SliceOutcome::Received);
        assert!(!upload.transfer.has_accepted_unclean_end());
    }
}

fn cut_off((mut upload, mut peer): (Upload, Peer), cut: usize, end: End, comes_later: bool) {
    let bytes = records(&mut peer).concat();
    upload.wire.lock().inbound.extend(&bytes[..cut]);
    if comes_later {
        assert_eq!(upload.run(), SliceOutcome::Waiting(Interest::Readable));
    }
    upload.wire.lock().end = end;
    let outcome = upload.run();
    assert_eq!(
        outcome,
        SliceOutcome::Failed(TransferFailure::Connection),
        "{cut}"
    );
    upload.assert_undone();
    assert_eq!(upload.close(), Close::Reset);
}

/// A reset would discard the alert, so the connection is closed after it.
#[test]
fn alert_is_sent_when_data_connection_becomes_writable() {
    for version in VERSIONS {
        for is_begun in [false, true] {
            let (mut upload, failure) = if is_begun {
                (
                    Upload::begun(version, SCRATCHES[0]).0,
                    TransferFailure::Connection,
                )
            } else {
                let wire = Shared::new();
                let (channel, _) = control(&wire);
                (
                    Upload::over(channel, wire, SCRATCHES[0]),
                    TransferFailure::Security,
                )
            };
            upload.wire.lock().room = 0;
            upload.wire.lock().inbound.extend(FORGED);
            let mut calls = 0;
            while let outcome @ SliceOutcome::Waiting(_) = upload.run() {
                assert_eq!(outcome, SliceOutcome::Waiting(Interest::Writable));
                upload.assert_undone();
                assert!(!upload.wire.lock().is_shut);
                upload.wire.lock().room = 1;
                calls += 1;
                assert!(calls < 100);
            }
            assert_eq!(upload.run(), SliceOutcome::Failed(failure));
            assert!(calls >= ALERT_BYTES && upload.wire.lock().is_shut);
            assert_eq!(upload.close(), Close::Orderly);
        }
    }
}
