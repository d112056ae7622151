//! The storage of an account without a root: empty and read-only.
//!
//! It owns nothing and makes no system call.

use super::{
    Answer, Directory, Entry, Error, File, Metadata, Operation, Placement, Result, Storage, Umask,
    Upload, VirtualPath, Wait,
};

/// A storage without files: every call fails with [`Error::NotFound`].
#[derive(Clone, Copy, Debug)]
pub struct EmptyStorage;

impl Storage for EmptyStorage {
    fn perform(&self, _: &Operation, _: Wait) -> Result<Answer> {
        Err(Error::NotFound)
    }

    fn open(&self, _: &VirtualPath, _: Wait) -> Result<(Box<dyn File>, Metadata)> {
        Err(Error::NotFound)
    }

    fn create(&self, _: &VirtualPath, _: Placement, _: Option<Umask>) -> Result<Upload> {
        Err(Error::NotFound)
    }

    fn list(&self, _: &VirtualPath) -> Result<Box<dyn Directory>> {
        Err(Error::NotFound)
    }

    fn entry(&self, _: &VirtualPath) -> Result<Entry> {
        Err(Error::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_not_found() {
        for path in [VirtualPath::root(), VirtualPath::root().join(b"f").unwrap()] {
            let created = EmptyStorage.create(&path, Placement::New, None);
            for answer in [
                EmptyStorage.open(&path, Wait::Never).map(drop),
                created.map(drop),
                EmptyStorage.list(&path).map(drop),
                EmptyStorage.entry(&path).map(drop),
                EmptyStorage
                    .perform(&Operation::RemoveFile(path), Wait::Allowed)
                    .map(drop),
            ] {
                assert_eq!(answer, Err(Error::NotFound));
            }
        }
    }
}
