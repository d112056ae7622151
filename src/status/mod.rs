//! The status service: what the server is doing, over HTTP.
//!
//! It owns the protocol (requests, responses) and the formats in which counters and sessions are shown. It is
//! given what it shows as plain data, and must not know the server that it is about.

mod about;
mod json;
pub mod openmetrics;
pub mod request;
pub mod response;
pub mod sessions;

pub use about::About;
pub use json::stats;
