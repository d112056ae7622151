//! Stand-in for `tls` in a build without the Cargo feature `tls`: every certificate is an error
//! that names the feature.

use std::fmt;

use crate::config::TlsConfig;
use crate::net::tls::Acceptor;

#[derive(Debug)]
pub(super) struct LoadError;

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this build has no TLS; build it with --features tls")
    }
}

pub(super) const fn load(
    _: &TlsConfig,
    _: Option<&Acceptor>,
    _: i64,
) -> Result<Acceptor, LoadError> {
    Err(LoadError)
}

pub(super) const fn check_names(_: &TlsConfig) -> Option<String> {
    None
}
