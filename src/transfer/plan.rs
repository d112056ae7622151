//! What is to be transferred, as plain data, and how it is opened.
//!
//! A session makes a [`Plan`]; [`Plan::open`] turns it into a [`TransferSource`] or into the error that
//! the client hears before any 150. It knows paths and placements, no sockets.

use std::sync::Arc;

use super::inbound::Inbound;
use super::listing::Listed;
use super::outbound::Outbound;
use super::representation::{DataType, Representation};
use super::{Flow, Permit, TransferSource};
use crate::protocol::byte_range::ByteRange;
use crate::protocol::charset::Charset;
use crate::protocol::facts::FactFormat;
use crate::protocol::zone::Zone;
use crate::storage::{
    CutUploads, Error, InPlace, Metadata, Placement, Result, Storage, Umask, VirtualPath, Wait,
};

/// What a listing prints of each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// LIST: as `ls -l` does; `now` in seconds since 1970 decides how dates are shown.
    Long {
        /// The wall clock when the listing was asked for.
        now: i64,
        /// The time zone of the dates.
        zone: Zone,
    },
    /// NLST: names that RETR takes.
    Names,
    /// MLSD: the selected facts.
    Facts(FactFormat),
}

/// What to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The directory, or the one file.
    pub path: VirtualPath,
    /// Its last part, if that may be a pattern: it is one where nothing has this path.
    pub pattern: Option<Vec<u8>>,
    /// The path as the client wrote it, empty where it named none: NLST puts it before each name, so
    /// that RETR finds it from the current directory.
    pub prefix: Vec<u8>,
    /// What the names are converted to, for a client that is older than UTF-8.
    pub charset: Option<Charset>,
    /// Whether the directories below follow (`LIST -R`).
    pub recursive: bool,
    /// What is printed.
    pub format: Format,
}

/// Which way, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// RETR, from an offset.
    Retrieve {
        /// The file.
        path: VirtualPath,
        /// Its first byte to send.
        offset: u64,
        /// Instead of all from there: these bytes, as far as there are.
        range: Option<ByteRange>,
    },
    /// STOR, STOU and APPE.
    Store {
        /// The file.
        path: VirtualPath,
        /// Where the bytes go.
        placement: Placement,
        /// For a new file, instead of the process's own.
        umask: Option<Umask>,
        /// What becomes of it when it is cut.
        cut: CutUploads,
    },
    /// LIST, NLST and MLSD.
    List(Listing),
}

/// One transfer to be prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Which way, and what.
    pub direction: Direction,
    /// How bytes look on the wire; of it a listing has only the MODE.
    pub representation: Representation,
    /// The most bytes a second; `None`: as many as there are.
    pub rate: Option<u64>,
}

/// What is known once it is open, for the 150.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Bytes to be sent, of a RETR in TYPE I.
    pub size: Option<u64>,
    /// The name that an upload will have.
    pub path: Option<VirtualPath>,
    /// Why an upload is written in place that was to replace a file.
    pub in_place: Option<InPlace>,
}

/// Whether a transfer has to have a [`Permit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It has no use for one.
    None,
    /// A directory is sorted if there is one, and comes as it is if not.
    Optional,
    /// MODE Z, and what is below a directory.
    Required,
}

impl Plan {
    /// What it needs a place for.
    pub const fn need(&self) -> Need {
        match &self.direction {
            _ if self.representation.is_slow() => Need::Required,
            Direction::List(listing) if listing.recursive => Need::Required,
            Direction::List(_) => Need::Optional,
            Direction::Retrieve { .. } | Direction::Store { .. } => Need::None,
        }
    }

    /// Opens the file side, in its place. With [`Wait::Never`] only a RETR can succeed.
    pub fn open(
        &self,
        permit: &mut Option<Permit>,
        storage: &Arc<dyn Storage>,
        wait: Wait,
    ) -> Result<(TransferSource, Opened)> {
        let (flow, opened) = self.begin(permit.is_some(), storage, wait)?;
        let permit = permit.take();
        let rate = self.rate;
        Ok((TransferSource { flow, permit, rate }, opened))
    }

    fn begin(
        &self,
        has_place: bool,
        storage: &Arc<dyn Storage>,
        wait: Wait,
    ) -> Result<(Flow, Opened)> {
        match &self.direction {
            Direction::Retrieve {
                path,
                offset,
                range,
            } => {
                let (file, metadata) = storage.open(path, wait)?;
                let (offset, left) = match range {
                    Some(range) => range.within(metadata.size),
                    None => (*offset, left_behind(&metadata, *offset)?),
                };
                let size = metadata.size;
                let outbound = Outbound::new(file, size, self.representation, offset, left);
                let is_image = self.representation.data_type == DataType::Image;
                let size = is_image.then_some(left);
                let opened = Opened {
                    size,
                    ..Opened::default()
                };
                Ok((Flow::Outbound(outbound), opened))
            }
            _ if wait == Wait::Never => Err(Error::WouldWait),
            Direction::Store {
                path,
                placement,
                umask,
                cut,
            } => {
                let upload = storage.create(path, *placement, *umask)?;
                let opened = Opened {
                    size: None,
                    path: Some(upload.path.clone()),
                    in_place: upload.in_place,
                };
                let inbound = Inbound::new(upload, self.representation, *cut);
                Ok((Flow::Inbound(inbound), opened))
            }
            Direction::List(listing) => {
                let listed = Listed::open(storage, listing.clone(), has_place)?;
                let listed = listed.framed(self.representation);
                Ok((Flow::Listed(Box::new(listed)), Opened::default()))
            }
        }
    }
}

fn left_behind(metadata: &Metadata, offset: u64) -> Result<u64> {
    metadata.size.checked_sub(offset).ok_or(Error::BeyondEnd)
}
