//! The content that a download must have when the server replies 226.
//!

use super::listing::ExpectedListing;
use crate::content::is_whole;

/// The expected content.
pub(crate) enum Expected {
    Exactly(Vec<u8>),
    /// Any complete content, since several clients write this file; or a kept prefix.
    Whole {
        may_be_cut: bool,
    },
    /// A directory listing.
    ExpectedListing(ExpectedListing),
}

impl Expected {
    /// The violation, if any.
    pub(crate) fn violation(&self, got: &[u8]) -> Option<String> {
        match self {
            Self::Exactly(bytes) => {
                if got == bytes {
                    return None;
                }
                let at = got.iter().zip(bytes).position(|(got, byte)| got != byte);
                let at = at.unwrap_or_else(|| got.len().min(bytes.len()));
                let shown = got[at..got.len().min(at + 80)].escape_ascii();
                let (count, most) = (got.len(), bytes.len());
                Some(format!(
                    "226, and {count} bytes of {most}; from {at} on they are wrong: {shown}"
                ))
            }
            Self::Whole { may_be_cut } => {
                let text: Vec<u8> = got.iter().copied().filter(|&byte| byte != b'\r').collect();
                let shown = got[..got.len().min(200)].escape_ascii();
                let count = got.len();
                (!is_whole(&text, *may_be_cut))
                    .then(|| format!("226, and {count} wrong bytes: {shown}"))
            }
            Self::ExpectedListing(listing) => listing.violation(got),
        }
    }
}
