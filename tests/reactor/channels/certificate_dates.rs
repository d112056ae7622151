//! Warnings about the certificate's dates: once on each day on which TLS is used, about the current
//! certificate. A server may run longer than its certificate is valid.

use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use mioftpd::DataSession;
use mioftpd::internals::net::tls::{Acceptor, ClientCertificates, Credentials};
use mioftpd::internals::reactor::Protocol;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::channels::server::Server;

/// Log lines about certificates. The other tests of the program use one that never expires.
static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct CertificateLog;

impl log::Log for CertificateLog {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        if text.starts_with("The certificate ") {
            let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
            logged.push(text);
        }
    }

    fn flush(&self) {}
}

fn logged() -> Vec<String> {
    std::mem::take(&mut LOGGED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// An acceptor with a certificate that is valid from `begin` to `end`.
fn acceptor(begin: (i32, u8, u8), end: (i32, u8, u8)) -> Acceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = date_time_ymd(begin.0, begin.1, begin.2);
    params.not_after = date_time_ymd(end.0, end.1, end.2);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pem");
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(&file, certificate.pem() + &key.serialize_pem()).unwrap();
    let credentials = Credentials::load(&file, &file).unwrap();
    let clients = ClientCertificates::Off.verifier();
    Acceptor::new(&credentials, clients, DataSession::Observe).unwrap()
}

#[test]
fn certificate_dates_are_logged_once_a_day() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_boxed_logger(Box::new(CertificateLog)).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
    });
    // The clock is in the evening of 2023-11-14. The warning of the first day is logged at start-up.
    let day = Duration::from_secs(24 * 60 * 60);
    let mut server = Server::new(Protocol::Ftp);
    server.set_acceptor(acceptor((2023, 11, 20), (2024, 1, 1)));
    for (days, expected) in [
        (0, None),
        (
            1,
            Some("The certificate is not valid yet: is this host's clock right?"),
        ),
        (7, None),
        (11, Some("The certificate expires in 28 days")),
        (28, Some("The certificate expires in 0 days")),
        (1, Some("The certificate has expired")),
    ] {
        server.advance(day * days);
        for expected in [expected, None] {
            let client = server.connect();
            assert_eq!(logged(), Vec::<String>::new(), "no warning without TLS");
            server.deliver(&client, b"AUTH TLS\r\n");
            assert_eq!(logged(), expected.into_iter().collect::<Vec<_>>());
            server.deliver_fin(&client);
        }
    }
}
