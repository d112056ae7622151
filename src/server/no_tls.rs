//! Stand-in for `tls` in a build without the Cargo feature `tls`: every certificate is an error
//! that names the feature.

use crate::config::TlsConfig;
use crate::net::tls::Acceptor;

pub(super) const PLAINTEXT_PASSWORDS: &str = "Passwords go in the clear: this build has no TLS. Build it \
    with --features tls, or set tls.require (--tls-require) to \"none\" if that is intended";

pub(super) fn load(_: &TlsConfig, _: Option<&Acceptor>, _: i64) -> Result<Acceptor, String> {
    Err("this build has no TLS; build it with --features tls".to_owned())
}

pub(super) const fn check_names(_: &TlsConfig) -> Option<String> {
    None
}
