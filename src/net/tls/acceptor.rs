//! Creates the TLS state of new connections from one certificate.
//!
//! It owns the configuration of rustls. Each connection gets a copy with its own session storage,
//! which decides which TLS sessions it may resume and tags those it creates. After a reload, a
//! renewed acceptor has another certificate and the same sessions.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, ServerConnection};

use super::security::Security;
use super::sessions::{Binding, Scope, SessionStore, SessionTag};
use super::time::WallClock;
use super::{ClientCertificates, Credentials, Expiry};
use crate::limits::{TLS_TICKETS_CONTROL, TLS_TICKETS_DATA, TLS_TICKETS_UPLOAD};
use crate::net::{ClientCertStatus, DataSession};

/// The ALPN protocol (RFC 7301). A client that uses ALPN must offer it, against cross-protocol attacks.
const ALPN_PROTOCOL: &[u8] = b"ftp";

/// Creates the TLS state of connections.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    credentials: Credentials,
    verifier: Arc<dyn ClientCertVerifier>,
    sessions: Arc<SessionStore>,
    data_session: DataSession,
}

impl Acceptor {
    /// Creates an acceptor that presents `credentials` and checks client certificates with `verifier`.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn new(
        credentials: &Credentials,
        verifier: Arc<dyn ClientCertVerifier>,
        data_session: DataSession,
    ) -> Result<Self, rustls::Error> {
        let sessions = Arc::new(SessionStore::new()?);
        Self::with(sessions, credentials, verifier, data_session)
    }

    /// Creates an acceptor with other settings for new connections. Clients can still resume the
    /// sessions that this one has created.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn renewed(
        &self,
        credentials: &Credentials,
        verifier: Arc<dyn ClientCertVerifier>,
        data_session: DataSession,
    ) -> Result<Self, rustls::Error> {
        let sessions = Arc::clone(&self.sessions);
        Self::with(sessions, credentials, verifier, data_session)
    }

    fn with(
        sessions: Arc<SessionStore>,
        credentials: &Credentials,
        verifier: Arc<dyn ClientCertVerifier>,
        data_session: DataSession,
    ) -> Result<Self, rustls::Error> {
        let key = SingleCertAndKey::from(credentials.certified_key());
        let provider = Arc::new(default_provider());
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(WallClock))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::clone(&verifier))
            .with_cert_resolver(Arc::new(key));
        config.alpn_protocols = vec![ALPN_PROTOCOL.to_vec()];
        Ok(Self {
            config: Arc::new(config),
            credentials: credentials.clone(),
            verifier,
            sessions,
            data_session,
        })
    }

    /// The certificate and key that it presents.
    pub const fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// A warning for the log about the certificate's dates at `now`, in seconds since 1970.
    pub fn warning(&self, now: i64) -> Option<String> {
        let what = match self.credentials.expiry(now) {
            Expiry::Valid => return None,
            Expiry::Soon { days: 1 } => "expires in one day".to_owned(),
            Expiry::Soon { days } => format!("expires in {days} days"),
            Expiry::Expired => "has expired".to_owned(),
            Expiry::NotYet => "is not valid yet: is this host's clock right?".to_owned(),
        };
        Some(format!("The certificate {what}"))
    }

    /// Verifies the certificate of a connection's client again. The connection may be older than this
    /// acceptor, and may have been accepted by other authorities.
    pub fn standing(&self, security: &Security) -> ClientCertStatus {
        if security.is_handshaking() {
            return ClientCertStatus::Unknown;
        }
        let chain = security.certificates();
        let is_verified = if security.was_verified_by(&self.verifier) {
            Ok(chain.is_some())
        } else {
            ClientCertificates::verify(self.verifier.as_ref(), chain)
        };
        match is_verified {
            Ok(true) => ClientCertStatus::Verified,
            Ok(false) => ClientCertStatus::Unknown,
            Err(_) => ClientCertStatus::Refused,
        }
    }

    /// Why clients may reject the certificate.
    pub fn misuse(&self) -> Option<&'static str> {
        self.credentials.misuse()
    }

    /// Whether each data connection must resume a session of its control connection.
    pub fn requires_session(&self) -> bool {
        self.data_session == DataSession::Require
    }

    /// The control connections whose sessions a client offers to resume, by the bytes that it has sent.
    /// `None` if they are no whole `ClientHello`, so far.
    pub fn identify(&self, received: &[u8]) -> Option<Vec<SessionTag>> {
        self.sessions.offered(received)
    }

    /// Creates the TLS state of a control connection, and the tag for its data connections.
    pub fn control(&self) -> io::Result<(Security, SessionTag)> {
        let tag = SessionTag::random(self.config.crypto_provider().secure_random)?;
        let verifier = Arc::clone(&self.verifier);
        let verifier = verifier.offer_client_auth().then_some(verifier);
        let (binding, tls) = self.connection(tag, Scope::Any, TLS_TICKETS_CONTROL)?;
        Ok((Security::new(tls, binding, DataSession::Off, verifier), tag))
    }

    /// Creates the TLS state of a data connection that belongs to the control connection with this
    /// tag. `client_sends` is true for an upload.
    pub fn data(&self, tag: SessionTag, client_sends: bool) -> io::Result<Security> {
        let scope = match self.data_session {
            DataSession::Off => Scope::Any,
            DataSession::Observe | DataSession::Require => Scope::Own,
        };
        let tickets = match (client_sends, self.data_session) {
            (false, _) => TLS_TICKETS_DATA,
            (true, DataSession::Require) => TLS_TICKETS_UPLOAD,
            (true, DataSession::Off | DataSession::Observe) => 0,
        };
        let (binding, tls) = self.connection(tag, scope, tickets)?;
        Ok(Security::new(tls, binding, self.data_session, None))
    }

    fn connection(
        &self,
        tag: SessionTag,
        scope: Scope,
        tickets: usize,
    ) -> io::Result<(Arc<Binding>, ServerConnection)> {
        let binding = Arc::new(Binding::new(Arc::clone(&self.sessions), tag, scope));
        let mut config = ServerConfig::clone(&self.config);
        config.ticketer = binding.clone();
        config.session_storage = binding.clone();
        config.send_tls13_tickets = tickets;
        let tls = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        Ok((binding, tls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::SelfSigned;
    use rustls::server::WebPkiClientVerifier;

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn warning_depends_on_certificate_dates() {
        let now = 1_800_000_000;
        let credentials = SelfSigned::make(&["ftp.example".to_owned()], now).unwrap();
        let clients = WebPkiClientVerifier::no_client_auth();
        let acceptor = Acceptor::new(&credentials, clients, DataSession::Observe).unwrap();
        let last = credentials.not_after();
        let not_yet = "The certificate is not valid yet: is this host's clock right?";
        for (now, warning) in [
            (now, None),
            (last - 2 * DAY, Some("The certificate expires in 2 days")),
            (last - DAY, Some("The certificate expires in one day")),
            (last + 1, Some("The certificate has expired")),
            (now - 2 * DAY, Some(not_yet)),
        ] {
            assert_eq!(acceptor.warning(now).as_deref(), warning, "at {now}");
        }
    }
}
