//! A storage in memory with a hook after each step, which may change the storage or make the step return
//! an error although it took effect.

use std::sync::Arc;

use mioftpd::internals::storage::{
    Answer, CommitState, Directory, Entry, Error, File, Memory, Metadata, Operation, Placement,
    Result, Storage, Upload, UploadFile, Wait,
};
use mioftpd::{Umask, VirtualPath};

/// A step that has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Metadata was read.
    Checked,
    /// A file was removed or renamed.
    Changed,
    Created,
    /// The first half of a write was done.
    HalfWritten,
    Prepared,
    Committed,
    /// A directory was opened, which reads all of its names.
    Listed,
}

type Hook = Arc<dyn Fn(Step) -> Option<Error> + Send + Sync>;

pub(crate) struct Hooked {
    memory: Memory,
    hook: Hook,
}

impl Hooked {
    pub(crate) fn around(
        memory: &Memory,
        hook: impl Fn(Step) -> Option<Error> + Send + Sync + 'static,
    ) -> Arc<dyn Storage> {
        Arc::new(Self {
            memory: memory.clone(),
            hook: Arc::new(hook),
        })
    }
}

fn after<T>(hook: &Hook, step: Step, done: Result<T>) -> Result<T> {
    let done = done?;
    hook(step).map_or(Ok(done), Err)
}

impl Storage for Hooked {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        let step = match operation {
            Operation::RemoveFile(_) | Operation::Rename { .. } => Step::Changed,
            _ => Step::Checked,
        };
        after(&self.hook, step, self.memory.perform(operation, wait))
    }

    fn open(&self, path: &VirtualPath, wait: Wait) -> Result<(Box<dyn File>, Metadata)> {
        self.memory.open(path, wait)
    }

    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload> {
        let created = self.memory.create(path, placement, umask);
        let upload = after(&self.hook, Step::Created, created)?;
        let (file, hook) = (upload.file, Arc::clone(&self.hook));
        Ok(Upload {
            file: Box::new(HookedFile { file, hook }),
            ..upload
        })
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        after(&self.hook, Step::Listed, self.memory.list(path))
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        after(&self.hook, Step::Checked, self.memory.entry(path))
    }
}

struct HookedFile {
    file: Box<dyn UploadFile>,
    hook: Hook,
}

impl UploadFile for HookedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let half = self.file.write_at(&bytes[..bytes.len() / 2], offset);
        after(&self.hook, Step::HalfWritten, half)?;
        self.file.write_at(bytes, offset)
    }

    fn metadata(&self) -> Result<Metadata> {
        after(&self.hook, Step::Checked, self.file.metadata())
    }

    fn commit_state(&self) -> Result<CommitState> {
        after(&self.hook, Step::Checked, self.file.commit_state())
    }

    fn prepare(&mut self) -> Result<()> {
        after(&self.hook, Step::Prepared, self.file.prepare())
    }

    fn commit(&mut self) -> Result<()> {
        after(&self.hook, Step::Committed, self.file.commit())
    }

    fn forbid_replace(&mut self) -> Result<()> {
        self.file.forbid_replace()
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        after(
            &self.hook,
            Step::Committed,
            self.file.commit_truncated(size),
        )
    }
}
