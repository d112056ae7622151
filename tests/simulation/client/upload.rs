//! An upload as its client knows it: the file before, the file after, and each legal partial result.
//!
//! Pure functions on bytes; whether the upload was cut is decided elsewhere.

/// How an upload changes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// STOR, STOU: replaced atomically.
    Replace,
    /// APPE: in place; a prefix may remain.
    Append,
    /// STOR after REST: in place from this offset; bytes beyond the end of the upload stay.
    At(usize),
}

/// An upload in progress. Plain data.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) path: String,
    /// The content as stored.
    pub(crate) bytes: Vec<u8>,
    pub(crate) change: Change,
    /// TYPE A: the file size does not tell how many wire bytes arrived.
    pub(crate) is_text: bool,
    /// The name is new.
    pub(crate) is_new: bool,
    /// An interrupted upload is kept.
    pub(crate) is_kept: bool,
}

/// Bytes of an upload that arrived, in file bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    Exactly(usize),
    AtMost(usize),
}

impl Upload {
    /// The file after the first `sent` bytes and a proper end.
    pub(super) fn whole(&self, before: Option<&[u8]>, sent: usize) -> Vec<u8> {
        self.applied(before, &self.bytes[..sent.min(self.bytes.len())])
    }

    fn applied(&self, before: Option<&[u8]>, part: &[u8]) -> Vec<u8> {
        let before = before.unwrap_or_default();
        match self.change {
            Change::Replace => part.to_vec(),
            Change::Append => [before, part].concat(),
            Change::At(offset) => {
                let offset = offset.min(before.len());
                let end = before.len().min(offset + part.len());
                [&before[..offset], part, &before[end..]].concat()
            }
        }
    }

    /// Whether this is a legal file after an interrupted upload: unchanged, or with the bytes that arrived.
    pub(super) fn may_leave(
        &self,
        before: Option<&[u8]>,
        now: Option<&[u8]>,
        arrived: Arrived,
    ) -> bool {
        match (self.change, now) {
            (Change::Replace, _) if now == before => true,
            (Change::Replace, Some(now)) => {
                self.is_kept && self.is_new && !now.is_empty() && self.is_part(now, arrived)
            }
            // Opening it creates the file.
            (_, None) => before.is_none(),
            (Change::Append, Some(now)) => now
                .strip_prefix(before.unwrap_or_default())
                .is_some_and(|part| self.is_part(part, arrived)),
            (Change::At(offset), Some(now)) => {
                let before = before.unwrap_or_default();
                let most = match arrived {
                    Arrived::Exactly(count) | Arrived::AtMost(count) => count,
                };
                // If old and new bytes agree, several lengths are legal.
                let tried = 0..=most.min(self.bytes.len());
                let is_there = before.len() >= offset && now.len() >= offset;
                !is_there && now == before
                    || is_there
                        && tried.rev().any(|count| {
                            let part = &self.bytes[..count];
                            let is_it = self.is_part(part, arrived);
                            is_it
                                && now[offset..].starts_with(part)
                                && now == self.applied(Some(before), part)
                        })
            }
        }
    }

    /// Whether a failure reply states the kept length correctly, and only if something is kept.
    pub(super) fn states_kept_length(
        &self,
        text: &str,
        before: Option<&[u8]>,
        now: Option<&[u8]>,
    ) -> bool {
        let words = text.strip_suffix(" bytes are kept.");
        let stated = words.and_then(|words| words.rsplit(' ').next()?.parse::<usize>().ok());
        let length = now.map_or(0, <[u8]>::len);
        match (self.change, stated) {
            (Change::Replace, Some(stated)) => stated > 0 && length == stated,
            (Change::Replace, None) => before.is_some() || now.is_none(),
            // In place, a failed write may leave some of its bytes, or the old ones.
            (Change::Append | Change::At(_), Some(stated)) => stated > 0 && length >= stated,
            (Change::Append | Change::At(_), None) => true,
        }
    }

    /// Whether this prefix is legal. In TYPE A it may end inside a line end, with a CR.
    fn is_part(&self, part: &[u8], arrived: Arrived) -> bool {
        if self.is_text {
            let begun = part.strip_suffix(b"\r").unwrap_or(part);
            let most = match arrived {
                Arrived::Exactly(count) | Arrived::AtMost(count) => count,
            };
            return part.len() <= most && self.bytes.starts_with(begun);
        }
        let is_so_long = match arrived {
            Arrived::Exactly(count) => part.len() == count.min(self.bytes.len()),
            Arrived::AtMost(count) => part.len() <= count,
        };
        is_so_long && self.bytes.starts_with(part)
    }

    /// Whether the server may take the upload as complete after this many bytes.
    pub(super) fn may_be(&self, before: Option<&[u8]>, now: Option<&[u8]>, sent: Arrived) -> bool {
        let Some(now) = now else {
            return false;
        };
        match (sent, self.is_text) {
            (Arrived::Exactly(count), false) => now == self.whole(before, count),
            (Arrived::Exactly(count) | Arrived::AtMost(count), _) => {
                let before = before.unwrap_or_default();
                let part = match self.change {
                    Change::Replace => Some(now),
                    Change::Append => now.strip_prefix(before),
                    Change::At(_) => {
                        return self.may_leave(Some(before), Some(now), Arrived::AtMost(count));
                    }
                };
                part.is_some_and(|part| self.is_part(part, Arrived::AtMost(count)))
            }
        }
    }
}
