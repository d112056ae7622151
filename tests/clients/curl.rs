//! curl: EPSV and EPRT, REST, SIZE, quoted commands, and its exit codes.

use std::fs;
use std::process::Command;

use super::content::blob;
use super::programs::{client, succeeds};
use super::servers;
use super::support::{Server, Starter};

/// curl, silent but for errors.
fn curl(arguments: &[&str]) -> Command {
    let mut curl = client("curl").unwrap();
    curl.args(["--silent", "--show-error", "--globoff"]);
    curl.args(arguments);
    curl
}

#[test]
fn curl_uploads_and_downloads() {
    if client("curl").is_none() {
        return;
    }
    let (here, blob) = (tempfile::tempdir().unwrap(), blob());
    let local = here.path().join("local");
    fs::write(&local, &blob).unwrap();
    let local = local.to_str().unwrap();
    for server in servers() {
        let url = format!("ftp://{}", server.address());
        let (deep, flat) = (format!("{url}/a/b/c/blob"), format!("{url}/blob"));
        succeeds(&mut curl(&["--ftp-create-dirs", "-T", local, &deep]));
        assert!(fs::read(server.file("a/b/c/blob")).unwrap() == blob);
        assert!(succeeds(&mut curl(&[&deep])).stdout == blob);
        succeeds(&mut curl(&["--ftp-port", "-", "-T", local, &flat]));
        assert!(fs::read(server.file("blob")).unwrap() == blob);
        for mode in [
            &["--ftp-port", "-"][..],
            &["--ftp-port", "-", "--disable-eprt"],
            &["--disable-epsv"],
            &["--ftp-method", "nocwd"],
            &["--ftp-method", "singlecwd"],
        ] {
            // PASV and PORT are for IPv4 only; on IPv6 curl uses EPSV and EPRT.
            let mut curl = curl(&[mode, &[&deep]].concat());
            assert!(succeeds(&mut curl).stdout == blob, "{mode:?}");
        }
        let names = succeeds(&mut curl(&["--list-only", &format!("{url}/a/b/c/")]));
        assert_eq!(names.stdout, b"blob\n");
        let head = succeeds(&mut curl(&["--head", &flat])).stdout;
        let head = String::from_utf8(head).unwrap();
        let length = format!("Content-Length: {}", blob.len());
        assert!(head.contains(&length), "{head}");
    }
}

#[test]
fn curl_gets_ranges() {
    if client("curl").is_none() {
        return;
    }
    let blob = blob();
    let server = Server::read_only(|root| fs::write(root.join("blob"), &blob).unwrap());
    let url = format!("ftp://{}/blob", server.address());
    let end = blob.len();
    for (range, expected) in [
        ("1000-2999", &blob[1000..3000]),
        ("0-0", &blob[..1]),
        ("-5", &blob[end - 5..]),
        ("360000-", &blob[360_000..]),
    ] {
        let part = succeeds(&mut curl(&["--range", range, &url])).stdout;
        assert!(part == expected, "{range}: {} bytes", part.len());
    }
}

#[test]
fn curl_resumes_both_ways() {
    if client("curl").is_none() {
        return;
    }
    let (here, blob) = (tempfile::tempdir().unwrap(), blob());
    let (whole, part) = (here.path().join("whole"), here.path().join("part"));
    let server = Server::writable(|root| fs::write(root.join("up"), &blob[..77_777]).unwrap());
    let url = format!("ftp://{}/up", server.address());
    fs::write(&whole, &blob).unwrap();
    succeeds(&mut curl(&["-C", "-", "-T", whole.to_str().unwrap(), &url]));
    assert!(fs::read(server.file("up")).unwrap() == blob);
    fs::write(&part, &blob[..123_456]).unwrap();
    succeeds(&mut curl(&["-C", "-", "-o", part.to_str().unwrap(), &url]));
    assert!(fs::read(&part).unwrap() == blob);
    let whole = whole.to_str().unwrap();
    succeeds(&mut curl(&["--append", "-T", whole, &url]));
    assert!(fs::read(server.file("up")).unwrap() == [blob.as_slice(), &blob].concat());
}

#[test]
fn curl_quotes_commands() {
    if client("curl").is_none() {
        return;
    }
    let server = Server::writable(|root| fs::write(root.join("old"), "text\n").unwrap());
    let url = format!("ftp://{}/", server.address());
    let rename = ["--quote", "RNFR old", "--quote", "RNTO new", "--list-only"];
    let listed = succeeds(&mut curl(&[&rename[..], &[&url]].concat()));
    assert_eq!(listed.stdout, b"new\n");
    let text = succeeds(&mut curl(&["--use-ascii", &format!("{url}new")]));
    assert_eq!(text.stdout, b"text\n");
    succeeds(&mut curl(&["--quote", "-DELE new", "--list-only", &url]));
    assert!(server.names().is_empty());
}

#[test]
fn curl_maps_refusals_to_its_exit_codes() {
    if client("curl").is_none() {
        return;
    }
    let server = Server::read_only(|_| ());
    let url = format!("ftp://{}/", server.address());
    // 78: the file does not exist; 9: no access to the directory; 67: login denied.
    for (path, code) in [("none", 78), ("none/none", 9)] {
        let output = curl(&[&format!("{url}{path}")]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{path}: {output:?}");
    }
    let starter = Starter::default().argument("--user").argument("alice");
    let server = starter.variable("MIOFTPD_PASSWORD", "secret");
    let server = server.serving(|_| ()).start();
    let url = format!("ftp://{}/", server.address());
    let output = curl(&["--user", "alice:wrong", &url]).output().unwrap();
    assert_eq!(output.status.code(), Some(67), "{output:?}");
    succeeds(&mut curl(&["--user", "alice:secret", &url]));
}
