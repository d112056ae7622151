//! TLS over scripted sockets: every split of a handshake, every corrupted byte, sockets that take
//! one byte at a time. No call may panic, block, or repeat for ever.
//!
//! The [`Channel`](mioftpd::internals::net::Channel) under test is the server's own; [`wire`] is a socket in
//! memory, [`peer`] a TLS client without a socket, and [`server`] the reactor on such sockets. Other
//! tests that need a scripted network are here too.

#![cfg(feature = "tls")]

mod active_targets;
mod certificate_dates;
mod clock;
mod closing;
mod computing;
mod handshakes;
mod late_completions;
mod late_ends;
mod markers;
mod peer;
mod server;
mod streams;
mod uploads;
mod wire;
mod without_end_order;
