//! Files whose place no other file can take, and which may be written themselves: mount points of a
//! single file, and files in directories whose names the process may not change.
//!
//! It says beforehand which these are, so that an upload is written in place from its first byte and
//! does not fail at its last; and which files nothing may be written to. rename(2), inode(7), statx(2).

use std::os::fd::AsFd;

use rustix::fs::StatxAttributes;
use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, capabilities};

use super::statx::found_at;
use crate::storage::{InPlace, Metadata, Result};

/// The mode bit by which only its owner, and the directory's, may remove or rename a file.
const STICKY: u32 = 0o1000;

/// Whether a file has an attribute by which it cannot be written anew, nor replaced (chattr(1)).
pub(super) const fn is_fixed(attributes: StatxAttributes) -> bool {
    attributes.intersects(StatxAttributes::IMMUTABLE.union(StatxAttributes::APPEND))
}

/// Why a rename over this file in `directory` would be refused; `None`: it would not, as far as
/// can be told without trying.
pub(super) fn obstacle(
    directory: impl AsFd,
    file: &Metadata,
    attributes: StatxAttributes,
) -> Result<Option<InPlace>> {
    if attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Ok(Some(InPlace::MountPoint));
    }
    let (parent, attributes) = found_at(directory, b"")?;
    if is_fixed(attributes) {
        return Ok(Some(InPlace::Directory));
    }
    let is_protected = is_sticky(&parent) && file.owner != geteuid().as_raw();
    Ok(is_protected.then_some(InPlace::Sticky))
}

/// Whether the process may remove and rename in this directory only what is its own.
pub(super) fn is_sticky(directory: &Metadata) -> bool {
    let is_own = directory.owner == geteuid().as_raw();
    directory.mode & STICKY != 0 && !is_own && !may_act_as_owner()
}

/// Whether the process may do with any file what only its owner may.
fn may_act_as_owner() -> bool {
    let own = capabilities(None);
    own.is_ok_and(|own| own.effective.contains(CapabilitySet::FOWNER))
}
