//! The status service over real sockets: what it shows, what an operator does by it, and what it withstands.

#[cfg(feature = "config")]
mod attacks;
#[cfg(feature = "config")]
mod client;
#[cfg(feature = "config")]
mod monitoring;
#[cfg(all(feature = "config", feature = "tls"))]
mod moving;
#[cfg(feature = "config")]
mod operator;
mod times;
#[cfg(feature = "config")]
mod tracing;
#[cfg(feature = "config")]
pub(crate) use client::{Http, listening};
