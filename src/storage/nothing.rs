//! The storage of a server that exports nothing.

use super::{
    Answer, Directory, Entry, Error, File, Metadata, Operation, Placement, Result, Storage, Umask,
    Upload, VirtualPath, Wait,
};

/// No files at all: every name is unknown.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Storage for Nothing {
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

    /// An account without a place of its own finds nothing, be it to read or to write.
    #[test]
    fn every_name_is_unknown_and_none_can_be_made() {
        let path = VirtualPath::root();
        let name = path.join(b"f").unwrap();
        for path in [&path, &name] {
            let missing = Some(Error::NotFound);
            assert_eq!(Nothing.open(path, Wait::Never).err(), missing);
            assert_eq!(Nothing.create(path, Placement::New, None).err(), missing);
            assert_eq!(Nothing.list(path).err(), missing);
            assert_eq!(Nothing.entry(path).err(), missing);
            let removal = Operation::RemoveFile(path.clone());
            assert_eq!(Nothing.perform(&removal, Wait::Allowed).err(), missing);
        }
    }
}
