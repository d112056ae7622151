//! Real clients over TLS: explicit and implicit, TLS 1.2 and 1.3. RFC 4217.
//!
//! The certificate is self-signed, so the clients do not verify it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::content::{assert_same, blob, create_tree, tree};
use super::programs::{
    client, node_with_basic_ftp, python_with_libraries, script, succeeds, typed,
};
use super::support::{Server, Starter};

/// A writable server that requires TLS on control and data connections.
fn server() -> Server {
    let starter = Starter::default().patient().listen("127.0.0.1:0");
    let starter = starter.listen_for_tls("127.0.0.1:0").argument("--writable");
    let starter = starter
        .argument("--tls-self-signed")
        .argument("--tls-require");
    starter.argument("data").serving(|_| ()).start()
}

/// A server whose data connections must resume the TLS session of the control connection.
fn strict_server() -> Server {
    let starter = Starter::default().patient().argument("--writable");
    let starter = starter
        .argument("--tls-self-signed")
        .argument("--tls-data-session");
    starter.argument("require").serving(|_| ()).start()
}

/// A server with optional TLS and no required session resumption.
fn lenient_server() -> Server {
    let starter = Starter::default().patient().argument("--writable");
    starter
        .argument("--tls-self-signed")
        .serving(|_| ())
        .start()
}

fn curl(arguments: &[&str]) -> Option<Command> {
    let mut curl = client("curl")?;
    curl.args(["--silent", "--show-error", "--globoff", "-k"]);
    curl.args(arguments);
    Some(curl)
}

#[test]
fn curl_moves_files_both_ways() {
    let (here, blob) = (tempfile::tempdir().unwrap(), blob());
    let local = here.path().join("local");
    fs::write(&local, &blob).unwrap();
    let local = local.to_str().unwrap();
    let server = server();
    let explicit = format!("ftp://{}/d/blob", server.address());
    let implicit = format!("ftps://{}/d/blob", server.secure_address());
    for url in [&explicit, &implicit] {
        for versions in [
            ["--tlsv1.2", "--tls-max", "1.2"],
            ["--tlsv1.3", "--tls-max", "1.3"],
        ] {
            // No active mode: some releases of curl then send the first bytes in plaintext.
            for mode in [&["--ssl-reqd"][..], &["--ssl-reqd", "--disable-epsv"]] {
                let put = ["--ftp-create-dirs", "-T", local, url];
                let Some(mut put) = curl(&[&versions, mode, &put].concat()) else {
                    return;
                };
                succeeds(&mut put);
                assert!(fs::read(server.file("d/blob")).unwrap() == blob);
                let mut get = curl(&[&versions, mode, &[url]].concat()).unwrap();
                assert!(succeeds(&mut get).stdout == blob, "{versions:?} {mode:?}");
                fs::remove_file(server.file("d/blob")).unwrap();
            }
        }
    }
    // 67: login denied.
    let plain = curl(&[&explicit]).unwrap().output().unwrap();
    assert_eq!(plain.status.code(), Some(67), "{plain:?}");
}

#[test]
fn lftp_mirrors_a_tree_there_and_back() {
    let up = tempfile::tempdir().unwrap();
    create_tree(up.path());
    let (server, strict) = (server(), strict_server());
    for (server, url) in [
        (&server, format!("ftp://{}", server.address())),
        (&server, format!("ftps://{}", server.secure_address())),
        (&strict, format!("ftp://{}", strict.address())),
    ] {
        let down = tempfile::tempdir().unwrap();
        let script = format!(
            "set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; \
             set ssl:verify-certificate no; set ftp:ssl-force yes; set ftp:ssl-allow-anonymous yes; \
             set ftp:ssl-protect-data yes; open {url}; mirror -R --parallel=3 {} there; \
             mirror --parallel=2 there {}; rm -r there; bye",
            up.path().display(),
            down.path().display(),
        );
        let Some(mut lftp) = client("lftp") else {
            return;
        };
        succeeds(lftp.args(["--norc", "-c", &script]));
        assert_same(up.path(), down.path());
        assert!(server.names().is_empty());
    }
}

/// lftp finds in the text of the 522 that data must be protected.
#[test]
fn lftp_protects_data_after_522() {
    let server = server();
    fs::write(server.file("f"), "content").unwrap();
    let script = format!(
        "set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; \
         set ssl:verify-certificate no; set ftp:ssl-allow-anonymous yes; \
         set ftp:ssl-protect-data no; set ftp:ssl-protect-list no; open ftp://{}; \
         cls; cat f; bye",
        server.address()
    );
    let Some(mut lftp) = client("lftp") else {
        return;
    };
    let output = succeeds(lftp.args(["--norc", "-c", &script]));
    assert_eq!(output.stdout, b"f\ncontent", "{output:?}");
}

#[test]
fn rclone_copies_both_ways_and_checks() {
    let Some(mut obscure) = rclone(&["obscure", "tests@example.org"]) else {
        return;
    };
    let password = String::from_utf8(succeeds(&mut obscure).stdout).unwrap();
    let login = format!("user=anonymous,pass={}", password.trim());
    let up = tempfile::tempdir().unwrap();
    create_tree(up.path());
    // The TLS library of Go closes an upload with unread data from the server.
    let big: Vec<u8> = blob().repeat(20);
    fs::write(up.path().join("big"), &big).unwrap();
    let server = server();
    for (address, kind) in [
        (server.address(), "explicit_tls"),
        (server.secure_address(), "tls"),
    ] {
        let down = tempfile::tempdir().unwrap();
        let (ip, port) = (address.ip(), address.port());
        let tls = format!("{kind}=true,no_check_certificate=true");
        let there = format!(":ftp,host='{ip}',port={port},{login},{tls}:there");
        let (up, down) = (up.path().to_str().unwrap(), down.path().to_str().unwrap());
        for arguments in [
            &["copy", up, &there][..],
            &["copy", &there, down],
            &["check", "--download", up, &there],
        ] {
            succeeds(&mut rclone(arguments).unwrap());
        }
        assert_same(Path::new(up), &server.file("there"));
        assert_same(Path::new(up), Path::new(down));
        fs::remove_dir_all(server.file("there")).unwrap();
    }
    assert!(!server.log().contains(" 426 "), "an upload was cut");
}

fn rclone(arguments: &[&str]) -> Option<Command> {
    let mut rclone = client("rclone")?;
    // No retries, which would hide errors.
    rclone.args([
        "--config",
        "/dev/null",
        "--retries",
        "1",
        "--low-level-retries",
        "1",
    ]);
    rclone.args(arguments);
    Some(rclone)
}

#[test]
fn ftplib_sessions_resumed_or_not() {
    let servers = [("resumed", strict_server()), ("new", lenient_server())];
    for version in ["TLSv1_2", "TLSv1_3"] {
        for (sessions, server) in &servers {
            let Some(mut python) = client("python3") else {
                return;
            };
            add_script(&mut python, "with_ftplib_tls.py", server.address());
            succeeds(python.args([sessions, version]));
            assert!(server.names().is_empty(), "left: {:?}", server.names());
        }
    }
}

/// Adds the script and the address of the server to the arguments.
fn add_script(interpreter: &mut Command, name: &str, address: SocketAddr) {
    let address = [address.ip().to_string(), address.port().to_string()];
    interpreter.arg(script(name)).args(address);
}

#[test]
fn basic_ftp_session() {
    let up = tempfile::tempdir().unwrap();
    create_tree(up.path());
    // With a resumed session and an empty file, basic-ftp closes before the end of the handshake.
    for (path, content) in tree(up.path()) {
        if content.is_some_and(|content| content.is_empty()) {
            fs::remove_file(up.path().join(path)).unwrap();
        }
    }
    let server = server();
    for (address, kind) in [
        (server.address(), "explicit"),
        (server.secure_address(), "implicit"),
    ] {
        let Some(mut node) = node_with_basic_ftp() else {
            return;
        };
        let down = tempfile::tempdir().unwrap();
        let down = down.path().join("down");
        add_script(&mut node, "with_basic_ftp.cjs", address);
        succeeds(node.arg(up.path()).arg(&down).arg(kind));
        assert_eq!(server.names(), ["tree"]);
        assert_same(up.path(), &server.file("tree"));
        assert_same(up.path(), &down);
        fs::remove_dir_all(server.file("tree")).unwrap();
    }
}

/// aioftp secures a data connection before it sends the command of the transfer.
#[test]
fn aioftp_session() {
    let up = tempfile::tempdir().unwrap();
    create_tree(up.path());
    let server = server();
    for (address, kind) in [
        (server.address(), "explicit"),
        (server.secure_address(), "implicit"),
    ] {
        let Some(mut python) = python_with_libraries() else {
            return;
        };
        let down = tempfile::tempdir().unwrap();
        let down = down.path().join("down");
        add_script(&mut python, "with_aioftp.py", address);
        succeeds(python.arg(up.path()).arg(&down).arg(kind));
        assert_eq!(server.names(), ["tree"]);
        assert_same(up.path(), &server.file("tree"));
        assert_same(up.path(), &down);
        fs::remove_dir_all(server.file("tree")).unwrap();
    }
}

#[test]
fn openssl_s_client_session() {
    let server = server();
    for (address, options) in [
        (server.address(), &["-starttls", "ftp"][..]),
        (server.secure_address(), &[]),
    ] {
        for version in ["-tls1_2", "-tls1_3"] {
            let Some(mut openssl) = client("openssl") else {
                return;
            };
            let address = address.to_string();
            openssl.args([
                "s_client", "-connect", &address, "-crlf", version, "-ign_eof",
            ]);
            let output = typed(openssl.args(options), "NOOP\nSTAT\nQUIT\n");
            for expected in ["200 Command okay.", "No transfer is in progress", "221 "] {
                assert!(
                    output.contains(expected),
                    "{version}: no {expected:?} in {output}"
                );
            }
        }
    }
}
