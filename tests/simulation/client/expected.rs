//! What a download must have brought when the server says that it was whole.
//!
//! It knows bytes, and nothing of how they came.

use crate::content::is_whole;

/// What must have been received when the server says 226.
pub(crate) enum Expected {
    Exactly(Vec<u8>),
    /// Some whole contents, for several write this file; or the part of an upload that was kept.
    Whole {
        may_be_cut: bool,
    },
    /// Complete lines; so many of them, where nobody changes the directory.
    Lines(Option<usize>),
}

impl Expected {
    /// What is wrong with it.
    pub(crate) fn fault(&self, got: &[u8]) -> Option<String> {
        let is_right = match self {
            Self::Exactly(bytes) => got == bytes,
            Self::Whole { may_be_cut } => {
                let text: Vec<u8> = got.iter().copied().filter(|&byte| byte != b'\r').collect();
                is_whole(&text, *may_be_cut)
            }
            Self::Lines(count) => {
                let lines: Vec<_> = got.split_inclusive(|&byte| byte == b'\n').collect();
                lines
                    .iter()
                    .all(|line| line.len() > 2 && line.ends_with(b"\r\n"))
                    && count.is_none_or(|count| count == lines.len())
            }
        };
        (!is_right).then(|| {
            let shown = &got[..got.len().min(200)];
            format!(
                "226, and {} wrong bytes: {}",
                got.len(),
                shown.escape_ascii()
            )
        })
    }
}
