//! Replaces `hash_memory` without the Cargo feature `hashed-passwords`: no account has a hash, so none takes
//! memory.

#![allow(clippy::unused_self, reason = "the surface of what it replaces")]

use crate::config::Config;
use crate::limits::MemoryProfile;

/// The memory for hashes.
#[derive(Clone, Copy, Debug)]
pub struct HashMemory;

impl HashMemory {
    /// Nothing is read.
    pub const fn measure() -> Self {
        Self
    }

    /// The bytes that a hash may take.
    pub const fn for_a_hash(self) -> u64 {
        0
    }

    #[allow(clippy::unused_self, reason = "the surface of `hash_memory`")]
    pub(crate) const fn refusal(self, _: &Config, _: MemoryProfile) -> Option<String> {
        None
    }
}
