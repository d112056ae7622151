//! Checks of the peer at the end of a handshake: the resumed session and the client certificate.
//!
//! rustls verifies the certificate of a full handshake. It neither compares the session of a data
//! connection with its control connection, nor verifies the certificate of a resumed session again.

use std::io;
use std::sync::Arc;

use rustls::HandshakeKind;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;

use super::Security;
use crate::net::DataSession;
use crate::net::tls::ClientCertificates;
use crate::net::tls::failure::{UNKNOWN, describe, not_resumed};

impl Security {
    pub(super) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Applies `tls.data-session`: logs or refuses a data connection that resumed no session of its
    /// control connection.
    pub(super) fn check_session(&mut self) -> io::Result<()> {
        if self.data_session == DataSession::Off || self.is_resumed() {
            return Ok(());
        }
        let is_refused = self.data_session == DataSession::Require;
        self.diagnostic = Some(not_resumed(self.binding.offer(), is_refused));
        if is_refused {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }

    /// Verifies the certificate of a resumed session again. It was verified in an earlier handshake,
    /// and may have expired since, or the authorities may have changed.
    pub(super) fn check_client(&mut self) -> io::Result<()> {
        let Some(verifier) = self.verifier.clone().filter(|_| self.is_resumed()) else {
            return Ok(());
        };
        let checked = ClientCertificates::verify(verifier.as_ref(), self.certificates());
        checked.map(drop).map_err(|error| {
            let why = format!("a session is resumed, and {}", describe(&error, UNKNOWN));
            self.failed(&why, io::ErrorKind::PermissionDenied)
        })
    }

    /// Whether this verifier checked the client's certificate.
    pub(in crate::net::tls) fn was_verified_by(
        &self,
        verifier: &Arc<dyn ClientCertVerifier>,
    ) -> bool {
        let own = self.verifier.as_ref();
        own.is_some_and(|own| Arc::ptr_eq(own, verifier))
    }

    /// The chain that the client has presented.
    pub(in crate::net::tls) fn certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.tls.peer_certificates()
    }
}
