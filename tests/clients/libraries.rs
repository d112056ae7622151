//! Client libraries: suppaftp (Rust), ftplib, aioftp and ftputil (Python), basic-ftp and ftp (Node), and a
//! script that imitates `FluentFTP` (.NET).

use std::fs;
use std::net::TcpStream;
use std::process::Command;

use suppaftp::list::{File as Listed, ListParser};
use suppaftp::types::FileType;
use suppaftp::{FtpStream, Mode};

use super::content::{assert_same, blob, create_tree};
use super::programs::{
    client, node_with, node_with_basic_ftp, python_with_libraries, script, succeeds,
};
use super::servers;
use super::support::{DEADLINE, Server};

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
    // A sparse file larger than the socket buffers, so that the transfer cannot be complete.
    let hole = fs::File::create(server.file("hole")).unwrap();
    hole.set_len(256 * 1024 * 1024).unwrap();
    let mut transfer = ftp.retr_as_stream("hole").unwrap();
    std::io::Read::read(&mut transfer, &mut [0; 10]).unwrap();
    ftp.abort(transfer).unwrap();
    ftp.noop().unwrap();
    ftp.rm("hole").unwrap();
}

/// Adds the script and the address of the server to the arguments.
fn add_script(interpreter: &mut Command, name: &str, server: &Server) {
    let (ip, port) = (server.address().ip(), server.address().port());
    let address = [ip.to_string(), port.to_string()];
    interpreter.arg(script(name)).args(address);
}

#[test]
fn ftplib_session() {
    for server in servers() {
        for mode in ["passive", "active"] {
            let Some(mut python) = client("python3") else {
                return;
            };
            add_script(&mut python, "with_ftplib.py", &server);
            succeeds(python.arg(mode));
            assert!(server.names().is_empty(), "left: {:?}", server.names());
        }
    }
}

/// A session that also uploads and downloads a tree.
fn session_with_tree(interpreter: fn() -> Option<Command>, name: &str) {
    let up = tempfile::tempdir().unwrap();
    create_tree(up.path());
    for server in servers() {
        let Some(mut interpreter) = interpreter() else {
            return;
        };
        let down = tempfile::tempdir().unwrap();
        let down = down.path().join("down");
        add_script(&mut interpreter, name, &server);
        succeeds(interpreter.arg(up.path()).arg(&down));
        assert_eq!(server.names(), ["tree"]);
        assert_same(up.path(), &server.file("tree"));
        assert_same(up.path(), &down);
    }
}

#[test]
fn aioftp_session() {
    session_with_tree(python_with_libraries, "with_aioftp.py");
}

#[test]
fn basic_ftp_session() {
    session_with_tree(node_with_basic_ftp, "with_basic_ftp.cjs");
}

#[test]
fn node_ftp_session() {
    // The package supports IPv4 only.
    let server = Server::writable(|_| ());
    let Some(mut node) = node_with("ftp") else {
        return;
    };
    add_script(&mut node, "with_node_ftp.cjs", &server);
    succeeds(&mut node);
    assert!(server.names().is_empty(), "left: {:?}", server.names());
}

#[test]
fn ftputil_session() {
    // A small tree, as ftputil opens a session for each open file.
    let up = tempfile::tempdir().unwrap();
    let deep = up.path().join("dir 1/deep ä");
    fs::create_dir_all(&deep).unwrap();
    for name in ["-dash", "two  spaces", "100% #1; a+b", "~tilde", "ü"] {
        fs::write(deep.join(name), name).unwrap();
    }
    for server in servers() {
        let Some(mut python) = python_with_libraries() else {
            return;
        };
        add_script(&mut python, "with_ftputil.py", &server);
        succeeds(python.arg(up.path()));
        assert!(server.names().is_empty(), "left: {:?}", server.names());
    }
}

/// `FluentFTP` needs .NET: a script sends its commands, and parses replies as it does.
#[test]
fn fluentftp_understands_the_replies() {
    for server in servers() {
        let Some(mut python) = client("python3") else {
            return;
        };
        add_script(&mut python, "as_fluentftp.py", &server);
        succeeds(&mut python);
        assert!(server.names().is_empty(), "left: {:?}", server.names());
    }
}
