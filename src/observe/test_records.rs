//! A transfer record for the unit tests of this module.

use std::time::Duration;

use super::record::{Outcome, TransferRecord, Verb};
use crate::protocol::path::VirtualPath;

/// A complete upload.
pub(super) fn upload(path: &str) -> TransferRecord {
    TransferRecord {
        ended: 1_700_000_000,
        took: Duration::from_millis(1500),
        peer: "192.0.2.7:4711".parse().unwrap(),
        account: b"ann".as_slice().into(),
        anonymous: false,
        verb: Verb::Store,
        path: VirtualPath::root().join(path.as_bytes()).unwrap(),
        bytes: 1234,
        outcome: Outcome::Complete,
        secured: false,
        text: false,
        compressed: false,
    }
}
