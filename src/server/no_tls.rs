//! What secures connections where TLS is not compiled in: nothing, and a word about it.

use std::fmt;

use crate::config::TlsConfig;
use crate::net::tls::Acceptor;

/// Why there is nothing to secure connections with.
#[derive(Debug)]
pub(super) struct Unusable;

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this build has no TLS; build it with --features tls")
    }
}

/// There is none.
pub(super) const fn load(
    _: &TlsConfig,
    _: Option<&Acceptor>,
    _: i64,
) -> Result<Acceptor, Unusable> {
    Err(Unusable)
}

/// Nothing is kept.
pub(super) const fn look_at_names(_: &TlsConfig) -> Option<String> {
    None
}
