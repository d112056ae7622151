//! Where the reader writes: a file for each of the exercises five to twelve.
//!
//! Each has the types and the contract that the tests use, and a body that does nothing yet.

#![allow(
    dead_code,
    unused_variables,
    clippy::missing_const_for_fn,
    clippy::needless_pass_by_ref_mut,
    clippy::needless_pass_by_value,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self
)]

pub(crate) mod admission;
pub(crate) mod chat;
pub(crate) mod netstrings;
pub(crate) mod oracle;
pub(crate) mod relay;
pub(crate) mod shrink;
pub(crate) mod weighted;
pub(crate) mod wheel;
