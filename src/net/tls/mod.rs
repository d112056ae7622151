//! TLS by rustls: how connections are secured, and with what. RFC 4217, RFC 8446, RFC 5246.
//!
//! An [`Acceptor`] makes the [`Security`] that a [`Channel`](super::Channel) takes; `sessions`
//! ties data connections to their control connection. It knows sockets and certificates, no
//! command and no reply. rustls with ring underneath, always named and never the process's
//! default: a host program may have another. What is read from files here may wait, so it is
//! read before the loop begins, or on another thread.

mod acceptor;
mod client_certificates;
mod credentials;
mod credentials_error;
mod failure;
mod pem_files;
mod security;
mod self_signed;
mod sessions;
mod wire;
mod x509;

pub use acceptor::Acceptor;
pub use client_certificates::ClientCertificates;
pub use credentials::{Credentials, Expiry};
pub use credentials_error::{CredentialsError, Problem};
pub use security::Security;
pub use self_signed::{Names, Origin, SelfSigned, kept_files};
pub use sessions::SessionTag;
