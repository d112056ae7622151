//! What is known of a socket's readiness, kept in user space.
//!
//! The kernel says each change once (edge triggered). An event sets the latch, and only an
//! operation that finds nothing to do clears it; so nothing needs to be registered again, and no
//! edge is ever lost. A latch that is wrongly set costs one call that says "would block".

use crate::net::{Channel, Readiness};
use crate::transfer::Interest;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Latch {
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// A short read does not mean that there is no more: an end, an error or urgent data is
    /// behind it, for which there will be no other event.
    pub(super) drain: bool,
}

impl Latch {
    /// Of a socket that has just come to be: there is room, and whatever can be read will be
    /// reported.
    pub(super) const FRESH: Self = Self {
        readable: false,
        writable: true,
        drain: false,
    };

    /// Of one whose events have been used up: everything is to be tried.
    pub(super) const UNKNOWN: Self = Self {
        readable: true,
        writable: true,
        drain: true,
    };

    pub(super) const fn set(&mut self, readiness: Readiness) {
        self.readable |= readiness.readable;
        self.writable |= readiness.writable;
        self.drain |= readiness.drain;
    }

    /// Whether a handshake can go on. What is on its way out comes first: until there is room for
    /// it, nothing is read.
    pub(super) fn handshakes(self, channel: &Channel) -> bool {
        if channel.has_unsent() {
            self.writable
        } else {
            self.readable
        }
    }

    /// A handshake has found nothing to do.
    pub(super) fn clear_for_handshake(&mut self, channel: &Channel) {
        if channel.has_unsent() {
            self.writable = false;
        } else {
            self.readable = false;
            self.drain = false;
        }
    }

    pub(super) const fn has(self, interest: Interest) -> bool {
        match interest {
            Interest::Now => true,
            Interest::Readable => self.readable,
            Interest::Writable => self.writable,
        }
    }

    pub(super) const fn clear(&mut self, interest: Interest) {
        match interest {
            Interest::Now => {}
            Interest::Readable => self.readable = false,
            Interest::Writable => self.writable = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(readable: bool, writable: bool, drain: bool) -> Readiness {
        Readiness {
            readable,
            writable,
            drain,
        }
    }

    fn set(latch: Latch) -> [bool; 3] {
        [latch.readable, latch.writable, latch.drain]
    }

    /// The kernel says each thing once: another event takes nothing back.
    #[test]
    fn what_was_said_stays_until_it_is_used_up() {
        let each = [
            said(true, false, false),
            said(false, true, false),
            said(false, false, true),
        ];
        let mut latch = Latch::default();
        let mut expected = [false; 3];
        for (index, readiness) in each.into_iter().enumerate() {
            latch.set(readiness);
            expected[index] = true;
            assert_eq!(set(latch), expected);
        }
        for readiness in each {
            latch.set(readiness);
            assert_eq!(set(latch), [true; 3]);
        }
        latch.clear(Interest::Now);
        assert!(latch.has(Interest::Readable) && latch.has(Interest::Writable));
        latch.clear(Interest::Readable);
        assert!(!latch.has(Interest::Readable) && latch.has(Interest::Writable));
        latch.clear(Interest::Writable);
        assert!(!latch.has(Interest::Writable) && latch.has(Interest::Now));
    }

    #[test]
    fn what_is_new_has_room_and_what_is_unknown_is_tried() {
        assert_eq!(set(Latch::FRESH), [false, true, false]);
        assert_eq!(set(Latch::UNKNOWN), [true; 3]);
    }
}
