//! An independent model of the quota: a refused call would have exceeded it, a successful one did not.
//!
//! Usage is recomputed each time from the visible files and the open uploads, so that double charges and
//! leaks appear at the next refusal. Files that other uploads will replace are not subtracted; so beside
//! other uploads a refusal that is too early may pass. Without a limit nothing is checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use mioftpd::internals::storage::{
    Answer, CommitState, Directory, Entry, Error, File, Kind, Memory, Metadata, Operation,
    Placement, Quota, QuotaStorage, Result, Storage, TreeUsage, Upload, UploadFile, Wait,
};
use mioftpd::{Umask, VirtualPath};

use crate::client::RunConfig;
use crate::disk_record::DiskRecord;
use crate::network::Shared;
use crate::world::{FaultKind, World};

/// The storage with the quota of the run, until the inspection.
pub(crate) struct QuotaCheckedStorage {
    limited: Arc<dyn Storage>,
    unlimited: Arc<dyn Storage>,
    model: QuotaModel,
}

/// Open uploads, and the limit.
#[derive(Clone)]
struct QuotaModel {
    quota: Option<Quota>,
    memory: Memory,
    world: Shared<World>,
    record: Shared<DiskRecord>,
    open: Shared<BTreeMap<u64, OpenUpload>>,
}

/// An open upload.
#[derive(Clone)]
struct OpenUpload {
    path: String,
    /// End of the bytes that may have been written.
    end: u64,
    /// It is not visible: not committed yet, or deleted.
    is_invisible: bool,
    /// Size of the file that it will replace.
    instead: Option<u64>,
}

/// Bytes and files.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    bytes: u64,
    files: u64,
}

impl QuotaCheckedStorage {
    pub(crate) fn new(
        inner: &Arc<dyn Storage>,
        usage: &Arc<TreeUsage>,
        config: &RunConfig,
        world: &Shared<World>,
    ) -> Self {
        let metered = |quota| {
            let metered = QuotaStorage::new(Arc::clone(inner), Arc::clone(usage), quota);
            Arc::new(metered) as Arc<dyn Storage>
        };
        let unlimited = metered(Quota::default());
        Self {
            limited: config
                .quota
                .map_or_else(|| Arc::clone(&unlimited), &metered),
            unlimited,
            model: QuotaModel {
                quota: config.quota,
                memory: config.memory.clone(),
                world: world.clone(),
                record: config.record.clone(),
                open: Shared::new(BTreeMap::new()),
            },
        }
    }

    /// The inspection runs without a quota.
    fn storage(&self) -> &dyn Storage {
        if self.model.limit().is_some() {
            self.limited.as_ref()
        } else {
            self.unlimited.as_ref()
        }
    }
}

impl QuotaModel {
    fn limit(&self) -> Option<Quota> {
        self.quota.filter(|_| !self.record.lock().is_quota_lifted)
    }

    fn size(&self, path: &str) -> Option<u64> {
        let path = VirtualPath::root().join(path.as_bytes()).ok()?;
        match self
            .memory
            .perform(&Operation::Metadata(path), Wait::Allowed)
        {
            Ok(Answer::Metadata(metadata)) if metadata.kind == Kind::File => Some(metadata.size),
            _ => None,
        }
    }

    /// Usage of visible files.
    fn named(&self) -> Amount {
        let names = self.memory.names();
        let sizes = names.iter().filter_map(|name| self.size(name));
        sizes.fold(Amount::default(), |sum, size| Amount {
            bytes: sum.bytes + size,
            files: sum.files + 1,
        })
    }

    /// Upper bound of the usage charged.
    fn charged(&self) -> Amount {
        let open = self.open.lock();
        open.values().fold(self.named(), |sum, one| {
            let named = self.size(&one.path).unwrap_or_default();
            let bytes = if one.is_invisible {
                one.end
            } else {
                one.end.saturating_sub(named)
            };
            Amount {
                bytes: sum.bytes + bytes,
                files: sum.files + u64::from(one.is_invisible),
            }
        })
    }

    /// Checks a result of a call that would have raised usage to this.
    fn check<T>(&self, result: &Result<T>, would_be: impl FnOnce(Amount) -> Amount, what: &str) {
        let Some(quota) = self.limit() else {
            return;
        };
        let (amount, must_be_beyond) = match result {
            Err(Error::QuotaExceeded) => {
                self.world.lock().record_fault(FaultKind::Quota);
                (would_be(self.charged()), true)
            }
            Ok(_) => (self.named(), false),
            Err(_) => return,
        };
        let is_more = |most: Option<u64>, is: u64| most.is_some_and(|most| is > most);
        let is_beyond = is_more(quota.bytes, amount.bytes) || is_more(quota.files, amount.files);
        if is_beyond != must_be_beyond {
            let done = if must_be_beyond { "refused" } else { "granted" };
            let violation = format!("{what} is {done} by {quota:?}, with {amount:?}");
            self.world.lock().violate(violation);
        }
    }

    fn add(&self, open_upload: OpenUpload) -> OpenUploadGuard {
        let mut open = self.open.lock();
        let key = open.last_key_value().map_or(0, |(key, _)| key + 1);
        open.insert(key, open_upload);
        drop(open);
        OpenUploadGuard {
            key,
            model: self.clone(),
        }
    }

    /// A path was removed or replaced: open uploads to it are no longer visible.
    fn lost(&self, path: &str) {
        let mut open = self.open.lock();
        for one in open.values_mut().filter(|one| one.path == path) {
            one.is_invisible = true;
        }
    }
}

impl Storage for QuotaCheckedStorage {
    fn perform(&self, operation: &Operation, wait: Wait) -> Result<Answer> {
        let answer = self.storage().perform(operation, wait);
        if let (Operation::RemoveFile(path), Ok(_)) = (operation, &answer) {
            self.model.lost(&path.to_string());
        }
        answer
    }

    fn open(&self, path: &VirtualPath, wait: Wait) -> Result<(Box<dyn File>, Metadata)> {
        self.storage().open(path, wait)
    }

    fn create(
        &self,
        path: &VirtualPath,
        placement: Placement,
        umask: Option<Umask>,
    ) -> Result<Upload> {
        let model = &self.model;
        let is_invisible = !matches!(
            placement,
            Placement::Append | Placement::AppendExisting | Placement::At(_)
        );
        let instead = model.size(&path.to_string());
        let created = self.storage().create(path, placement, umask);
        let is_one_more = instead.is_none() || placement == Placement::Unique;
        let with_it = |charged: Amount| Amount {
            files: charged.files + u64::from(is_one_more),
            ..charged
        };
        model.check(&created, with_it, "a new file");
        let upload = created?;
        let guard = model.add(OpenUpload {
            path: upload.path.to_string(),
            end: upload.offset,
            is_invisible,
            instead: instead.filter(|_| placement != Placement::Unique),
        });
        Ok(Upload {
            file: Box::new(CheckedFile {
                file: upload.file,
                guard,
            }),
            ..upload
        })
    }

    fn list(&self, path: &VirtualPath) -> Result<Box<dyn Directory>> {
        self.storage().list(path)
    }

    fn entry(&self, path: &VirtualPath) -> Result<Entry> {
        self.storage().entry(path)
    }
}

/// Keeps the upload in the model while its file is open.
struct OpenUploadGuard {
    key: u64,
    model: QuotaModel,
}

impl OpenUploadGuard {
    fn open_upload(&self) -> Option<OpenUpload> {
        self.model.open.lock().get(&self.key).cloned()
    }

    fn change(&self, change: impl FnOnce(&mut OpenUpload)) {
        if let Some(open_upload) = self.model.open.lock().get_mut(&self.key) {
            change(open_upload);
        }
    }

    /// Usage if the file ended at `end`.
    fn with_end(&self, charged: Amount, end: u64) -> Amount {
        let Some(one) = self.open_upload() else {
            return charged;
        };
        let named = self.model.size(&one.path).filter(|_| !one.is_invisible);
        let longer = end.saturating_sub(one.end.max(named.unwrap_or_default()));
        let replaced = one.instead.filter(|_| one.is_invisible);
        Amount {
            bytes: (charged.bytes + longer)
                .saturating_sub(replaced.unwrap_or_default().min(end.max(one.end))),
            files: charged.files - u64::from(replaced.is_some()),
        }
    }
}

impl Drop for OpenUploadGuard {
    fn drop(&mut self) {
        self.model.open.lock().remove(&self.key);
    }
}

struct CheckedFile {
    /// Dropped before the guard, so that its reservation is released first.
    file: Box<dyn UploadFile>,
    guard: OpenUploadGuard,
}

impl CheckedFile {
    fn commit_by(&mut self, commit: impl FnOnce(&mut dyn UploadFile) -> Result<()>) -> Result<()> {
        let model = &self.guard.model;
        let path = self
            .guard
            .open_upload()
            .map(|one| one.path)
            .unwrap_or_default();
        // The file to replace may have changed.
        let instead = model.size(&path);
        self.guard.change(|one| one.instead = instead);
        let was_invisible = self.guard.open_upload().is_some_and(|one| one.is_invisible);
        let committed = commit(self.file.as_mut());
        let guard = &self.guard;
        let same = |charged| guard.with_end(charged, 0);
        model.check(&committed, same, "a name");
        if was_invisible && self.file.commit_state() == Ok(CommitState::InPlace) {
            model.lost(&path);
            self.guard.change(|one| one.is_invisible = false);
        }
        committed
    }
}

impl UploadFile for CheckedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        let end = offset + bytes.len() as u64;
        let written = self.file.write_at(bytes, offset);
        let guard = &self.guard;
        let longer = |charged| guard.with_end(charged, end);
        // An invisible file counts only as granted.
        if written.is_err() || self.file.commit_state() == Ok(CommitState::InPlace) {
            guard.model.check(&written, longer, "a write");
        }
        if written != Err(Error::QuotaExceeded) {
            guard.change(|one| one.end = one.end.max(end));
        }
        written
    }

    fn room(&self, offset: u64) -> u64 {
        self.file.room(offset)
    }

    fn metadata(&self) -> Result<Metadata> {
        self.file.metadata()
    }

    fn commit_state(&self) -> Result<CommitState> {
        self.file.commit_state()
    }

    fn prepare(&mut self) -> Result<()> {
        self.file.prepare()
    }

    fn commit(&mut self) -> Result<()> {
        self.commit_by(|file| file.commit())
    }

    fn forbid_replace(&mut self) -> Result<()> {
        self.file.forbid_replace()
    }

    fn commit_truncated(&mut self, size: u64) -> Result<()> {
        self.commit_by(|file| file.commit_truncated(size))
    }
}
