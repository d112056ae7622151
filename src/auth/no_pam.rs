//! Stands in for PAM where it is not compiled in: there is no service of it, and so no account that
//! would need it, and nothing to ask.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;

use super::{Password, Service};
use crate::privsep::Helper;

/// What nobody is asked.
#[derive(Debug)]
pub(super) struct Question(Infallible);

impl Question {
    /// Never.
    pub(super) const fn new(_: &Service, _: &[u8], _: &Password, _: IpAddr) -> Option<Self> {
        None
    }
}

/// Starts what asks PAM.
///
/// # Errors
/// Always: this build has none.
pub(super) fn start() -> io::Result<Helper> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Asks whether it is so.
pub(super) const fn ask(_: &Helper, question: &Question) -> Result<(), String> {
    match question.0 {}
}
