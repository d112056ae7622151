//! TLS as clients see it: handshakes, sessions that are resumed, and connections that end too
//! early. RFC 4217, RFC 8446.
//!
//! It owns the cases that are more than a dialogue; the dialogues are in `tests/transcripts`.
//! Whether real clients understand it all is seen in `tests/clients`.

#![cfg(feature = "tls")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod certificates;
mod early;
mod faults;
mod patience;
mod reasons;
mod refused;
mod sessions;
mod transfers;

use support::Starter;

/// A server whose directory anonymous may write, with a certificate of its own making.
fn writable() -> Starter {
    let starter = Starter::default().argument("--writable");
    starter.argument("--tls-self-signed").serving(|_| ())
}

/// Bytes of which no two neighbourhoods are the same.
fn content(length: u32) -> Vec<u8> {
    let words = (0..length.div_ceil(4)).map(|n| n.wrapping_mul(0x9E37_79B1).to_le_bytes());
    let mut bytes: Vec<u8> = words.flatten().collect();
    bytes.truncate(length as usize);
    bytes
}
