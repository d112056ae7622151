//! Replaces `pam` without the Cargo feature `pam`: no [`PamService`] can be made, so no account needs PAM.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io;
use std::net::IpAddr;
use std::process::ExitCode;

use super::{PamService, Password};
use crate::privsep::Helper;

/// Cannot be made.
#[derive(Debug)]
pub(super) struct PamRequest(Infallible);

impl PamRequest {
    pub(super) const fn new(_: &PamService, _: &[u8], _: &Password, _: IpAddr) -> Option<Self> {
        None
    }
}

pub(crate) const fn run_if_requested(_: &OsStr) -> Option<ExitCode> {
    None
}

/// Starts the PAM helper process.
///
/// # Errors
/// Always, in this build.
pub(super) fn start() -> io::Result<Helper> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) const fn authenticate(_: &Helper, request: &PamRequest) -> Result<(), String> {
    match request.0 {}
}
