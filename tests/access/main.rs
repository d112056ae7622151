//! Which clients may do what, over real sockets: accounts, limits, bans, and the confined process.
//!
//! - `accounts`, `system_accounts` (PAM) and `hash_password` are about logins, `guessing` about wrong ones.
//! - `abuse` has malicious clients, `limits` too many, `proxied` those behind a proxy.
//! - `sandbox` and `unprivileged` are about what the process itself may do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod abuse;
mod accounts;
mod guessing;
mod hash_password;
mod limits;
mod proxied;
mod sandbox;
#[path = "../support/mod.rs"]
mod support;
mod system_accounts;
mod unprivileged;
