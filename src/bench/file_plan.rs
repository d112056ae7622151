//! What the clients of files share, and how their files are called.
//!
//! Names have a prefix of their own, so that nothing of others is overwritten or deleted. It must not know
//! what is done with the files.

use super::client::DataMode;

/// What all clients of files share.
#[derive(Clone, Debug)]
pub(super) struct FilePlan {
    /// The directory on the server, empty or with a slash at its end.
    pub(super) directory: Vec<u8>,
    /// The path of the URL, for files that are given and for lists.
    pub(super) path: Vec<u8>,
    /// How the names of its files begin.
    pub(super) prefix: String,
    pub(super) size: u64,
    pub(super) seed: u64,
    /// Whether files that come back are compared.
    pub(super) verifies: bool,
    pub(super) mode: DataMode,
}

/// Which client of a run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) lane: usize,
    pub(super) number: usize,
    /// Whether it puts the shared file there and deletes it. One does, of all lanes.
    pub(super) is_keeper: bool,
}

impl FilePlan {
    /// The file that all clients fetch.
    pub(super) fn shared_path(&self) -> Vec<u8> {
        [&self.directory, self.prefix.as_bytes()].concat()
    }

    /// A client's own file, after so many that it has deleted.
    pub(super) fn own_path(&self, seat: Seat, deleted: usize) -> Vec<u8> {
        let Seat { lane, number, .. } = seat;
        let name = format!("{}-{lane}-{number}-{deleted}", self.prefix);
        [&self.directory, name.as_bytes()].concat()
    }
}
