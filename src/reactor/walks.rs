//! The pages of the book (`src/book/server`) that link to the items of the reactor.
//!
//! A link resolves only to what is visible where it is written, so these pages are attached here. The book
//! exports them, and no code is in them.

#[doc = include_str!("../book/server/auth_tls.md")]
pub mod auth_tls {}

#[doc = include_str!("../book/server/noop.md")]
pub mod noop {}

#[doc = include_str!("../book/server/password.md")]
pub mod password {}

#[doc = include_str!("../book/server/reasons.md")]
pub mod reasons {}

#[doc = include_str!("../book/server/retr.md")]
pub mod retr {}

#[doc = include_str!("../book/server/shutdown.md")]
pub mod shutdown {}

#[doc = include_str!("../book/server/slow_disk.md")]
pub mod slow_disk {}

#[doc = include_str!("../book/server/stor.md")]
pub mod stor {}

#[doc = include_str!("../book/server/timeout.md")]
pub mod timeout {}
