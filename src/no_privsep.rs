//! Replaces `privsep` in a build without any Cargo feature that needs a helper process (`pam`, `records`):
//! there is none.

/// Cannot be made.
#[derive(Clone, Debug)]
pub enum Helper {}
