//! Mirrors of whole trees by lftp, wget and rclone: names and content arrive unchanged.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::content::{assert_same, blob, create_tree, inodes, tree};
use super::programs::{client, succeeds};
use super::servers;
use super::support::Server;

/// lftp with a script for this server; it fails at the first error.
fn lftp(server: &Server, script: &str) -> Option<Command> {
    let script = format!(
        "set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; \
         open ftp://{}; {script}; bye",
        server.address()
    );
    let mut lftp = client("lftp")?;
    lftp.args(["--norc", "-c", &script]);
    Some(lftp)
}

#[test]
fn lftp_mirrors_a_tree_there_and_back() {
    let (up, down) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    create_tree(up.path());
    fs::create_dir(up.path().join("empty")).unwrap();
    fs::write(up.path().join(".hidden"), "x").unwrap();
    for server in servers() {
        let down = down.path().join(server.address().port().to_string());
        let script = format!(
            "mirror -R --parallel=3 {} there; mirror --parallel=2 there {}",
            up.path().display(),
            down.display(),
        );
        let Some(mut lftp) = lftp(&server, &script) else {
            return;
        };
        succeeds(&mut lftp);
        assert!(tree(up.path()).values().flatten().count() > 200);
        assert_same(up.path(), &server.file("there"));
        assert_same(up.path(), &down);
    }
}

#[test]
fn lftp_sends_only_what_is_newer() {
    let up = tempfile::tempdir().unwrap();
    create_tree(up.path());
    let server = Server::writable(|_| ());
    let script = format!("mirror -R {} there", up.path().display());
    let Some(mut lftp) = lftp(&server, &script) else {
        return;
    };
    succeeds(&mut lftp);
    let stored = inodes(&server.file("there"));
    assert!(stored.len() > 200);
    // The times were set by MFMT, so a second mirror finds nothing to do. The log would not do as a witness:
    // it may lose lines if its thread gets no processor.
    succeeds(&mut lftp);
    assert_eq!(inodes(&server.file("there")), stored);
}

#[test]
fn lftp_gets_one_file_in_pieces_and_active() {
    let (here, blob) = (tempfile::tempdir().unwrap(), blob());
    let server = Server::read_only(|root| fs::write(root.join("blob"), &blob).unwrap());
    for (name, script) in [
        ("pieces", "pget -n 4 blob -o"),
        ("active", "set ftp:passive-mode no; get blob -o"),
        ("pasv", "set ftp:prefer-epsv no; get blob -o"),
    ] {
        let local = here.path().join(name);
        let script = format!("{script} {}", local.display());
        let Some(mut lftp) = lftp(&server, &script) else {
            return;
        };
        succeeds(&mut lftp);
        assert!(fs::read(&local).unwrap() == blob, "{name} is not the same");
    }
}

#[test]
fn wget_mirrors_a_tree_and_continues_a_file() {
    for server in servers() {
        let Some(mut wget) = client("wget") else {
            return;
        };
        let here = tempfile::tempdir().unwrap();
        create_tree(server.root());
        let url = format!("ftp://{}/", server.address());
        // Without escapes in local names.
        let mirror = [
            "-m",
            "-nH",
            "--no-verbose",
            "--restrict-file-names=nocontrol",
        ];
        wget.args(mirror).arg("--no-remove-listing").arg("-P");
        succeeds(wget.arg(here.path()).arg(&url));
        remove_listings(here.path());
        assert_same(server.root(), here.path());

        let (part, blob) = (here.path().join("part"), blob());
        fs::write(server.file("part"), &blob).unwrap();
        fs::write(&part, &blob[..100_000]).unwrap();
        let mut wget = client("wget").unwrap();
        wget.args(["-c", "--no-passive-ftp", "--no-verbose", "-P"]);
        succeeds(wget.arg(here.path()).arg(format!("{url}part")));
        assert!(fs::read(&part).unwrap() == blob);
    }
}

/// wget leaves the output of LIST in each directory.
fn remove_listings(root: &Path) {
    let listings = tree(root).into_keys();
    for path in listings.filter(|path| path.ends_with(".listing")) {
        fs::remove_file(root.join(path)).unwrap();
    }
}

/// rclone without settings of the user.
fn rclone(arguments: &[&str]) -> Option<Command> {
    let mut rclone = client("rclone")?;
    rclone.args(["--config", "/dev/null"]).args(arguments);
    Some(rclone)
}

#[test]
fn rclone_copies_both_ways_and_checks() {
    // rclone takes passwords only in its own obscured form.
    let Some(mut obscure) = rclone(&["obscure", "tests@example.org"]) else {
        return;
    };
    let password = String::from_utf8(succeeds(&mut obscure).stdout).unwrap();
    let login = format!("user=anonymous,pass={}", password.trim());
    let (up, down) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    create_tree(up.path());
    for server in servers() {
        let down = down.path().join(server.address().port().to_string());
        let (ip, port) = (server.address().ip(), server.address().port());
        let host = if ip.is_ipv6() {
            format!("[{ip}]")
        } else {
            ip.to_string()
        };
        let there = format!(":ftp,host='{host}',port={port},{login}:there");
        let (up, down) = (up.path().to_str().unwrap(), down.to_str().unwrap());
        for arguments in [
            &["copy", up, &there][..],
            &["copy", &there, down],
            &["check", "--download", up, &there],
        ] {
            succeeds(&mut rclone(arguments).unwrap());
        }
        assert_same(Path::new(up), &server.file("there"));
        assert_same(Path::new(up), Path::new(down));
    }
}
