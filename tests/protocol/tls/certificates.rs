//! Client certificates, and server certificates that are renewed, expire or are self-signed.
//! RFC 4217 §10, RFC 5280 §4.1.2.5.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::support::certificates::{Authority, Identity};
use crate::support::tls::{TlsClient, Version};
use crate::support::{Control, Server, Starter, read_all, until};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A server with this certificate and key.
fn with_certificate(identity: &Identity) -> Starter {
    let starter = Starter::default().serving(|_| ());
    let starter = starter
        .argument("--tls-cert")
        .argument(&identity.certificate_file);
    starter.argument("--tls-key").argument(&identity.key_file)
}

/// The certificate that the server has presented.
fn presented(control: &Control) -> &[u8] {
    control.link().tls().peer_certificates().unwrap()[0].as_ref()
}

/// Asserts that the client can connect and list a directory over TLS.
fn accepts(server: &Server, client: &TlsClient) {
    let mut control = server.private(client);
    server.wait_for_log(&format!("{}: Secured by", control.local()));
    let data = control.passive();
    control.command("LIST", 150);
    assert_eq!(data.receive(), b"");
    control.expect(226);
}

/// Asserts that the handshake fails, and that the log message contains this reason.
fn rejects(server: &Server, client: &TlsClient, why: &str) {
    let mut control = server.connect();
    control.command("AUTH TLS", 234);
    let peer = control.local();
    // In TLS 1.3 the client finishes the handshake before it is rejected.
    let _ = control.try_secure(client);
    let line = server.wait_for_log(&format!("{peer}: TLS failed: "));
    assert!(line.contains(why) && line.contains("WARN"), "{line}");
    // The server ends its side, and waits for the client's end.
    read_all(&mut control.socket().try_clone().unwrap());
    drop(control);
    server.wait_for_log(&format!("{peer} disconnected"));
    assert!(!server.log().contains(&format!("{peer}: Secured by")));
}

#[test]
fn client_certificate_is_requested_and_verified_as_configured() {
    let (authority, untrusted) = (Authority::new(), Authority::called("Another"));
    let namesake = TlsClient::showing(&Authority::new().client("alice"));
    let server = authority.server("server");
    let good = TlsClient::showing(&authority.client("alice"));
    let foreign = TlsClient::showing(&untrusted.client("alice"));
    let expired = TlsClient::showing(&authority.expired_client("alice"));
    let wrong_use = TlsClient::showing(&server);
    let ca = TlsClient::showing(&authority.authority_below("alice"));
    let none = TlsClient::new();
    let old = TlsClient::of(Version::V12);

    let optional = || {
        with_certificate(&server)
            .argument("--tls-client-ca")
            .argument(authority.file())
    };
    let required = || {
        let starter = optional().argument("--tls-client-required");
        starter.argument("--tls-require").argument("control")
    };
    for (server, is_required) in [(optional().start(), false), (required().start(), true)] {
        accepts(&server, &good);
        for without in [&none, &old] {
            if is_required {
                rejects(&server, without, "tls.client-required is set");
            } else {
                accepts(&server, without);
            }
        }
        // An invalid certificate is refused even where none is required.
        for (client, what) in [
            (
                &foreign,
                "is not issued by an authority in tls.client-authority",
            ),
            (&namesake, "is not signed by the authority of that name"),
            (&expired, "has expired"),
            (&wrong_use, "is not for clients"),
            (&ca, "is a CA certificate (CA:TRUE)"),
        ] {
            rejects(&server, client, &format!("the client's certificate {what}"));
        }
        server.connect().command("NOOP", 200);
    }
    // A certificate that is not requested is not sent.
    accepts(&with_certificate(&server).start(), &foreign);
}

#[test]
fn session_is_refused_after_its_authority_is_removed() {
    let (first, second) = (Authority::new(), Authority::called("Another"));
    let identity = first.server("server");
    let trusted = first.folder().join("trusted.pem");
    fs::copy(first.file(), &trusted).unwrap();
    let starter = with_certificate(&identity).argument("--tls-client-ca");
    let server = starter.argument(&trusted).start();
    for version in Version::ALL {
        fs::copy(first.file(), &trusted).unwrap();
        renew(&server);
        let client = TlsClient::showing_by(version, &first.client("alice"));
        let uncertified = TlsClient::of(version);
        for client in [&client, &uncertified] {
            accepts(&server, client);
            let control = Control::secured(server.address(), client);
            assert!(control.link().is_resumed());
        }
        fs::copy(second.file(), &trusted).unwrap();
        renew(&server);
        rejects(
            &server,
            &client,
            "a session is resumed, and the client's certificate is not issued by an authority",
        );
        // A session without a certificate is not affected.
        accepts(&server, &uncertified);
    }
}

/// Reloads the certificate files.
fn renew(server: &Server) {
    const MESSAGE: &str = "The certificate was read again";
    let before = server.log().matches(MESSAGE).count();
    server.reload();
    until(MESSAGE, || {
        (server.log().matches(MESSAGE).count() > before).then_some(())
    });
}

#[test]
fn certificate_logs_in_to_the_account_it_names() {
    let authority = Authority::new();
    let starter = with_certificate(&authority.server("server")).argument("--user");
    let starter = starter
        .argument("alice")
        .variable("MIOFTPD_PASSWORD", "secret");
    let starter = starter
        .argument("--tls-client-ca")
        .argument(authority.file());
    let server = starter.argument("--tls-client-login").start();
    for (name, code) in [
        ("alice", 232),
        ("bob", 331),
        ("alice\nbob", 331),
        ("ALICE", 331),
    ] {
        let client = TlsClient::showing(&authority.client(name));
        let mut control = Control::secured(server.address(), &client);
        control.command("USER alice", code);
    }
    // A resumed session keeps the certificate's name.
    let client = TlsClient::showing(&authority.client("alice"));
    for resumed in [false, true] {
        let mut control = Control::secured(server.address(), &client);
        assert_eq!(control.link().is_resumed(), resumed);
        control.command("USER alice", 232);
        control.command("PBSZ 0", 200);
        control.command("PROT P", 200);
        control.command("MKD d", if resumed { 550 } else { 257 });
        let data = control.passive();
        control.command("NLST", 150);
        assert_eq!(data.receive(), b"d\r\n");
        control.expect(226);
        control.command("QUIT", 221);
    }
}

#[test]
fn renewed_certificate_applies_to_new_connections_only() {
    let authority = Authority::new();
    let (first, second) = (authority.server("server"), authority.server("other"));
    let server = with_certificate(&first).start();
    fs::write(server.file("f"), "content").unwrap();
    let client = TlsClient::new();
    let mut old = server.private(&client);
    assert_eq!(presented(&old), first.certificate.as_ref());

    fs::copy(&second.certificate_file, &first.certificate_file).unwrap();
    fs::copy(&second.key_file, &first.key_file).unwrap();
    server.reload();
    server.wait_for_log("The certificate was read again");
    let new = server.private(&TlsClient::new());
    assert_eq!(presented(&new), second.certificate.as_ref());
    assert_eq!(old.retrieve("f"), b"content");
    // TLS sessions from before the renewal can be resumed.
    let data = old.passive();
    old.command("RETR f", 150);
    assert!(data.link().is_resumed());
    old.expect_one_of(&[226, 426]);
    assert!(server.private(&client).link().is_resumed());
}

#[test]
fn failed_renewal_keeps_the_old_certificate_and_is_logged() {
    let authority = Authority::new();
    let (first, second) = (authority.server("server"), authority.server("other"));
    let server = with_certificate(&first).start();
    // Half of a renewal: a new certificate with the old key.
    fs::copy(&second.certificate_file, &first.certificate_file).unwrap();
    server.reload();
    let line = server.wait_for_log("The old certificate stays");
    assert!(line.contains("ERROR"), "{line}");
    let files = [&first.certificate_file, &first.key_file];
    let is_named = files
        .iter()
        .any(|file| line.contains(&*file.to_string_lossy()));
    assert!(is_named, "{line}");
    assert_eq!(
        presented(&server.private(&TlsClient::new())),
        first.certificate.as_ref()
    );
    // The other half.
    fs::copy(&second.key_file, &first.key_file).unwrap();
    server.reload();
    server.wait_for_log("The certificate was read again");
    assert_eq!(
        presented(&server.private(&TlsClient::new())),
        second.certificate.as_ref()
    );
    // Without the file, the old certificate stays in use.
    fs::remove_file(&first.certificate_file).unwrap();
    server.reload();
    server.wait_for_log("No such file");
    assert_eq!(
        presented(&server.private(&TlsClient::new())),
        second.certificate.as_ref()
    );
}

#[test]
fn expired_certificate_is_used_with_a_warning() {
    let authority = Authority::new();
    for (identity, warning) in [
        (authority.expired_server(), "The certificate has expired"),
        (
            authority.expiring_server(DAY * 10 + DAY / 2),
            "The certificate expires in 10 days",
        ),
    ] {
        let server = with_certificate(&identity).start();
        let line = server.wait_for_log(warning);
        assert!(line.contains("WARN"), "{line}");
        server.private(&TlsClient::new()).command("NOOP", 200);
    }
    let server = with_certificate(&authority.server("server")).start();
    server.private(&TlsClient::new());
    let log = server.log();
    let warned = |line: &&str| line.contains("WARN") && line.contains("certificate");
    assert_eq!(log.lines().find(warned), None);
}

#[test]
fn world_readable_key_is_warned_of() {
    let authority = Authority::new();
    let identity = authority.server("server");
    let readable = fs::Permissions::from_mode(0o644);
    fs::set_permissions(&identity.key_file, readable).unwrap();
    let server = with_certificate(&identity).start();
    let line = server.wait_for_log("can read the private key");
    assert!(
        line.contains(&*identity.key_file.to_string_lossy()),
        "{line}"
    );
}

#[test]
fn self_signed_certificate_is_kept_in_state_directory() {
    let state = tempfile::tempdir().unwrap();
    let start = || {
        let starter = Starter::default().argument("--tls-self-signed");
        let starter = starter.argument("--state-dir").argument(state.path());
        starter.serving(|_| ()).start()
    };
    let first = start();
    let control = first.private(&TlsClient::new());
    let fingerprint = first.wait_for_log("SHA-256 fingerprint ");
    let (_, fingerprint) = fingerprint.split_once("SHA-256 fingerprint ").unwrap();
    let second = start();
    assert_eq!(
        presented(&second.private(&TlsClient::new())),
        presented(&control)
    );
    second.wait_for_log(fingerprint);
    // Without a state directory, each server generates another one.
    let other = Starter::default()
        .argument("--tls-self-signed")
        .serving(|_| ());
    let other = other.start();
    assert_ne!(
        presented(&other.private(&TlsClient::new())),
        presented(&control)
    );
}
