//! Synchronisation by rclone and lftp: changed files are transferred, removed files are removed, unchanged
//! files are not sent again; and their commands for single files.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::content::{assert_same, blob};
use super::programs::{client, succeeds};
use super::support::{Server, until};

/// Creates a small tree with unusual names.
fn create_small_tree(root: &Path) {
    fs::create_dir_all(root.join("dir ä/deep")).unwrap();
    fs::create_dir(root.join("gone soon")).unwrap();
    for name in [
        "one",
        "dir ä/two  spaces",
        "dir ä/deep/%41;#",
        "gone soon/f",
    ] {
        fs::write(root.join(name), name).unwrap();
    }
    fs::write(root.join("blob"), blob()).unwrap();
}

/// Adds, changes and removes files and directories.
fn change(root: &Path) {
    fs::write(root.join("new ü"), "new").unwrap();
    fs::write(root.join("one"), "other, and longer").unwrap();
    fs::remove_dir_all(root.join("gone soon")).unwrap();
    fs::remove_file(root.join("dir ä/two  spaces")).unwrap();
    fs::create_dir(root.join("dir ä/new one")).unwrap();
    fs::write(root.join("dir ä/new one/inside"), "x").unwrap();
}

/// Asserts the number of uploads in the log, which may be a little late.
fn expect_uploads(server: &Server, count: usize) {
    let uploads = || server.log().matches(" STOR 226 ").count();
    until("the uploads in the log", || {
        std::thread::yield_now();
        (uploads() >= count).then_some(())
    });
    assert_eq!(uploads(), count, "an unchanged file was sent again");
}

/// rclone for this server, without settings of the user and without retries.
struct Rclone {
    remote: String,
}

impl Rclone {
    fn new(server: &Server) -> Option<Self> {
        let mut obscure = client("rclone")?;
        let obscured = succeeds(obscure.args(["obscure", "tests@example.org"]));
        let password = String::from_utf8(obscured.stdout).unwrap();
        let (ip, port) = (server.address().ip(), server.address().port());
        let login = format!("user=anonymous,pass={}", password.trim());
        let remote = format!(":ftp,host='{ip}',port={port},{login}:");
        Some(Self { remote })
    }

    /// Runs a command; `@` at the start of an argument stands for the server. Returns the output.
    fn run(&self, arguments: &[&str]) -> String {
        let expand = |argument: &&str| match argument.strip_prefix('@') {
            Some(path) => format!("{}{path}", self.remote),
            None => (*argument).to_owned(),
        };
        let mut rclone = client("rclone").unwrap();
        // rclone shows local times.
        rclone.env("TZ", "UTC");
        rclone.args(["--config", "/dev/null", "--retries", "1"]);
        rclone.args(["--low-level-retries", "1"]);
        let output = succeeds(rclone.args(arguments.iter().map(expand)));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn rclone_syncs_both_ways() {
    let (up, down) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    create_small_tree(up.path());
    let server = Server::writable(|_| ());
    let Some(rclone) = Rclone::new(&server) else {
        return;
    };
    let (here, back) = (up.path().to_str().unwrap(), down.path().to_str().unwrap());
    let sync = ["sync", "--create-empty-src-dirs"];
    rclone.run(&[&sync[..], &[here, "@there"]].concat());
    assert_same(up.path(), &server.file("there"));
    rclone.run(&[&sync[..], &["@there", back]].concat());
    expect_uploads(&server, 5);
    rclone.run(&[&sync[..], &[here, "@there"]].concat());
    change(up.path());
    rclone.run(&[&sync[..], &[here, "@there"]].concat());
    assert_same(up.path(), &server.file("there"));
    expect_uploads(&server, 8);
    rclone.run(&["check", here, "@there"]);
    rclone.run(&[&sync[..], &["@there", back]].concat());
    assert_same(up.path(), down.path());
}

#[test]
fn rclone_works_with_single_files() {
    let server = Server::writable(|_| ());
    let Some(rclone) = Rclone::new(&server) else {
        return;
    };
    let here = tempfile::tempdir().unwrap();
    let local = here.path().join("blob");
    fs::write(&local, blob()).unwrap();
    let local = local.to_str().unwrap();
    rclone.run(&["mkdir", "@new/deep ä"]);
    rclone.run(&["copyto", local, "@new/deep ä/blob"]);
    let size = blob().len().to_string();
    let listed = rclone.run(&["lsjson", "--recursive", "@new"]);
    assert!(listed.contains(&format!("\"Size\":{size}")), "{listed}");
    let end = rclone.run(&["cat", "--tail", "3", "@new/deep ä/blob"]);
    assert_eq!(end, "end");
    rclone.run(&[
        "touch",
        "--timestamp",
        "2020-01-02T03:04:05",
        "@new/deep ä/blob",
    ]);
    let times = rclone.run(&["lsl", "@new"]);
    assert!(times.contains("2020-01-02 03:04:05"), "{times}");
    rclone.run(&["moveto", "@new/deep ä/blob", "@new/moved"]);
    assert!(fs::read(server.file("new/moved")).unwrap() == blob());
    rclone.run(&["moveto", "@new", "@renamed"]);
    rclone.run(&["deletefile", "@renamed/moved"]);
    rclone.run(&["rmdirs", "@renamed"]);
    rclone.run(&["copyto", local, "@away/deep/blob"]);
    rclone.run(&["purge", "@away"]);
    assert!(server.names().is_empty());
}

/// lftp with a script for this server; it fails at the first error.
fn lftp(server: &Server, script: &str) -> Option<Command> {
    let settings =
        "set net:timeout 20; set net:max-retries 1; set cmd:fail-exit yes; set xfer:clobber yes";
    let script = format!("{settings}; open ftp://{}; {script}; bye", server.address());
    let mut lftp = client("lftp")?;
    lftp.args(["--norc", "-c", &script]);
    Some(lftp)
}

#[test]
fn lftp_syncs_both_ways() {
    let (up, down) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    create_small_tree(up.path());
    let server = Server::writable(|_| ());
    let (here, back) = (up.path().display(), down.path().display());
    let send = format!("mirror -R --delete --parallel=2 {here} there");
    let fetch = format!("mirror --delete --parallel=2 there {back}");
    let Some(mut both) = lftp(&server, &format!("{send}; {fetch}")) else {
        return;
    };
    succeeds(&mut both);
    assert_same(up.path(), &server.file("there"));
    assert_same(up.path(), down.path());
    expect_uploads(&server, 5);
    change(up.path());
    succeeds(&mut both);
    assert_same(up.path(), &server.file("there"));
    assert_same(up.path(), down.path());
    expect_uploads(&server, 8);
    // A partial download is resumed.
    fs::write(down.path().join("blob"), &blob()[..100_000]).unwrap();
    succeeds(&mut lftp(&server, &format!("mirror -c there {back}")).unwrap());
    assert_same(up.path(), down.path());
}

#[test]
fn lftp_works_with_single_files() {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("blob"), blob()).unwrap();
    fs::write(here.path().join("part"), &blob()[..100_000]).unwrap();
    fs::write(here.path().join("text"), "one\ntwo\n").unwrap();
    let server = Server::writable(|_| ());
    let script = format!(
        "lcd {}; mkdir -p 'new/deep ä'; cd new; mput blob text; get -c blob -o part; \
         chmod 640 blob; mv blob 'deep ä/moved blob'; du -b; find .; cls -l; \
         cat text; mget -O . t*; put -a text -o ascii; \
         mrm t* asc*; ls; rels; nlist; cd /; quote NOOP; site HELP; rm -r new",
        here.path().display()
    );
    let Some(mut lftp) = lftp(&server, &script) else {
        return;
    };
    let output = succeeds(&mut lftp).stdout;
    let output = String::from_utf8(output).unwrap();
    for words in ["./deep ä/moved blob", "one\ntwo\n", "-rw-", "200 "] {
        assert!(output.contains(words), "no {words:?} in {output}");
    }
    assert!(fs::read(here.path().join("part")).unwrap() == blob());
    assert!(server.names().is_empty());
}
