//! The content of each file that only this client writes: exact, or the legal alternatives.

use std::collections::BTreeMap;

use mioftpd::internals::storage::Memory;

use super::upload::{Arrived, Upload};
use super::upload_oracle::{UploadFacts, UploadOutcome};
use crate::world::World;

#[derive(Default)]
pub(crate) struct FileModel {
    held: BTreeMap<String, Option<Vec<u8>>>,
    /// The last upload, if its reply never arrived.
    unanswered: Option<(Upload, UploadFacts, UploadFate)>,
    /// The file of a DELE without a reply.
    removing: Option<String>,
    /// Names that the client has used.
    names: usize,
}

/// Knowledge about an upload without a final reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UploadFate {
    /// The server received all of it, and its end before that of the control connection; no fault can
    /// intervene.
    MustBeWhole,
    /// It may be complete or cut.
    Unknown,
}

impl FileModel {
    /// Registers a new path.
    pub(crate) fn open(&mut self, path: &str, holds: Option<Vec<u8>>) {
        self.held.insert(path.to_owned(), holds);
    }

    /// Existing files and their content.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let there =
            |(path, bytes): (&String, &Option<Vec<u8>>)| Some((path.clone(), bytes.clone()?));
        self.held.iter().filter_map(there).collect()
    }

    pub(crate) fn holds(&self, path: &str) -> Option<Vec<u8>> {
        self.held.get(path).cloned().flatten()
    }

    /// DELE is sent.
    pub(crate) fn removal_sent(&mut self, path: String) {
        self.removing = Some(path);
    }

    pub(crate) fn removal_answered(&mut self, code: u16) {
        let removed = self.removing.take().filter(|_| code == 250);
        self.held.extend(removed.map(|path| (path, None)));
    }

    /// A new name for a file of this client.
    pub(crate) fn new_name(&mut self, client: usize) -> String {
        self.names += 1;
        format!("/up/c{client}-{}", self.names)
    }

    /// A script has used this name: later names must differ.
    pub(crate) fn note_name(&mut self, number: usize) {
        self.names = self.names.max(number);
    }

    /// The final reply of an upload: the violation in the file, if any.
    pub(super) fn check_reply(
        &mut self,
        upload: &Upload,
        code: u16,
        text: &str,
        upload_facts: &UploadFacts,
        memory: &Memory,
        world: &World,
    ) -> Option<String> {
        let now = memory.read(&upload.path);
        let before = self.held.insert(upload.path.clone(), now.clone()).flatten();
        let (before, now) = (before.as_deref(), now.as_deref());
        let arrived = upload_facts.arrived(upload, world);
        let wrong = match code {
            226 if now != Some(&upload.whole(before, usize::MAX)) => "it is not whole",
            226 => match upload_facts.decide(world) {
                UploadOutcome::MayBeWhole => return None,
                UploadOutcome::MustBeCut(why) => why,
            },
            _ if !upload.states_kept_length(text, before, now) => {
                "what it says of bytes that are kept is wrong"
            }
            _ if upload.may_leave(before, now, arrived) => return None,
            _ => "it is not as it was, nor what had come",
        };
        let Upload {
            path,
            bytes,
            change,
            ..
        } = upload;
        let (sent, length) = (bytes.len(), now.map(<[u8]>::len));
        let had = before.map(<[u8]>::len);
        Some(format!(
            "{code} for {change:?} of {path}, {sent} bytes, and {wrong}: \
             {length:?} bytes are there, {had:?} were, {arrived:?} had come"
        ))
    }

    /// No reply will arrive for this upload.
    pub(super) fn set_unanswered(
        &mut self,
        upload: Upload,
        upload_facts: UploadFacts,
        fate: UploadFate,
    ) {
        self.unanswered = Some((upload, upload_facts, fate));
    }

    /// At the end of the run: the violation, if any. For one removal it is unknown whether it was executed.
    pub(crate) fn audit(&self, memory: &Memory, world: &World) -> Option<String> {
        for (path, before) in &self.held {
            let open = self.unanswered.as_ref();
            let open = open.filter(|(upload, ..)| upload.path == *path);
            let now = memory.read(path);
            let length = now.as_ref().map(Vec::len);
            let violation = match open {
                Some((upload, _, UploadFate::MustBeWhole))
                    if now != Some(upload.whole(before.as_deref(), usize::MAX)) =>
                {
                    Some(format!("{path} must be whole, and holds {length:?} bytes"))
                }
                Some((_, _, UploadFate::MustBeWhole)) => None,
                _ if now == *before || now.is_none() && self.removing.as_ref() == Some(path) => {
                    None
                }
                Some((upload, upload_facts, UploadFate::Unknown)) => {
                    upload_facts.violation(upload, before.as_deref(), memory, world)
                }
                None => Some(format!(
                    "at the end of the run {path} holds {length:?} bytes"
                )),
            };
            if violation.is_some() {
                return violation;
            }
        }
        None
    }
}

impl Arrived {
    pub(super) const fn of(count: usize, is_exact: bool) -> Self {
        if is_exact {
            Self::Exactly(count)
        } else {
            Self::AtMost(count)
        }
    }
}
