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
