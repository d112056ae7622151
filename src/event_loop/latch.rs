//! The readiness of a socket, remembered in user space.
//!
//! Sockets are registered edge-triggered, so the kernel reports each change once. An event sets the latch,
//! and only an operation that would block clears it; so nothing has to be armed again, and no edge is lost.
//! A latch that is set wrongly costs one call that would block.

/// What the kernel reported of a socket. A hint: the call that follows decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// There may be bytes, a connection or an end of stream to take.
    pub readable: bool,
    /// There may be room to write, or a connect has finished.
    pub writable: bool,
    /// The peer has half-closed, the socket has failed, or urgent data is marked: a short read then does
    /// not mean that the socket is drained.
    pub drain: bool,
}

/// What an operation needs before it can make progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Nothing: it can run in its next turn.
    Now,
    /// Bytes from the peer, or the end of the stream.
    Readable,
    /// Room in the send buffer.
    Writable,
}

/// The readiness that was reported and not yet used up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latch {
    /// A read may succeed.
    pub readable: bool,
    /// A write may succeed.
    pub writable: bool,
    /// A short read does not mean that the socket is drained: an end, an error or urgent data follows, for
    /// which there will be no other event.
    pub drain: bool,
}

impl Latch {
    /// For a new socket: there is room to write, and whatever arrives will be reported.
    pub const FRESH: Self = Self {
        readable: false,
        writable: true,
        drain: false,
    };

    /// Records an event.
    pub const fn set(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.writable |= readiness.writable;
        self.drain |= readiness.drain;
    }

    /// Whether an operation with this interest may make progress.
    pub const fn has(self, interest: Interest) -> bool {
        match interest {
            Interest::Now => true,
            Interest::Readable => self.readable,
            Interest::Writable => self.writable,
        }
    }

    /// Records that an operation with this interest would block.
    pub const fn clear(&mut self, interest: Interest) {
        match interest {
            Interest::Now => {}
            Interest::Readable => {
                self.readable = false;
                self.drain = false;
            }
            Interest::Writable => self.writable = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(latch: Latch) -> [bool; 3] {
        [latch.readable, latch.writable, latch.drain]
    }

    /// The kernel reports each change once: a later event clears nothing.
    #[test]
    fn readiness_is_kept_until_it_is_cleared() {
        let mut latch = Latch::default();
        let mut expected = [false; 3];
        for index in [0, 1, 2, 0, 1, 2] {
            let [readable, writable, drain] = std::array::from_fn(|at| at == index);
            latch.set(Readiness {
                readable,
                writable,
                drain,
            });
            expected[index] = true;
            assert_eq!(set(latch), expected);
        }
        latch.clear(Interest::Now);
        assert!(latch.has(Interest::Readable) && latch.has(Interest::Writable));
        latch.clear(Interest::Readable);
        assert_eq!(set(latch), [false, true, false]);
        latch.clear(Interest::Writable);
        assert!(!latch.has(Interest::Writable) && latch.has(Interest::Now));
    }

    #[test]
    fn fresh_latch_is_writable() {
        assert_eq!(set(Latch::FRESH), [false, true, false]);
    }
}
