//! The description of a transfer as plain data, and opening its file side.
//!
//! A session creates a [`Plan`]; [`Plan::open`] returns a [`TransferSource`], or the error that is
//! replied instead of a 150. It knows paths and placements, no sockets.

use std::sync::Arc;

use super::inbound::Inbound;
use super::listing::{Listing, ListingSender};
use super::outbound::Outbound;
use super::representation::{DataType, Representation};
use super::{Flow, Permit, TransferSource};
use crate::limits::SORTED_BYTES;
use crate::protocol::byte_range::ByteRange;
use crate::storage::{
    CutUploads, Error, InPlace, Placement, Result, Storage, Umask, VirtualPath, Wait,
};

/// The direction of a transfer, and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Direction {
    /// RETR, from an offset.
    Retrieve {
        /// The file.
        path: VirtualPath,
        /// The first byte to send.
        offset: u64,
        /// If set, replaces `offset`: the part of this range that the file has.
        range: Option<ByteRange>,
    },
    /// STOR, STOU and APPE.
    Store {
        /// The file.
        path: VirtualPath,
        /// Where the bytes go.
        placement: Placement,
        /// The umask for a new file; `None`: that of the process.
        umask: Option<Umask>,
        /// Whether an interrupted upload is kept.
        cut: CutUploads,
    },
    /// LIST, NLST and MLSD.
    List(Listing),
}

/// A transfer to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The direction, and the file.
    pub direction: Direction,
    /// The representation on the wire; a listing uses only its MODE.
    pub representation: Representation,
    /// The rate limit in bytes per second; `None`: unlimited.
    pub rate: Option<u64>,
}

/// What opening a transfer has found out, for the 150 reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The number of bytes to send, for RETR in TYPE I.
    pub size: Option<u64>,
    /// The final path of an upload.
    pub path: Option<VirtualPath>,
    /// Why an upload that replaces a file is written in place.
    pub in_place: Option<InPlace>,
}

/// Whether a transfer needs a [`Permit`], because it uses much memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// No.
    None,
    /// A directory listing: it is sorted with a permit, and unsorted without.
    Optional,
    /// MODE Z or a recursive listing: it is refused without a permit.
    Required,
}

impl Plan {
    /// Whether it needs a permit.
    pub const fn need(&self) -> Need {
        match &self.direction {
            _ if self.representation.is_slow() => Need::Required,
            Direction::List(listing) if listing.recursive => Need::Required,
            Direction::List(_) => Need::Optional,
            Direction::Retrieve { .. } | Direction::Store { .. } => Need::None,
        }
    }

    /// Opens the file side, and takes the permit on success. With [`Wait::Never`] only RETR can succeed.
    pub fn open(
        &self,
        permit: &mut Option<Permit>,
        storage: &Arc<dyn Storage>,
        wait: Wait,
    ) -> Result<(TransferSource, Opened)> {
        let (flow, opened) = self.open_flow(permit.is_some(), storage, wait)?;
        let permit = permit.take();
        let rate = self.rate;
        Ok((TransferSource { flow, permit, rate }, opened))
    }

    fn open_flow(
        &self,
        has_permit: bool,
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
                let rest = metadata.size.checked_sub(*offset);
                let (offset, left) = match range {
                    Some(range) => range.within(metadata.size),
                    None => (*offset, rest.ok_or(Error::BeyondEnd)?),
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
                let mode = self.representation.mode;
                let room = if has_permit { SORTED_BYTES } else { 0 };
                let listed = ListingSender::open(storage, listing.clone(), room, mode)?;
                Ok((Flow::ListingSender(Box::new(listed)), Opened::default()))
            }
        }
    }
}
