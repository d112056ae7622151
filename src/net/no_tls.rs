//! Stand-in for `tls` in builds without the feature `tls`.
//!
//! Its types have no values: there is no [`Acceptor`], so AUTH is refused, and the compiler removes the
//! calls below. It must keep the signatures of `tls`.

use std::io;
use std::path::{Path, PathBuf};

use super::{ClientCertStatus, HandshakeStep, Stream};
use crate::storage::File;

/// Empty paths: no certificate is stored.
pub fn certificate_files(_: &Path) -> (PathBuf, PathBuf) {
    Default::default()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Never {}

/// Defines a type without values, and methods that can therefore not be called.
macro_rules! without_values {
    (
        $(#[$derive:meta])* $name:ident, $self:ident:
        $(fn $method:ident $parameters:tt $(-> $result:ty)?;)*
    ) => {
        /// Has no values.
        $(#[$derive])*
        pub struct $name(Never);

        #[allow(clippy::missing_const_for_fn, reason = "the signatures are those of tls")]
        impl $name {
            $(
                /// Never called.
                pub fn $method $parameters $(-> $result)? {
                    match $self.0 {}
                }
            )*
        }
    };
}

without_values! { #[derive(Clone, Copy, Debug, PartialEq, Eq)] SessionTag, self: }

without_values! { #[derive(Clone, Copy, Debug, PartialEq, Eq)] Computation, self: }

without_values! { #[derive(Clone, Debug)] Acceptor, self:
    fn warning(&self, _: i64) -> Option<String>;
    fn standing(&self, _: &Security) -> ClientCertStatus;
    fn misuse(&self) -> Option<&'static str>;
    fn requires_session(&self) -> bool;
    fn identify(&self, _: &[u8]) -> Option<Vec<SessionTag>>;
    fn control(&self) -> io::Result<(Security, SessionTag)>;
    fn data(&self, _: SessionTag, _: bool) -> io::Result<Security>;
}

without_values! { #[derive(Debug)] Security, self:
    fn is_handshaking(&self) -> bool;
    fn handshake(&mut self, _: &mut dyn Stream) -> io::Result<()>;
    fn exchange(&mut self, _: &mut dyn Stream) -> io::Result<HandshakeStep>;
    fn compute(&mut self) -> io::Result<()>;
    fn unsecure(&mut self, _: &mut dyn Stream) -> io::Result<Option<u8>>;
    fn shutdown(&mut self, _: &mut dyn Stream) -> io::Result<()>;
    fn has_unread(&self) -> bool;
    fn has_failed(&self) -> bool;
    fn allow_unclean_end(&mut self);
    fn is_within_record(&self) -> bool;
    fn has_rejected_unclean_end(&self) -> bool;
    fn has_accepted_unclean_end(&self) -> bool;
    fn has_unsent(&self) -> bool;
    fn flush_some(&mut self, _: &mut dyn Stream) -> io::Result<()>;
    fn take_diagnostic(&mut self) -> Option<String>;
    fn protocol(&self) -> String;
    fn client_name(&self) -> Option<Vec<u8>>;
    fn read(&mut self, _: &mut dyn Stream, _: &mut [u8]) -> io::Result<usize>;
    fn write(&mut self, _: &mut dyn Stream, _: &[u8]) -> io::Result<usize>;
    fn send_file(
        &mut self, _: &mut dyn Stream, _: &dyn File, _: u64, _: usize
    ) -> io::Result<usize>;
}
