//! TLS over a socket that is cut anywhere: every split of a handshake, every byte of it wrong,
//! sockets that take a byte at a time.
//!
//! The [`Channel`](mioftpd::net::Channel) is the server's own; [`wire`] is a socket in memory,
//! [`peer`] a client without one, and [`server`] the reactor on such sockets. No call may panic,
//! wait, or be repeated without end. And what else takes a network that does as it is told.

#![cfg(feature = "tls")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod certificate_dates;
mod clock;
mod dialling;
#[path = "../support/ed25519.rs"]
mod ed25519;
mod handshakes;
mod last_words;
mod late;
mod markers;
mod peer;
mod server;
mod streams;
#[path = "../support/trusting.rs"]
mod trusting;
mod unwatched;
mod uploads;
mod wire;
