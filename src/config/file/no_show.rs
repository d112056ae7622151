//! Replaces `show` without the Cargo feature `config`: nothing is printed as TOML.

/// A value that can be printed: every one.
pub(super) trait Show {}

impl<T> Show for T {}
