//! What a storage does with every upload, whoever sends it: how lasting a 226 is, and how much of
//! the file system is left to others.
//!
//! Plain data, which the configuration sets and [`Disk`](super::Disk) carries out. It knows no
//! system call.

/// What a power cut, or a crash of the whole system, can do to what was stored. (A server that is
/// killed loses nothing that had its 226, whichever it is.)
///
/// The default is what users of other servers know. A sync costs a solid-state disk a millisecond
/// or two, but a card of a camera some tens of them for each small file, and for a large one so
/// long that a client may have lost its patience before the 226.
///
/// Times, modes and owners are changed without a sync in each of them: a client that finds an old
/// date transfers the file again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The kernel writes when it sees fit, as with other FTP servers: for some seconds after its
    /// 226 a file can still be lost, and on some file systems be found empty, or take the one that
    /// it replaced with it.
    #[default]
    None,
    /// A file is synced before it is renamed over its target: the name has the whole old contents
    /// or the whole new ones, always. Which of them, is open for some seconds. What is written in
    /// place (APPE, STOR after REST) has no old contents to be kept, and is not synced.
    Rename,
    /// As `Rename`, and the reply comes when the name is on the disk too: a 226 is for good, and so
    /// is what is written in place, and the 250 or 257 to MKD, RMD, DELE and RNTO.
    ///
    /// Where a name was changed and only its sync fails, the client hears 451, though the change
    /// is seen: an uploaded file is there, whole and synced, but whether it will be after a power
    /// cut is not known. It is not taken back, because what could not be synced forwards cannot
    /// be synced backwards either.
    Fsync,
}

/// What becomes of an upload to a name that nothing has, where its connection is cut. What would
/// replace a file is discarded either way, and the file stays; what is written in place stays.
///
/// The default is what clients need to resume an upload over a bad link (`curl -C -`, `reput` of
/// lftp), and what cameras need: half a recording is worth more than none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CutUploads {
    /// A name has a whole file, or none.
    Discard,
    /// The bytes that came are put under the name, if they are the file's own first bytes (TYPE I,
    /// STRU F).
    #[default]
    Keep,
}

/// What holds for all uploads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How lasting they are.
    pub durability: Durability,
    /// Free bytes of a file system that are not for uploads; 0: all are.
    pub free_space_floor: u64,
}
