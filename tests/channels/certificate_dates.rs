//! What the log says of the certificate's dates: once on each day on which TLS is used, of the
//! certificate that is in force then.
//!
//! A server runs for months, and its certificate for three.

use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use mioftpd::net::DataSession;
use mioftpd::net::tls::{Acceptor, ClientCertificates, Credentials};
use mioftpd::reactor::Protocol;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::server::Server;

/// What is logged of certificates, in the whole program; the other tests have one without an end.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Listener;

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let text = record.args().to_string();
        if text.starts_with("The certificate ") {
            let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
            said.push(text);
        }
    }

    fn flush(&self) {}
}

fn said() -> Vec<String> {
    std::mem::take(&mut SAID.lock().unwrap_or_else(PoisonError::into_inner))
}

/// From a day to a day, both of the months around the server's clock.
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
fn dates_of_the_certificate_are_told_once_on_each_day_of_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_boxed_logger(Box::new(Listener)).unwrap();
        log::set_max_level(log::LevelFilter::Warn);
    });
    // It is the evening of 2023-11-14, and who starts a server hears of that day's state then.
    let day = Duration::from_secs(24 * 60 * 60);
    let mut server = Server::new(Protocol::Ftp);
    server.renews(acceptor((2023, 11, 20), (2024, 1, 1)));
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
        server.waits(day * days);
        for expected in [expected, None] {
            let client = server.client();
            assert_eq!(said(), Vec::<String>::new(), "no TLS, no word of it");
            server.hears(&client, b"AUTH TLS\r\n");
            assert_eq!(said(), expected.into_iter().collect::<Vec<_>>());
            server.sees_the_end(&client);
        }
    }
}
