//! An upload as its client knows it: what its file was, what it is to be, and what a part of it is.
//!
//! Pure: bytes before, bytes after. Whether it was cut is not known here.

/// How an upload changes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Whole or not at all.
    Replace,
    /// In place, at the end: a part may remain.
    Append,
    /// In place, from there on; what is behind the last byte stays.
    At(usize),
}

/// An upload under way.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) path: String,
    /// What is sent, as it is in the file.
    pub(crate) bytes: Vec<u8>,
    pub(crate) change: Change,
    /// It goes by TYPE A: how many of its bytes have come is not seen in the file.
    pub(crate) is_text: bool,
    /// Nothing had this name before.
    pub(crate) is_new: bool,
    /// Where it is cut, what came of it is kept.
    pub(crate) is_kept: bool,
}

/// How much of an upload has come, in bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    Exactly(usize),
    AtMost(usize),
}

impl Upload {
    /// What the file is when all of it, or so much of it as was sent before a proper end, is there.
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

    /// Whether the file can be this when the upload was cut: as it was, or with what had come.
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
            // The file is made when it is opened.
            (_, None) => before.is_none(),
            (Change::Append, Some(now)) => now
                .strip_prefix(before.unwrap_or_default())
                .is_some_and(|part| self.is_part(part, arrived)),
            (Change::At(offset), Some(now)) => {
                let before = before.unwrap_or_default();
                let most = match arrived {
                    Arrived::Exactly(count) | Arrived::AtMost(count) => count,
                };
                // Where the old bytes are as the new ones would be, more than one part is right.
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

    /// Whether the reply that it has failed says how much of it is kept, and whether it says so only then.
    pub(super) fn is_told_what_is_kept(
        &self,
        text: &str,
        before: Option<&[u8]>,
        now: Option<&[u8]>,
    ) -> bool {
        let words = text.strip_suffix(" bytes are kept.");
        let said = words.and_then(|words| words.rsplit(' ').next()?.parse::<usize>().ok());
        let length = now.map_or(0, <[u8]>::len);
        match (self.change, said) {
            (Change::Replace, Some(said)) => said > 0 && length == said,
            (Change::Replace, None) => before.is_some() || now.is_none(),
            // In place the end of a write that failed may be there, or what was there before.
            (Change::Append | Change::At(_), Some(said)) => said > 0 && length >= said,
            (Change::Append | Change::At(_), None) => true,
        }
    }

    /// Whether it can have come to this: in TYPE A perhaps in the middle of the end of a line, and then
    /// a CR is the last byte.
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

    /// Whether it can be whole to the server where so much was sent of it, at the most, before its
    /// data connection was closed.
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
