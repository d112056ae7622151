//! Makes the security of new connections, with one certificate.
//!
//! It owns rustls' configuration, and hands each connection a copy that knows whose TLS sessions
//! it may resume and make. A renewed one has another certificate and the same sessions.

use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, ServerConnection};

use super::security::Security;
use super::sessions::{Binding, Scope, SessionTag, Sessions};
use super::{ClientCertificates, Credentials, Expiry};
use crate::limits::{TLS_TICKETS_CONTROL, TLS_TICKETS_DATA, TLS_TICKETS_UPLOAD};
use crate::net::{ClientStanding, DataSession};

/// What a client that offers protocols must offer (RFC 7301; against cross-protocol attacks).
const PROTOCOL: &[u8] = b"ftp";

/// Secures connections, with one certificate.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
    credentials: Credentials,
    clients: Arc<dyn ClientCertVerifier>,
    sessions: Arc<Sessions>,
    data_session: DataSession,
}

impl Acceptor {
    /// One that proves itself with `credentials`, and lets `clients` decide on clients' certificates.
    ///
    /// # Errors
    /// Where there are no random numbers.
    pub fn new(
        credentials: &Credentials,
        clients: Arc<dyn ClientCertVerifier>,
        data_session: DataSession,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(default_provider());
        let sessions = Arc::new(Sessions::new()?);
        Ok(Self {
            config: config(provider, credentials, Arc::clone(&clients))?,
            credentials: credentials.clone(),
            clients,
            sessions,
            data_session,
        })
    }

    /// One with another certificate and other demands, for new connections; clients can go on to resume the
    /// sessions that this one has made.
    ///
    /// # Errors
    /// As of [`new`](Self::new).
    pub fn renewed(
        &self,
        credentials: &Credentials,
        clients: Arc<dyn ClientCertVerifier>,
        data_session: DataSession,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::clone(self.config.crypto_provider());
        Ok(Self {
            config: config(provider, credentials, Arc::clone(&clients))?,
            credentials: credentials.clone(),
            clients,
            sessions: Arc::clone(&self.sessions),
            data_session,
        })
    }

    /// What it proves itself with.
    pub const fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// What an operator should hear of the certificate's dates at `now`, in seconds since 1970.
    pub fn warning(&self, now: i64) -> Option<String> {
        match self.credentials.expiry(now) {
            Expiry::Valid => None,
            Expiry::Soon { days } => Some(format!("The certificate expires in {days} days")),
            Expiry::Expired => Some("The certificate has expired".to_owned()),
            Expiry::NotYet => {
                Some("The certificate is not valid yet: is this host's clock right?".to_owned())
            }
        }
    }

    /// What the certificate of a connection's client is worth now. The connection may be older than
    /// this acceptor, and its client have been let in by other authorities.
    pub fn standing(&self, security: &Security) -> ClientStanding {
        if security.is_handshaking() {
            return ClientStanding::Unknown;
        }
        let chain = security.certificates();
        let is_verified = if security.was_decided_by(&self.clients) {
            Ok(chain.is_some())
        } else {
            ClientCertificates::verify(self.clients.as_ref(), chain)
        };
        match is_verified {
            Ok(true) => ClientStanding::Verified,
            Ok(false) => ClientStanding::Unknown,
            Err(_) => ClientStanding::Refused,
        }
    }

    /// What clients may have against the certificate: what it is.
    pub fn misuse(&self) -> Option<&'static str> {
        self.credentials.misuse()
    }

    /// For a control connection, and the tag that its data connections will need.
    pub fn control(&self) -> io::Result<(Security, SessionTag)> {
        let tag = SessionTag::random(self.config.crypto_provider().secure_random)?;
        let clients = Arc::clone(&self.clients);
        let clients = clients.offer_client_auth().then_some(clients);
        let (binding, tls) = self.connection(tag, Scope::Any, TLS_TICKETS_CONTROL)?;
        Ok((Security::new(tls, binding, DataSession::Off, clients), tag))
    }

    /// For a data connection of the control connection with this tag, over which the client
    /// sends or the server does.
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

fn config(
    provider: Arc<CryptoProvider>,
    credentials: &Credentials,
    clients: Arc<dyn ClientCertVerifier>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(
            credentials.certified_key(),
        )));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::tls::SelfSigned;
    use rustls::server::WebPkiClientVerifier;

    const DAY: i64 = 24 * 60 * 60;

    #[test]
    fn of_its_certificate_it_says_what_is_the_matter_and_nothing_otherwise() {
        let now = 1_800_000_000;
        let credentials = SelfSigned::make(&["ftp.example".to_owned()], now).unwrap();
        let clients = WebPkiClientVerifier::no_client_auth();
        let acceptor = Acceptor::new(&credentials, clients, DataSession::Observe).unwrap();
        let last = credentials.not_after();
        for (now, warning) in [
            (now, None),
            (last - 2 * DAY, Some("The certificate expires in 2 days")),
            (last + 1, Some("The certificate has expired")),
            (
                now - 2 * DAY,
                Some("The certificate is not valid yet: is this host's clock right?"),
            ),
        ] {
            assert_eq!(acceptor.warning(now).as_deref(), warning, "at {now}");
        }
    }
}
