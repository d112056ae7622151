//! Replaces `quota` without the Cargo feature `quotas`: no storage has one.
//!
//! The contract is then tested on the others.

use mioftpd::internals::storage::Storage;

pub(crate) fn without_limits(_: impl Fn(&dyn Storage)) {}
