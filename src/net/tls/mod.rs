//! TLS: what the server proves itself with, and what it asks of its clients. RFC 4217, RFC 8446.
//!
//! rustls with ring underneath, always named and never the process's default: a host program
//! may have another. What is read from files here may wait, so it is read before the loop begins
//! or on a worker.

mod client_certificates;
mod credentials;
mod credentials_error;
mod pem_files;
mod self_signed;
mod x509;

pub use client_certificates::ClientCertificates;
pub use credentials::{Credentials, Expiry};
pub use credentials_error::{CredentialsError, Problem};
pub use self_signed::{Origin, SelfSigned};
