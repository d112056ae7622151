//! Settings that hold for all uploads: durability, replaced files, interrupted uploads, the free
//! space floor.
//!
//! Plain data, set by the configuration and implemented by [`Disk`](super::Disk). It knows no system
//! call.

/// Which uploads survive a power cut or a system crash. (A crash of the server alone loses no upload
/// that was answered with 226, at any level.)
///
/// The default is that of other FTP servers. A sync costs a millisecond or two on a solid-state disk,
/// tens of them per small file on a memory card, and for a large file it may outlast the client's
/// time-out for the 226.
///
/// Changes of times, modes and owners are never synced: a client that finds an old date transfers the
/// file again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// No sync; the kernel writes back when it chooses. For some seconds after the 226 a crash can
    /// lose the file; some file systems leave it empty, or lose the file it replaced as well.
    #[default]
    None,
    /// Sync the file before the atomic rename: after a crash the name has either the complete old or
    /// the complete new contents. Files written in place (APPE, STOR after REST) are not synced.
    Rename,
    /// As `Rename`, and sync the directory before the reply: a 226 is final, also for files written in
    /// place, and so are the 250 or 257 to MKD, RMD, DELE and RNTO.
    ///
    /// If only the sync of the directory fails, the reply is 451 although the change is visible: an
    /// uploaded file is complete and synced, but its name may not survive a power cut. The change is
    /// not undone, because the undo could not be synced either.
    Fsync,
}

/// Whether an interrupted upload to a new name is kept. An interrupted upload that would replace a file
/// is always discarded, and bytes written in place always stay.
///
/// The default lets clients resume (`curl -C -`, lftp `reput`) and saves half a recording of a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CutUploads {
    /// Discard it: a file appears complete or not at all.
    Discard,
    /// Commit the bytes received, if they are an unconverted prefix of the file (TYPE I, STRU F).
    #[default]
    Keep,
}

/// How an upload replaces an existing file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplaceFiles {
    /// By an atomic rename of a temporary file: the old file stays until the new one is complete. The file
    /// system needs room for both.
    #[default]
    ByRename,
    /// In place, where there is no room for two: the old contents are lost when the first byte arrives. An
    /// upload that is cut, and a power cut at any [`Durability`], leave a part of the new ones. Clients
    /// that read meanwhile get a mixture. A new name still appears complete or not at all.
    InPlace,
}

/// The settings of a [`Disk`](super::Disk).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// When to sync.
    pub durability: Durability,
    /// Bytes of the file system that uploads must leave free; 0: none.
    pub free_space_floor: u64,
    /// How to replace a file.
    pub replace: ReplaceFiles,
}
