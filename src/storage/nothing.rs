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
        let path = VirtualPath::root();
        let name = path.join(b"f").unwrap();
        for path in [&path, &name] {
            let missing = Some(Error::NotFound);
            assert_eq!(EmptyStorage.open(path, Wait::Never).err(), missing);
            assert_eq!(
                EmptyStorage.create(path, Placement::New, None).err(),
                missing
            );
            assert_eq!(EmptyStorage.list(path).err(), missing);
            assert_eq!(EmptyStorage.entry(path).err(), missing);
            let removal = Operation::RemoveFile(path.clone());
            assert_eq!(EmptyStorage.perform(&removal, Wait::Allowed).err(), missing);
        }
    }
}
