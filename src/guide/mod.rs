//! Pages for operators: what the README has no room for.
//!
//! This module has no code. Each page is a Markdown file of this folder; the files that a page tells
//! an operator to install stand in it as they are to be installed, and tests use them from there.
//!
//! - [`accounts`]: users, permissions, password hashes, PAM, limits of an account.
//! - [`systemd`]: a service unit, socket activation, the watchdog.
//! - [`proxy`]: HAProxy, nginx and load balancers in front of the server.

#[doc = include_str!("accounts.md")]
pub mod accounts {}

#[doc = include_str!("proxy.md")]
pub mod proxy {}

#[doc = include_str!("systemd.md")]
pub mod systemd {}
