//! A worker's turn with a transfer: slices in a row, for as long as nobody else waits.
//!
//! A way through the event loop costs more than a slice of a cached file, so a worker keeps what it has. It
//! returns the transfer where the loop must act: the client is not ready, there is something to tell it, or
//! the next bytes have to be granted. It reads no clock; its caller says how long a turn may last.

use super::{Flow, Scratch, SliceOutcome, Transfer};
use crate::limits::{NETWORK_PATIENCE, WORKER_SLICE_BYTES};
use crate::net::wait;
use crate::storage::Wait;

impl Transfer {
    /// A worker's turn: slices, one after the other, for as long as `may_go_on` allows more. Between two it
    /// waits for the client, for [`NETWORK_PATIENCE`] at most. May block on the disk.
    pub fn worker_turn(
        &mut self,
        scratch: &mut Scratch,
        may_go_on: &mut dyn FnMut() -> bool,
    ) -> SliceOutcome {
        loop {
            let outcome = self.slice(WORKER_SLICE_BYTES, Wait::Allowed, scratch);
            let goes_on = match outcome {
                SliceOutcome::Again => may_go_on(),
                SliceOutcome::Waiting(interest) => {
                    may_go_on() && wait(&self.stream, interest, NETWORK_PATIENCE)
                }
                _ => false,
            };
            if !goes_on || self.is_awaited() {
                return outcome;
            }
        }
    }

    /// Whether the loop waits for it: to grant its next bytes, to acknowledge a marker, or to cut it.
    fn is_awaited(&self) -> bool {
        let has_mark = matches!(&self.flow, Flow::Inbound(inbound) if inbound.has_mark());
        self.limit.is_some() || has_mark || self.cancellation.is_requested()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Channel;
    use crate::net::testing::FakeStream;
    use crate::storage::{Memory, Storage as _, VirtualPath};
    use crate::transfer::outbound::Outbound;
    use crate::transfer::{Representation, TransferSource};

    /// A download of three and a half slices.
    fn download(rate: Option<u64>) -> Transfer {
        let size = 3 * WORKER_SLICE_BYTES + WORKER_SLICE_BYTES / 2;
        let path = VirtualPath::root().join(b"f").unwrap();
        let memory = Memory::new().with_file("/f", &vec![b'x'; size]);
        let (file, _) = memory.open(&path, Wait::Allowed).unwrap();
        let size = size as u64;
        let outbound = Outbound::new(file, size, Representation::default(), 0, size);
        let source = TransferSource {
            flow: Flow::Outbound(outbound),
            permit: None,
            rate,
        };
        Transfer::new(Channel::clear(Box::new(FakeStream::default())), source)
    }

    fn turn(transfer: &mut Transfer, may_go_on: &mut dyn FnMut() -> bool) -> SliceOutcome {
        transfer.worker_turn(&mut Scratch::new(4096), may_go_on)
    }

    /// What one slice moves.
    fn slice_bytes() -> u64 {
        let mut transfer = download(None);
        assert_eq!(turn(&mut transfer, &mut || false), SliceOutcome::Again);
        transfer.moved()
    }

    #[test]
    fn transfer_is_kept_while_it_may_go_on() {
        let mut transfer = download(None);
        let mut asked = 0;
        let outcome = turn(&mut transfer, &mut || {
            asked += 1;
            asked < 2
        });
        assert_eq!((outcome, asked), (SliceOutcome::Again, 2));
        assert_eq!(transfer.moved(), 2 * slice_bytes());
        assert_eq!(turn(&mut transfer, &mut || true), SliceOutcome::Done);
    }

    #[test]
    fn cancelled_or_rate_limited_transfer_is_returned_after_a_slice() {
        let mut transfer = download(None);
        let cancellation = transfer.cancellation();
        let outcome = turn(&mut transfer, &mut || {
            cancellation.request();
            true
        });
        assert_eq!(outcome, SliceOutcome::Again);
        assert_eq!(transfer.moved(), slice_bytes());

        let mut transfer = download(Some(1 << 30));
        transfer.grant(crate::clock::Instant::now()).unwrap();
        assert_eq!(turn(&mut transfer, &mut || true), SliceOutcome::Again);
        assert!(transfer.moved() <= slice_bytes());
    }
}
