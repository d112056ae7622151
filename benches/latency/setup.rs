//! What the contenders of a row serve, and how: a directory with sample files, and options.
//!
//! Owns the temporary files. Must not know the contenders' command lines.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::floor;
use crate::identity::Identity;

/// A temporary directory that all contenders of a row serve: `file`, and `in` for uploads, in which
/// every user may write, as peers change theirs. The root itself is not writable: vsftpd refuses that.
pub(crate) struct Stage(TempDir);

impl Stage {
    /// Writes `file` with `length` bytes, which stay in the page cache, and syncs it, so that no
    /// write-back runs during the measurement.
    pub(crate) fn new(length: usize) -> io::Result<Self> {
        let stage = Self(TempDir::new()?);
        open_to(stage.root(), 0o755)?;
        fs::create_dir(stage.uploads())?;
        open_to(&stage.uploads(), 0o777)?;
        let mut file = File::create(stage.root().join("file"))?;
        let block = vec![b'x'; 1 << 20];
        let mut missing = length;
        while missing > 0 {
            let piece = block.get(..missing).unwrap_or(&block);
            file.write_all(piece)?;
            missing -= piece.len();
        }
        file.sync_all()?;
        Ok(stage)
    }

    /// The same, and the directory `many` with this number of entries.
    pub(crate) fn with_entries(count: usize) -> io::Result<Self> {
        let stage = Self::new(0)?;
        let many = stage.root().join("many");
        fs::create_dir(&many)?;
        open_to(&many, 0o755)?;
        for number in 0..count {
            File::create(many.join(format!("entry-{number:05}.data")))?;
        }
        Ok(stage)
    }

    /// The directory that is served.
    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    /// The directory `in`.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.root().join("in")
    }
}

/// How the contenders of a row are to serve.
#[derive(Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The directory.
    pub(crate) root: &'a Path,
    /// The certificate for TLS.
    pub(crate) identity: Option<&'a Identity>,
    /// Use a single port for passive data connections.
    pub(crate) one_port: bool,
    /// Poll for some time before sleeping; peers cannot.
    pub(crate) busy_poll: bool,
}

impl<'a> Setup<'a> {
    /// Serve the stage, without TLS.
    pub(crate) fn plain(stage: &'a Stage) -> Self {
        Self {
            root: stage.root(),
            identity: None,
            one_port: false,
            busy_poll: false,
        }
    }

    /// The floor of transfers with the same directory and certificate.
    pub(crate) fn floor(&self) -> floor::Program {
        floor::Program::Transfers {
            root: self.root.to_owned(),
            identity: self.identity.map(|one| [one.certificate(), one.key()]),
        }
    }

    /// Serve the stage, with TLS for clients that ask for it.
    pub(crate) fn over_tls(stage: &'a Stage, identity: &'a Identity) -> Self {
        Self {
            identity: Some(identity),
            ..Self::plain(stage)
        }
    }
}

fn open_to(directory: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(directory, Permissions::from_mode(mode))
}
