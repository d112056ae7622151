//! Real clients, unmodified: suppaftp, Python's ftplib, curl and lftp.
//!
//! A program that is not installed is skipped with a message, unless
//! `MIOFTPD_REQUIRE_CLIENTS=1` says that all of them have to be there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};

use suppaftp::list::{File as Listed, ListParser};
use suppaftp::types::FileType;
use suppaftp::{FtpStream, Mode};
use support::{DEADLINE, Server, Starter};

/// Bytes of every value, in a length that is a multiple of nothing.
fn blob() -> Vec<u8> {
    let lines = (0..90_000_u32).flat_map(|n| n.wrapping_mul(1_000_003).to_le_bytes());
    lines.chain(0..=255).chain(*b"end").collect()
}

/// The command, if the program is there; it is killed when it takes for ever.
fn client(program: &str) -> Option<Command> {
    if Command::new(program).arg("--version").output().is_ok() {
        return Some(bounded(program));
    }
    let required = std::env::var("MIOFTPD_REQUIRE_CLIENTS").is_ok_and(|value| value == "1");
    assert!(!required, "{program} is not installed");
    eprintln!("{program} is not installed: skipped");
    None
}

fn bounded(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["60", program]);
    command
}

/// Writable servers on IPv4 and, where there is one, IPv6.
fn servers() -> Vec<Server> {
    let mut addresses = vec!["127.0.0.1:0"];
    if TcpListener::bind("[::1]:0").is_ok() {
        addresses.push("[::1]:0");
    }
    let start = |address| {
        let starter = Starter::default().listen(address).argument("--writable");
        starter.serving(|_| ()).start()
    };
    addresses.into_iter().map(start).collect()
}

/// Runs to the end; must succeed.
fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[test]
fn suppaftp_works_in_every_mode() {
    let server = Server::writable(|_| ());
    let modes = [Mode::Passive, Mode::ExtendedPassive, Mode::Active];
    for mode in modes {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut ftp = FtpStream::connect_with_stream(stream).unwrap();
        ftp = if matches!(mode, Mode::Active) {
            ftp.active_mode(DEADLINE)
        } else {
            ftp
        };
        ftp.set_mode(mode);
        ftp.login("anonymous", "tests@example.org").unwrap();
        ftp.transfer_type(FileType::Binary).unwrap();
        suppaftp_session(&mut ftp);
        suppaftp_abort(&mut ftp, &server);
        ftp.quit().unwrap();
        assert!(server.names().is_empty());
    }
}

fn suppaftp_session(ftp: &mut FtpStream) {
    let blob = blob();
    ftp.mkdir("d").unwrap();
    ftp.cwd("d").unwrap();
    assert_eq!(ftp.pwd().unwrap(), "/d");
    ftp.put_file("blob", &mut blob.as_slice()).unwrap();
    assert_eq!(ftp.retr_as_buffer("blob").unwrap().into_inner(), blob);
    assert_eq!(ftp.size("blob").unwrap(), blob.len());
    ftp.mdtm("blob").unwrap();
    ftp.append_file("blob", &mut &b"more"[..]).unwrap();
    ftp.resume_transfer(blob.len()).unwrap();
    assert_eq!(ftp.retr_as_buffer("blob").unwrap().into_inner(), b"more");

    assert_eq!(ftp.nlst(None).unwrap(), ["blob"]);
    let posix: Listed = ftp.list(None).unwrap()[0].parse().unwrap();
    assert_eq!((posix.name(), posix.size()), ("blob", blob.len() + 4));
    let facts = ftp.mlsd(None).unwrap();
    let facts = facts.iter().find(|line| line.ends_with(" blob")).unwrap();
    let facts = ListParser::parse_mlsd(facts).unwrap();
    assert!(facts.is_file() && facts.size() == blob.len() + 4);
    assert!(ftp.feat().unwrap().contains_key("MLST"));

    ftp.rename("blob", "renamed").unwrap();
    ftp.rm("renamed").unwrap();
    ftp.cdup().unwrap();
    ftp.rmdir("d").unwrap();
}

fn suppaftp_abort(ftp: &mut FtpStream, server: &Server) {
    // A hole that no socket buffer holds, so that the transfer cannot be over.
    let hole = fs::File::create(server.file("hole")).unwrap();
    hole.set_len(256 * 1024 * 1024).unwrap();
    let mut transfer = ftp.retr_as_stream("hole").unwrap();
    std::io::Read::read(&mut transfer, &mut [0; 10]).unwrap();
    ftp.abort(transfer).unwrap();
    ftp.noop().unwrap();
    ftp.rm("hole").unwrap();
}

#[test]
fn python_ftplib_round_trip() {
    if client("python3").is_none() {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/round_trip.py");
    for server in servers() {
        let (ip, port) = (server.address().ip(), server.address().port());
        for mode in ["passive", "active"] {
            let mut python = client("python3").unwrap();
            python
                .arg(&script)
                .args([&ip.to_string(), &port.to_string(), mode]);
            succeeds(&mut python);
            assert!(server.names().is_empty(), "left: {:?}", server.names());
        }
    }
}

/// curl, silent but for errors.
fn curl(arguments: &[&str]) -> Command {
    let mut curl = bounded("curl");
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
        assert_eq!(fs::read(server.file("a/b/c/blob")).unwrap(), blob);
        assert_eq!(succeeds(&mut curl(&[&deep])).stdout, blob);
        succeeds(&mut curl(&["--ftp-port", "-", "-T", local, &flat]));
        assert_eq!(
            succeeds(&mut curl(&["--ftp-port", "-", &flat])).stdout,
            blob
        );
        let part = succeeds(&mut curl(&["--range", "1000-2999", &flat])).stdout;
        assert_eq!(part, blob[1000..3000]);
        let names = succeeds(&mut curl(&["--list-only", &format!("{url}/a/b/c/")]));
        assert_eq!(names.stdout, b"blob\n");
        let head = succeeds(&mut curl(&["--head", &flat])).stdout;
        let head = String::from_utf8(head).unwrap();
        assert!(
            head.contains(&format!("Content-Length: {}", blob.len())),
            "{head}"
        );
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
    assert_eq!(fs::read(server.file("up")).unwrap(), blob);
    fs::write(&part, &blob[..123_456]).unwrap();
    succeeds(&mut curl(&["-C", "-", "-o", part.to_str().unwrap(), &url]));
    assert_eq!(fs::read(&part).unwrap(), blob);
}

#[test]
fn curl_quotes_commands_and_sees_errors() {
    if client("curl").is_none() {
        return;
    }
    let server = Server::writable(|root| fs::write(root.join("old"), "text\n").unwrap());
    let url = format!("ftp://{}/", server.address());
    let rename = [
        "--quote",
        "RNFR old",
        "--quote",
        "RNTO new",
        "--list-only",
        &url,
    ];
    assert_eq!(succeeds(&mut curl(&rename)).stdout, b"new\n");
    let text = succeeds(&mut curl(&["--use-ascii", &format!("{url}new")]));
    assert_eq!(text.stdout, b"text\n");
    succeeds(&mut curl(&["--quote", "DELE new", "--list-only", &url]));
    assert!(server.names().is_empty());
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

/// A tree with nested and empty directories, empty files, spaces and letters of all kinds.
fn plant(root: &Path) {
    for number in 0..200_usize {
        let folder = root.join(format!("dir {}/deep{}", number % 5, number % 3));
        fs::create_dir_all(&folder).unwrap();
        let content = blob()[..number * number / 8].to_vec();
        fs::write(folder.join(format!("file {number} ä")), content).unwrap();
    }
    fs::create_dir(root.join("empty")).unwrap();
}

/// Every path below `root`, with the content of the files.
fn tree(root: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut tree = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            if path.is_dir() {
                tree.insert(name.to_owned(), None);
                open.push(path);
            } else {
                tree.insert(name.to_owned(), Some(fs::read(&path).unwrap()));
            }
        }
    }
    tree
}

#[test]
fn lftp_mirrors_a_tree_there_and_back() {
    if client("lftp").is_none() {
        return;
    }
    let (up, down) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    plant(up.path());
    let server = Server::writable(|_| ());
    let script = format!(
        "set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; \
         open ftp://{}; mirror -R --parallel=3 {} there; mirror there {}; bye",
        server.address(),
        up.path().display(),
        down.path().display(),
    );
    let mut lftp = client("lftp").unwrap();
    succeeds(lftp.args(["--norc", "-c", &script]));
    let expected = tree(up.path());
    assert_eq!(expected.values().flatten().count(), 200);
    assert!(
        tree(&server.file("there")) == expected,
        "not the same there"
    );
    assert!(tree(down.path()) == expected, "not the same here");
}

#[test]
fn lftp_gets_one_file_in_pieces_and_active() {
    if client("lftp").is_none() {
        return;
    }
    let (here, blob) = (tempfile::tempdir().unwrap(), blob());
    let server = Server::read_only(|root| fs::write(root.join("blob"), &blob).unwrap());
    for (name, script) in [
        ("pieces", "pget -n 4 blob -o"),
        ("active", "set ftp:passive-mode no; get blob -o"),
    ] {
        let local = here.path().join(name);
        let script = format!(
            "set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; \
             open ftp://{}; {script} {}; bye",
            server.address(),
            local.display()
        );
        let mut lftp = client("lftp").unwrap();
        succeeds(lftp.args(["--norc", "-c", &script]));
        assert!(fs::read(&local).unwrap() == blob, "{name} is not the same");
    }
}
