//! What a download must have brought when the server says that it was whole.
//!
//! It knows bytes, and nothing of how they came.

use super::listing::ExpectedListing;
use crate::content::is_whole;

/// What must have been received when the server says 226.
pub(crate) enum Expected {
    Exactly(Vec<u8>),
    /// Some whole contents, for several write this file; or the part of an upload that was kept.
    Whole {
        may_be_cut: bool,
    },
    /// A directory's entries.
    ExpectedListing(ExpectedListing),
}

impl Expected {
    /// What is wrong with it.
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
