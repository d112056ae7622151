//! The status service: what the server is doing, over HTTP.
//!
//! It owns the protocol (requests, responses) and the formats in which counters and sessions are shown. It is
//! given what it shows as plain data, and must not know the server that it is about.

pub mod request;
pub mod response;
