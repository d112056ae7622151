//! Stand-in for `tls` in builds without the feature `tls`.
//!
//! Its types cannot be constructed: there is no [`Acceptor`], so AUTH is refused, and the compiler
//! removes the calls below. It must keep the signatures of `tls`.

use std::io;
use std::path::{Path, PathBuf};

use super::{ClientCertStatus, Stream};
use crate::storage::File;

/// Empty paths: no certificate is stored.
pub fn certificate_files(_: &Path) -> (PathBuf, PathBuf) {
    Default::default()
}

/// Cannot be constructed.
#[derive(Clone, Debug)]
pub struct Acceptor(Never);

#[derive(Clone, Copy, Debug)]
enum Never {}

impl Acceptor {
    /// Never called.
    pub fn warning(&self, _: i64) -> Option<String> {
        match self.0 {}
    }

    /// Never called.
    pub fn standing(&self, _: &Security) -> ClientCertStatus {
        match self.0 {}
    }

    /// Never called.
    pub fn misuse(&self) -> Option<&'static str> {
        match self.0 {}
    }

    /// Never called.
    pub fn control(&self) -> io::Result<(Security, SessionTag)> {
        match self.0 {}
    }

    /// Never called.
    pub fn data(&self, _: SessionTag, _: bool) -> io::Result<Security> {
        match self.0 {}
    }
}

/// Cannot be constructed.
#[derive(Clone, Copy, Debug)]
pub struct SessionTag(Never);

/// Cannot be constructed.
#[derive(Debug)]
pub struct Security(Never);

#[allow(
    clippy::needless_pass_by_ref_mut,
    clippy::missing_const_for_fn,
    reason = "the signatures are those of tls"
)]
impl Security {
    /// Never called.
    pub fn is_handshaking(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn handshake(&mut self, _: &mut dyn Stream) -> io::Result<()> {
        match self.0 {}
    }

    /// Never called.
    pub fn unsecure(&mut self, _: &mut dyn Stream) -> io::Result<Option<u8>> {
        match self.0 {}
    }

    /// Never called.
    pub fn shutdown(&mut self, _: &mut dyn Stream) -> io::Result<()> {
        match self.0 {}
    }

    /// Never called.
    pub fn has_unread(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn has_failed(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn allow_unclean_end(&mut self) {
        match self.0 {}
    }

    /// Never called.
    pub fn is_within_record(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn has_rejected_unclean_end(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn has_accepted_unclean_end(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn has_unsent(&self) -> bool {
        match self.0 {}
    }

    /// Never called.
    pub fn flush_some(&mut self, _: &mut dyn Stream) -> io::Result<()> {
        match self.0 {}
    }

    /// Never called.
    pub fn take_diagnostic(&mut self) -> Option<String> {
        match self.0 {}
    }

    /// Never called.
    pub fn protocol(&self) -> String {
        match self.0 {}
    }

    /// Never called.
    pub fn client_name(&self) -> Option<Vec<u8>> {
        match self.0 {}
    }

    /// Never called.
    pub fn read(&mut self, _: &mut dyn Stream, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Never called.
    pub fn write(&mut self, _: &mut dyn Stream, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Never called.
    pub fn send_file(
        &mut self,
        _: &mut dyn Stream,
        _: &dyn File,
        _: u64,
        _: usize,
    ) -> io::Result<usize> {
        match self.0 {}
    }
}
