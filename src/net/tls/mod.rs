//! TLS with rustls: connections, certificates and keys. RFC 4217, RFC 8446, RFC 5246.
//!
//! An [`Acceptor`] creates the [`Security`] of a [`Channel`](super::Channel); `sessions` binds TLS
//! sessions to control connections. It knows sockets and certificates, no commands or replies. The
//! crypto provider is always ring, passed explicitly: the process default belongs to the embedding
//! program. Reading files may block, so it happens before the event loop or on another thread.

mod acceptor;
mod client_certificates;
mod client_hello;
mod credentials;
mod credentials_error;
mod failure;
mod pem_files;
mod security;
mod self_signed;
mod sessions;
mod time;
mod wire;
mod x509;

pub use acceptor::Acceptor;
pub use client_certificates::ClientCertificates;
pub use credentials::{Credentials, Expiry};
pub use credentials_error::{CredentialsError, Problem};
pub use security::Security;
pub use self_signed::{CertificateNames, CertificateOrigin, SelfSigned, certificate_files};
pub use sessions::SessionTag;
#[cfg(feature = "bench")]
pub(crate) use time::WallClock;
#[cfg(feature = "bench")]
pub(crate) use x509::{host_name, host_names, misuse, validity};

/// A step of a handshake is to be [computed](Security::compute).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Computation;
