//! This server, with TLS: the probe finds nothing worse than notes, whichever way it comes.

use std::process::Output;

use super::{findings, probe};
use crate::support::Starter;
use crate::support::certificates::Authority;

fn assert_only_notes(output: &Output) {
    let (found, json) = findings(output);
    assert!(
        found.iter().all(|(severity, _)| severity == "note"),
        "{json:#}"
    );
    assert!(output.status.success(), "{output:?}");
}

/// This server with a certificate of an authority, and a directory for uploads.
#[test]
fn own_server_has_nothing_worse_than_notes() {
    let authority = Authority::new();
    let identity = authority.server("server");
    let starter = Starter::default()
        .listen("127.0.0.1:0")
        .listen_for_tls("127.0.0.1:0");
    let starter = starter
        .argument("--tls-cert")
        .argument(&identity.certificate_file);
    let starter = starter.argument("--tls-key").argument(&identity.key_file);
    let starter = starter.argument("--writable").serving(|root| {
        std::fs::write(root.join("f.txt"), "one\ntwo\n").unwrap();
        std::fs::create_dir(root.join("up")).unwrap();
    });
    let server = starter.start();
    let ca = format!("--json --timeout 60s --ca {}", authority.file().display());
    for (scheme, address, options) in [
        ("ftp", server.address(), ""),
        ("ftp", server.address(), "--active"),
        ("ftp", server.address(), "--write up --idle 10ms"),
        ("ftpes", server.address(), "--write /up"),
        ("ftps", server.secure_address(), "--write up"),
    ] {
        assert_only_notes(&probe(scheme, address, &format!("{ca} {options}")));
    }
    assert!(
        std::fs::read_dir(server.file("up"))
            .unwrap()
            .next()
            .is_none()
    );
}

#[test]
fn generated_certificate_is_a_note_with_insecure_and_the_keys_are_named() {
    let starter = Starter::default().argument("--tls-self-signed");
    let server = starter.serving(|_| ()).start();
    let output = probe("ftp", server.address(), "--json --timeout 60s --insecure");
    assert_only_notes(&output);
    let (_, json) = findings(&output);
    let all = json["findings"].as_array().unwrap();
    let trust = all
        .iter()
        .find(|one| one["id"] == "certificate-trust")
        .unwrap();
    assert_eq!(trust["key"], "tls.certificate");
}
