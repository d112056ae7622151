//! A faulty disk: in-memory storage behind fault injection.
//!
//! A fault replaces the call, except that a write may leave a prefix, as on a full disk. Checks that a file
//! is written sequentially, and that only a completely written and prepared file is committed. Reports open
//! files to the [record](crate::disk_record).

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

use mioftpd::internals::storage::{
    Answer, CommitState, Directory, Entry, Error, File, Memory, Metadata, Operation, Placement,
    Result, Storage, Upload, UploadFile, Wait,
};
use mioftpd::{Umask, VirtualPath};

use crate::disk_record::DiskRecord;
use crate::network::Shared;
use crate::world::{FaultKind, World};

/// The message of an injected panic.
pub(crate) const INJECTED_PANIC: &str = "staged panic";

pub(crate) struct FaultyStorage {
    pub(crate) memory: Memory,
    pub(crate) world: Shared<World>,
    pub(crate) record: Shared<DiskRecord>,
}

/// Injects faults before a call.
fn strike(world: &Shared<World>, wait: Wait) -> Result<()> {
    let mut world = world.lock();
    if wait == Wait::Allowed && !world.tally.is_on_worker() {
        world.violate("the event loop blocks on the disk".to_owned());
    }
    if world.inject_fault(|plan| plan.panic) {
        world.note(|| INJECTED_PANIC.to_owned());
        let now = world.now;
        world.panics.push(now);
        world.record_fault(FaultKind::Device);
        drop(world);
        panic!("{INJECTED_PANIC}");
    }
    if wait == Wait::Never && world.inject_fault(|plan| plan.would_wait) {
        return Err(Error::WouldWait);
    }
    if world.inject_fault(|plan| plan.disk_error) {
        world.note(|| "the disk fails".to_owned());
        world.record_fault(FaultKind::Device);
        return Err(Error::Device);
    }
    Ok(())
}

/// Injects `NoSpace`.
fn fill(world: &Shared<World>) -> Result<()> {
    let mut world = world.lock();
    if world.inject_fault(|plan| plan.disk_full) {
        world.record_fault(FaultKind::Full);
        return Err(Error::NoSpace);
    }
    Ok(())
}

/// Injects `NotCounted`.
fn count(world: &Shared<World>) -> Result<()> {
    let mut world = world.lock();
    if world.inject_fault(|plan| plan.uncounted) {
        world.record_fault(FaultKind::Uncounted);
        return Err(Error::NotCounted);
    }
    Ok(())
}

impl FaultyStorage {
    fn opened(&self, path: &VirtualPath) -> Open {
        let (path, record) = (path.to_string(), self.record.clone());
        record.lock().opened(&path);
        Open { path, record }
    }
}

impl Storage for FaultyStorage {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        strike(&self.world, wait)?;
        self.memory.perform(operation, wait)
    }

    fn open(&self, path: &VirtualPath, wait: Wait) -> Result<(Box<dyn File>, Metadata)> {
        strike(&self.world, wait)?;
        let (file, metadata) = self.memory.open(path, wait)?;
        let faulty = FaultyFile {
            file,
            world: self.world.clone(),
            _open: self.opened(path),
        };
        Ok((Box::new(faulty), metadata))
    }

    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload> {
        strike(&self.world, Wait::Allowed)?;
        fill(&self.world)?;
        count(&self.world)?;
        let upload = self.memory.create(path, placement, umask)?;
        Ok(Upload {
            file: Box::new(FaultyUpload {
                file: upload.file,
                world: self.world.clone(),
                open: self.opened(&upload.path),
                end: AtomicU64::new(upload.offset),
                is_prepared: false,
            }),
            ..upload
        })
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        strike(&self.world, Wait::Allowed)?;
        let directory = self.memory.list(path)?;
        Ok(Box::new(FaultyDirectory {
            directory,
            world: self.world.clone(),
            _open: self.opened(path),
        }))
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        strike(&self.world, Wait::Allowed)?;
        self.memory.entry(path)
    }
}

/// Keeps an open file in the record until it is dropped.
struct Open {
    path: String,
    record: Shared<DiskRecord>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.record.lock().closed(&self.path);
    }
}

struct FaultyFile {
    file: Box<dyn File>,
    world: Shared<World>,
    _open: Open,
}

impl File for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64, wait: Wait) -> Result<usize> {
        strike(&self.world, wait)?;
        let is_short = buffer.len() > 1 && self.world.lock().inject_fault(|plan| plan.short_read);
        if !is_short {
            return self.file.read_at(buffer, offset, wait);
        }
        let length = self.world.lock().rng.within(1, buffer.len());
        let count = self.file.read_at(&mut buffer[..length], offset, wait)?;
        // A split behind a CR is the hardest case.
        let mut returns = buffer[..count].iter();
        let last = returns.rposition(|&byte| byte == b'\r');
        let is_cut = self.world.lock().rng.one_in(2);
        Ok(last.filter(|_| is_cut).map_or(count, |last| last + 1))
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.file.descriptor()
    }
}

struct FaultyUpload {
    file: Box<dyn UploadFile>,
    world: Shared<World>,
    open: Open,
    /// End of the written bytes.
    end: AtomicU64,
    is_prepared: bool,
}

/// Closing a written file, or removing an unwanted one, may block.
impl Drop for FaultyUpload {
    fn drop(&mut self) {
        let is_on_worker = self.world.lock().tally.is_on_worker();
        if !is_on_worker {
            self.violate("is closed by the event loop");
        }
    }
}

impl FaultyUpload {
    fn violate(&self, what: &str) {
        let path = &self.open.path;
        self.world.lock().violate(format!("{path} {what}"));
    }

    /// It is or was committed.
    fn note_place(&self) {
        let written = self.world.lock().written_by_server();
        self.open.record.lock().placed(&self.open.path, written);
    }

    fn is_invisible(&self) -> bool {
        matches!(self.file.commit_state(), Ok(CommitState::Uncommitted(_)))
    }
}

impl UploadFile for FaultyUpload {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = self.end.load(Ordering::Relaxed);
        if end != offset {
            self.violate(&format!("is written at {offset}, and it ends at {end}"));
        }
        strike(&self.world, Wait::Allowed)?;
        if let Err(error) = fill(&self.world) {
            self.file.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(error);
        }
        count(&self.world)?;
        self.file.write_at(bytes, offset)?;
        let end = offset + bytes.len() as u64;
        self.end.store(end, Ordering::Relaxed);
        Ok(())
    }

    fn metadata(&self) -> Result<Metadata> {
        self.file.metadata()
    }

    fn commit_state(&self) -> Result<CommitState> {
        self.file.commit_state()
    }

    fn prepare(&mut self) -> Result<()> {
        strike(&self.world, Wait::Allowed)?;
        self.is_prepared = true;
        self.file.prepare()
    }

    fn commit(&mut self) -> Result<()> {
        if !self.is_prepared && self.is_invisible() {
            self.violate("is committed, but was not prepared");
        }
        strike(&self.world, Wait::Allowed)?;
        fill(&self.world)?;
        self.file.commit()?;
        self.note_place();
        Ok(())
    }

    fn forbid_replace(&mut self) -> Result<()> {
        strike(&self.world, Wait::Allowed)?;
        self.file.forbid_replace()
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        let end = self.end.load(Ordering::Relaxed);
        if size != end {
            self.violate(&format!("is kept up to {size}, and {end} bytes had come"));
        }
        strike(&self.world, Wait::Allowed)?;
        fill(&self.world)?;
        self.file.commit_truncated(size)
    }
}

struct FaultyDirectory {
    directory: Box<dyn Directory>,
    world: Shared<World>,
    _open: Open,
}

impl Directory for FaultyDirectory {
    fn next_name(&mut self, name: &mut Vec<u8>) -> Result<bool> {
        strike(&self.world, Wait::Allowed)?;
        self.directory.next_name(name)
    }

    fn examine(&mut self, entry: &mut Entry) -> bool {
        self.directory.examine(entry)
    }
}
