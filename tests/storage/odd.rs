//! The storage in memory, and somebody who meddles with it: does something of his own, or says that
//! what was done has failed.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use mioftpd::storage::{
    Answer, Directory, Entry, Error, File, Memory, Metadata, Operation, Placement, Result,
    Standing, Storage, Umask, Upload, VirtualPath, Wait,
};

/// What has been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A question was asked.
    Asked,
    /// Names were changed.
    Changed,
    Created,
    /// Half of a piece was written.
    HalfWritten,
    /// What of a commit takes long was done.
    Prepared,
    Committed,
    /// A directory was opened, and all of its names have been read.
    Listed,
}

type Meddle = Arc<dyn Fn(Step) -> Option<Error> + Send + Sync>;

pub(crate) struct Odd {
    memory: Memory,
    meddle: Meddle,
}

impl Odd {
    pub(crate) fn around(
        memory: &Memory,
        meddle: impl Fn(Step) -> Option<Error> + Send + Sync + 'static,
    ) -> Arc<dyn Storage> {
        Arc::new(Self {
            memory: memory.clone(),
            meddle: Arc::new(meddle),
        })
    }
}

fn after<T>(meddle: &Meddle, step: Step, done: Result<T>) -> Result<T> {
    let done = done?;
    meddle(step).map_or(Ok(done), Err)
}

impl Storage for Odd {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        let step = match operation {
            Operation::RemoveFile(_) | Operation::Rename { .. } => Step::Changed,
            _ => Step::Asked,
        };
        after(&self.meddle, step, self.memory.perform(operation, wait))
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
        let upload = after(&self.meddle, Step::Created, created)?;
        let (file, meddle) = (upload.file, Arc::clone(&self.meddle));
        Ok(Upload {
            file: Box::new(OddFile { file, meddle }),
            ..upload
        })
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        after(&self.meddle, Step::Listed, self.memory.list(path))
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        after(&self.meddle, Step::Asked, self.memory.entry(path))
    }
}

struct OddFile {
    file: Box<dyn File>,
    meddle: Meddle,
}

impl File for OddFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize> {
        self.file.read_at(buffer, offset, wait)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let half = self.file.write_at(&bytes[..bytes.len() / 2], offset);
        after(&self.meddle, Step::HalfWritten, half)?;
        self.file.write_at(bytes, offset)
    }

    fn metadata(&self) -> Result<Metadata> {
        after(&self.meddle, Step::Asked, self.file.metadata())
    }

    fn standing(&self) -> Result<Standing> {
        after(&self.meddle, Step::Asked, self.file.standing())
    }

    fn prepare(&mut self) -> Result<()> {
        after(&self.meddle, Step::Prepared, self.file.prepare())
    }

    fn commit(&mut self) -> Result<()> {
        after(&self.meddle, Step::Committed, self.file.commit())
    }

    fn replace_nothing(&mut self) -> Result<()> {
        self.file.replace_nothing()
    }

    fn commit_first(&mut self, size: u64) -> Result<()> {
        after(&self.meddle, Step::Committed, self.file.commit_first(size))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.descriptor()
    }
}
