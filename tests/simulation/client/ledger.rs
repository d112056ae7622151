//! What a client knows of the files that only it writes: what each holds, or may hold.

use std::collections::BTreeMap;

use mioftpd::storage::Memory;

/// How an upload changes its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Whole or not at all.
    Replace,
    /// In place: a part may remain.
    Append,
}

/// An upload under way.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) change: Change,
    /// Nothing had this name before.
    pub(crate) is_new: bool,
    /// Where it is cut, what came of it is kept.
    pub(crate) is_kept: bool,
}

impl Upload {
    /// Whether this can be what is kept of it.
    fn is_kept_as(&self, now: Option<&[u8]>) -> bool {
        let is_part = |now: &[u8]| !now.is_empty() && self.bytes.starts_with(now);
        self.is_new && self.is_kept && now.is_some_and(is_part)
    }

    /// Whether it can have come to this when it was cut: in TYPE A perhaps in the middle of the end of
    /// a line, and then a CR is the last byte.
    fn begins_with(&self, part: &[u8]) -> bool {
        self.bytes
            .starts_with(part.strip_suffix(b"\r").unwrap_or(part))
    }
}

#[derive(Default)]
pub(crate) struct Ledger {
    held: BTreeMap<String, Option<Vec<u8>>>,
    /// Of which nobody said what became: the last thing that a client does.
    unsettled: Option<(Upload, Finish)>,
}

/// Whether the server can have had all of an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The server has all of it, and its end before that of the control connection.
    Certain,
    /// It was sent with its end.
    Whole,
    /// It was closed early, as if that were its end.
    Short,
    /// The server must have noticed that it is not whole.
    Broken,
}

impl Ledger {
    /// Of a path that nobody has used yet.
    pub(crate) fn open(&mut self, path: &str, holds: Option<Vec<u8>>) {
        self.held.insert(path.to_owned(), holds);
    }

    /// Paths of files that are there, and what they hold.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let there =
            |(path, bytes): (&String, &Option<Vec<u8>>)| Some((path.clone(), bytes.clone()?));
        self.held.iter().filter_map(there).collect()
    }

    pub(crate) fn holds(&self, path: &str) -> Option<Vec<u8>> {
        self.held.get(path).cloned().flatten()
    }

    pub(crate) fn removed(&mut self, path: &str) {
        self.held.insert(path.to_owned(), None);
    }

    /// The server has said how an upload ended: what is wrong with what is there now.
    pub(crate) fn settle(&mut self, upload: &Upload, code: u16, memory: &Memory) -> Option<String> {
        let before = self.holds(&upload.path);
        let now = memory.read(&upload.path);
        self.held.insert(upload.path.clone(), now.clone());
        let is_right = match (code, upload.change) {
            (226, _) => now.as_ref() == Some(&after(before, upload)),
            (_, Change::Replace) => now == before || upload.is_kept_as(now.as_deref()),
            (_, Change::Append) => is_part(before.as_deref(), now.as_deref(), upload),
        };
        let length = now.map(|bytes| bytes.len());
        (!is_right).then(|| {
            let Upload {
                path,
                bytes,
                change,
                ..
            } = upload;
            let sent = bytes.len();
            format!("{code} for {change:?} of {path}, {sent} bytes, and there are {length:?}")
        })
    }

    /// Nobody will say what became of it.
    pub(crate) fn leave_open(&mut self, upload: Upload, finish: Finish) {
        self.unsettled = Some((upload, finish));
    }

    /// When all is over: what is wrong. Of the removal of one file nobody knows whether it
    /// came to that.
    pub(crate) fn audit(&self, memory: &Memory, removing: Option<&str>) -> Option<String> {
        for (path, before) in &self.held {
            let now = memory.read(path);
            let open = self
                .unsettled
                .as_ref()
                .filter(|(upload, _)| upload.path == *path);
            let may_be = match open {
                Some((upload, Finish::Certain)) => now == Some(after(before.clone(), upload)),
                _ if now == *before => true,
                _ if now.is_none() && removing == Some(path) => true,
                Some((upload, _)) if upload.change == Change::Append => {
                    is_part(before.as_deref(), now.as_deref(), upload)
                }
                Some((upload, _)) if upload.is_kept_as(now.as_deref()) => true,
                Some((upload, Finish::Whole)) => now.as_ref() == Some(&upload.bytes),
                Some((upload, Finish::Short)) => {
                    now.as_ref().is_some_and(|now| upload.begins_with(now))
                }
                Some((_, Finish::Broken)) | None => false,
            };
            if !may_be {
                let length = now.map(|bytes| bytes.len());
                let open = open.map(|(_, finish)| finish);
                return Some(format!(
                    "in the end {path} holds {length:?} bytes ({open:?})"
                ));
            }
        }
        None
    }
}

fn after(before: Option<Vec<u8>>, upload: &Upload) -> Vec<u8> {
    match upload.change {
        Change::Replace => upload.bytes.clone(),
        Change::Append => [before.unwrap_or_default(), upload.bytes.clone()].concat(),
    }
}

fn is_part(before: Option<&[u8]>, now: Option<&[u8]>, upload: &Upload) -> bool {
    let rest = match (before, now) {
        (None, None) => return true,
        (Some(_), None) => return false,
        (before, Some(now)) => now.strip_prefix(before.unwrap_or_default()),
    };
    rest.is_some_and(|rest| upload.begins_with(rest))
}
