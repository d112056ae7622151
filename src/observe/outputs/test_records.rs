//! A transfer record, and a log for it, for the unit tests of this module.

use std::path::Path;
use std::time::Duration;

use crate::observe::record::{Outcome, TransferRecord, Verb};
use crate::observe::settings::{TransferLog, TransferLogFormat};
use crate::protocol::path::VirtualPath;

pub(super) fn json_log(file: &Path) -> TransferLog {
    TransferLog {
        file: file.to_owned(),
        format: TransferLogFormat::Json,
    }
}

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
