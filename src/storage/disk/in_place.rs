//! Files that can be written but not replaced by a rename: mount points of single files, and files in
//! directories whose entries the process may not change.
//!
//! They are detected before the upload, which is then written in place instead of failing at its commit.
//! It changes nothing itself. See rename(2), inode(7), statx(2).

use std::os::fd::AsFd;

use rustix::fs::StatxAttributes;
use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities};

use super::statx::stat_at;
use crate::storage::{InPlace, Metadata, Result};

/// The sticky bit: only the owner of a file or of the directory may remove or rename the file.
const STICKY: u32 = 0o1000;

/// Whether the file is immutable or append-only, and so cannot be overwritten or replaced (chattr(1)).
pub(super) const fn is_fixed(attributes: StatxAttributes) -> bool {
    attributes.intersects(StatxAttributes::IMMUTABLE.union(StatxAttributes::APPEND))
}

/// Predicts whether a rename over this file in `directory` fails, and why. `None` is no guarantee.
pub(super) fn rename_obstacle(
    directory: impl AsFd,
    file: &Metadata,
    attributes: StatxAttributes,
) -> Result<Option<InPlace>> {
    if attributes.contains(StatxAttributes::MOUNT_ROOT) {
        return Ok(Some(InPlace::MountPoint));
    }
    let (parent, attributes) = stat_at(directory, b"")?;
    if is_fixed(attributes) {
        return Ok(Some(InPlace::Directory));
    }
    let is_protected = is_sticky(&parent) && file.owner != geteuid().as_raw();
    Ok(is_protected.then_some(InPlace::Sticky))
}

/// Whether the process may remove and rename only its own files in this directory.
pub(super) fn is_sticky(directory: &Metadata) -> bool {
    let has_fowner = |own: CapabilitySets| own.effective.contains(CapabilitySet::FOWNER);
    let is_own = directory.owner == geteuid().as_raw();
    directory.mode & STICKY != 0 && !is_own && !capabilities(None).is_ok_and(has_fowner)
}
