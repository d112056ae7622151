//! Exercise eight: admission that one address cannot take for itself.

/// Counts the connections of each address. There are at most `room` in all, and an address has at most half
/// of the places that the other addresses leave, rounded up.
pub(crate) struct Admission {}

impl Admission {
    pub(crate) fn new(room: usize) -> Self {
        Self {}
    }

    /// Counts a connection of the address, or refuses it.
    pub(crate) fn admit(&mut self, address: u32) -> bool {
        false
    }

    /// A connection of the address has ended.
    pub(crate) fn leave(&mut self, address: u32) {}

    /// How many addresses it remembers: only those with connections.
    pub(crate) fn addresses(&self) -> usize {
        0
    }
}
