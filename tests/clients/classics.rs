//! Interactive command-line clients: ncftp, tnftp, inetutils ftp, and busybox of embedded systems.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::content::{assert_same, blob, create_tree};
use super::programs::{client, succeeds, typed};
use super::servers;
use super::support::Server;

/// A program of ncftp for this server, without progress meters.
fn ncftp(program: &str, server: &Server) -> Option<Command> {
    let mut command = client(program)?;
    let port = server.address().port().to_string();
    if program != "ncftpls" {
        command.arg("-V");
    }
    command.args(["-t", "20", "-r", "0", "-P", &port]);
    Some(command)
}

#[test]
fn ncftp_puts_gets_and_lists() {
    // NcFTP 3.2 supports IPv4 only.
    let server = Server::writable(|_| ());
    let (here, blob) = (tempfile::tempdir().unwrap(), blob());
    let host = "127.0.0.1";
    let local = here.path().join("blob");
    fs::write(&local, &blob).unwrap();
    for (mode, folder) in [("-F", "/passive/deep"), ("-E", "/active/deep")] {
        let Some(mut put) = ncftp("ncftpput", &server) else {
            return;
        };
        succeeds(put.args([mode, "-m", host, folder]).arg(&local));
        let remote = format!("{folder}/blob");
        assert!(fs::read(server.file(&remote[1..])).unwrap() == blob);

        let mut get = ncftp("ncftpget", &server).unwrap();
        let output = succeeds(get.args([mode, "-c", host, &remote]));
        assert!(output.stdout == blob);
    }
    let mut list = ncftp("ncftpls", &server).unwrap();
    let names = succeeds(list.arg(format!("ftp://{host}/"))).stdout;
    let names = String::from_utf8(names).unwrap();
    let names: Vec<_> = names.split_ascii_whitespace().collect();
    assert_eq!(names, ["active", "passive"]);
}

#[test]
fn ncftp_resumes_and_gets_a_tree() {
    let blob = blob();
    let server = Server::writable(|root| {
        fs::write(root.join("blob"), &blob).unwrap();
        fs::create_dir(root.join("tree")).unwrap();
        create_tree(&root.join("tree"));
    });
    let here = tempfile::tempdir().unwrap();
    let part = here.path().join("blob");
    fs::write(&part, &blob[..200_000]).unwrap();
    let Some(mut get) = ncftp("ncftpget", &server) else {
        return;
    };
    succeeds(get.args(["-z", "127.0.0.1"]).arg(here.path()).arg("/blob"));
    assert!(fs::read(&part).unwrap() == blob);

    let mut get = ncftp("ncftpget", &server).unwrap();
    get.args(["-R", "-T", "127.0.0.1"]).arg(here.path());
    succeeds(get.arg("/tree"));
    assert_same(&server.file("tree"), &here.path().join("tree"));
}

/// The input of an interactive session; `switch` changes the mode of data connections.
fn interactive(server: &Server, switch: &str) -> String {
    let (ip, port) = (server.address().ip(), server.address().port());
    format!(
        "open {ip} {port}\nuser anonymous me@example.org\nbinary\n\
         put local up\nget up down\ndir\nnlist\nsize up\nmodtime up\n{switch}\n\
         binary\nreget up part\nappend local up\nrename up renamed\nmkdir folder\ncd folder\npwd\n\
         put local there\ncdup\nsize renamed\ndelete renamed\nstatus\nsystem\nrhelp\n\
         ascii\nget text text\nput text text-up\nbye\n"
    )
}

/// Asserts the files on both sides after that session.
fn assert_files(server: &Server, here: &Path, blob: &[u8]) {
    for name in ["down", "other", "part"] {
        assert!(fs::read(here.join(name)).unwrap() == blob, "{name}");
    }
    assert!(fs::read(server.file("folder/there")).unwrap() == blob);
    assert_eq!(fs::read(here.join("text")).unwrap(), b"one\ntwo\n");
    assert_eq!(fs::read(server.file("text-up")).unwrap(), b"one\ntwo\n");
    assert_eq!(server.names(), ["folder", "text", "text-up"]);
}

/// Runs the session with one program, at each address.
fn run_session(program: &str, arguments: &[&str], switch: &str) {
    let blob = blob();
    for server in servers() {
        let Some(mut client) = client(program) else {
            return;
        };
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("local"), &blob).unwrap();
        fs::write(here.path().join("part"), &blob[..200_000]).unwrap();
        fs::write(server.file("text"), "one\ntwo\n").unwrap();
        client.args(arguments).current_dir(here.path());
        let output = typed(&mut client, &interactive(&server, switch));
        assert!(output.contains("-rw-"), "no listing: {output}");
        assert_files(&server, here.path(), &blob);
    }
}

#[test]
fn tnftp_interactive_session() {
    // The default is EPSV; `passive` switches to active mode.
    run_session("tnftp", &["-n", "-i", "-v"], "passive\nget up other");
}

#[test]
fn inetutils_ftp_interactive_session() {
    // The default is active mode; `passive` switches to PASV, and `epsv4` to EPSV.
    run_session(
        "inetutils-ftp",
        &["-n", "-i", "-v"],
        "passive\nget up other\nepsv4",
    );
}

#[test]
fn busybox_gets_and_puts() {
    // busybox has only PASV (IPv4).
    let server = Server::writable(|_| ());
    let (here, blob) = (tempfile::tempdir().unwrap(), blob());
    let port = server.address().port().to_string();
    fs::write(here.path().join("local"), &blob).unwrap();
    fs::write(here.path().join("part"), &blob[..50_000]).unwrap();
    for arguments in [
        &["ftpput", "-P", &port, "127.0.0.1", "up", "local"][..],
        &["ftpget", "-P", &port, "127.0.0.1", "down", "up"],
        &["ftpget", "-c", "-P", &port, "127.0.0.1", "part", "up"],
    ] {
        let Some(mut busybox) = client("busybox") else {
            return;
        };
        succeeds(busybox.args(arguments).current_dir(here.path()));
    }
    assert!(fs::read(server.file("up")).unwrap() == blob);
    for name in ["down", "part"] {
        assert!(fs::read(here.path().join(name)).unwrap() == blob, "{name}");
    }
}
