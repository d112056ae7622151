//! TLS as clients see it: handshakes, session resumption, and truncated connections. RFC 4217,
//! RFC 8446.
//!
//! Cases that a transcript cannot express; transcripts are in `tests/transcripts`, tests with real
//! clients in `tests/clients`.

#![cfg(feature = "tls")]

mod certificates;
mod early;
mod faults;
mod one_port;
mod patience;
mod reasons;
mod refused;
mod sessions;
mod transfers;

use crate::support::Starter;

/// A server with a self-signed certificate, where anonymous clients may write.
fn writable() -> Starter {
    let starter = Starter::default().argument("--writable");
    starter.argument("--tls-self-signed").serving(|_| ())
}

/// Bytes without repetitions, so that a shift is detected.
fn content(length: u32) -> Vec<u8> {
    let words = (0..length.div_ceil(4)).map(|n| n.wrapping_mul(0x9E37_79B1).to_le_bytes());
    let mut bytes: Vec<u8> = words.flatten().collect();
    bytes.truncate(length as usize);
    bytes
}
