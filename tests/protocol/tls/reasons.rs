//! Log messages about TLS failures: the cause and the remedy. RFC 8446 §6.2.
//!
//! `ClientHello`s that current libraries do not send are encoded here (RFC 5246 §7.4.1.2).

use std::net::Shutdown;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::writable;
use crate::support::certificates::{Authority, Identity};
use crate::support::tls::{Link, TlsClient};
use crate::support::{Control, Server, Starter};

/// A `ClientHello` of this version with one suite and one group; with signature schemes from TLS 1.2 on.
fn hello(version: [u8; 2], suite: [u8; 2], group: [u8; 2]) -> Vec<u8> {
    let groups = [&[0, 10, 0, 4, 0, 2][..], &group].concat();
    // ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256.
    let signatures: &[u8] = match version {
        [3, 3] => &[0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1],
        _ => &[],
    };
    let extensions = [&groups[..], signatures, &[0, 11, 0, 2, 1, 0]].concat();
    let length = u8::try_from(extensions.len()).unwrap();
    let body = [
        &version[..],
        &[7; 32],
        &[0, 0, 2],
        &suite,
        &[1, 0, 0, length],
        &extensions,
    ];
    let body = body.concat();
    let length = u8::try_from(body.len()).unwrap();
    let head = [22, 3, 1, 0, length + 4, 1, 0, 0, length];
    [&head[..], &body].concat()
}

/// Asserts the log message for a client that sends these bytes, with explicit and implicit TLS.
fn fails(server: &Server, hello: &[u8], why: &str) {
    let mut explicit = server.connect();
    explicit.command("AUTH TLS", 234);
    let implicit = Control::silent(server.secure_address());
    for mut control in [explicit, implicit] {
        control.send_raw(hello);
        let line = server.wait_for_log(&format!("{}: TLS failed: ", control.local()));
        assert!(line.contains(why) && line.contains("WARN"), "{line}");
    }
}

fn both_kinds() -> Server {
    let server = writable().listen("127.0.0.1:0");
    server.listen_for_tls("127.0.0.1:0").start()
}

const OLD_SUITE: [u8; 2] = [0, 0x2f];
/// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`, and secp256r1.
const GOOD_SUITE: [u8; 2] = [0xc0, 0x2b];
const GOOD_GROUP: [u8; 2] = [0, 23];

#[test]
fn outdated_client_parameters_are_logged() {
    let server = both_kinds();
    for version in [[3, 0], [3, 1], [3, 2]] {
        let old = hello(version, GOOD_SUITE, GOOD_GROUP);
        fails(
            &server,
            &old,
            "TLS version is too old; it needs TLS 1.2 or 1.3",
        );
    }
    let suite = hello([3, 3], OLD_SUITE, GOOD_GROUP);
    fails(&server, &suite, "no cipher suite in common");
    let group = hello([3, 3], GOOD_SUITE, [0, 9]);
    fails(&server, &group, "no key exchange in common");
}

#[test]
fn protocol_other_than_tls_is_logged() {
    let server = both_kinds();
    for (bytes, why) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], "speaks HTTP"),
        (b"USER ann\r\n", "sends clear text where TLS is expected"),
        (b"AUTH TLS\r\n", "set it to implicit FTPS"),
        (b"\x80\x1c\x01\x00\x02\0\x03\0\0\0\x10\x01\0\x80", "SSL 2"),
    ] {
        fails(&server, bytes, why);
    }
    let mut clear = server.connect();
    clear.send_raw(&hello([3, 3], GOOD_SUITE, GOOD_GROUP));
    let line = server.wait_for_log(&format!("{}: Closed: ", clear.local()));
    assert!(line.contains("set to explicit FTPS (AUTH TLS)"), "{line}");
}

#[test]
fn close_during_handshake_is_logged() {
    let server = both_kinds();
    let hello = hello([3, 3], GOOD_SUITE, GOOD_GROUP);
    for length in [hello.len(), 40, 3, 1] {
        closes(
            &server,
            &hello[..length],
            "closed during the handshake; it may not",
        );
    }
}

#[test]
fn silent_close_is_logged_with_hint_at_implicit_ftps() {
    let server = both_kinds();
    let why = "sent nothing and closed; on an address of tls.listen, set a client that waits for a \
               greeting to implicit FTPS";
    closes(&server, b"", why);
}

/// Asserts the log message for a client that sends these bytes and closes.
fn closes(server: &Server, hello: &[u8], why: &str) {
    let mut explicit = server.connect();
    explicit.command("AUTH TLS", 234);
    let implicit = Control::silent(server.secure_address());
    for mut control in [explicit, implicit] {
        control.send_raw(hello);
        control.socket().shutdown(Shutdown::Write).unwrap();
        let line = server.wait_for_log(&format!("{}: TLS failed: ", control.local()));
        assert!(line.contains(why) && line.contains("WARN"), "{line}");
    }
}

/// A client that trusts only this authority.
fn strict(authority: &Authority) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority.file()).unwrap();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

/// Asserts the log message when such a client rejects this certificate.
fn refuses(authority: &Authority, identity: &Identity, why: &str) {
    let starter = Starter::default().serving(|_| ()).argument("--tls-cert");
    let starter = starter
        .argument(&identity.certificate_file)
        .argument("--tls-key");
    let server = starter.argument(&identity.key_file).start();
    let mut control = server.connect();
    control.command("AUTH TLS", 234);
    let socket = control.socket().try_clone().unwrap();
    Link::over(strict(authority), socket).unwrap_err();
    let line = server.wait_for_log(&format!("{}: TLS failed: ", control.local()));
    assert!(line.contains(why) && line.contains("(alert "), "{line}");
}

#[test]
fn certificate_rejected_by_client_is_logged() {
    let (ours, another) = (Authority::new(), Authority::called("Another"));
    let server = ours.server("server");
    refuses(
        &another,
        &server,
        "does not trust the issuer of this server's",
    );
    let expired = ours.expired_server();
    refuses(
        &ours,
        &expired,
        "considers this server's certificate expired",
    );
    let ca = ours.authority_below("localhost");
    refuses(
        &ours,
        &ca,
        "does not accept this server's certificate: its names, dates, purpose or signer",
    );
}

#[test]
fn alpn_without_ftp_is_logged() {
    let server = writable().start();
    let mut control = server.connect();
    control.command("AUTH TLS", 234);
    let client = TlsClient::new().offering(&["h2"]);
    control.try_secure(&client).unwrap_err();
    let line = server.wait_for_log(&format!("{}: TLS failed: ", control.local()));
    assert!(line.contains("(ALPN) and not ftp"), "{line}");
}
