//! Download programs: lynx, a browser; aria2 and axel, which download one file over several connections.

use std::fs;
use std::process::{Command, Output};

use super::content::blob;
use super::programs::{TIMED_OUT, client, client_within, succeeds};
use super::servers;
use super::support::{Server, until};

fn lynx(server: &Server, path: &str) -> Option<Command> {
    let mut lynx = client_within("lynx", 30)?;
    let url = format!("ftp://{}{path}", server.address());
    lynx.args(["-dump", "-width=200", "-nolist"]).arg(url);
    Some(lynx)
}

/// The output of a client that drops a 226 which it reads together with the 150, and then waits for it
/// forever. The server delays the 226 by up to [`REPLY_GAP`], but on a busy host the client may not run
/// within that: so it has a short time-out, and is started up to five times.
///
/// [`REPLY_GAP`]: mioftpd::internals::limits::REPLY_GAP
fn output_with_retries(mut command: impl FnMut() -> Option<Command>) -> Option<Output> {
    for _ in 0..5 {
        let output = command()?.output().unwrap();
        if output.status.code() != Some(TIMED_OUT) {
            assert!(output.status.success(), "{output:?}");
            return Some(output);
        }
    }
    panic!("killed by the time-out five times");
}

/// The page that lynx shows for a path.
fn shown(server: &Server, path: &str) -> Option<String> {
    let output = output_with_retries(|| lynx(server, path))?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// lynx sends RETR for a directory first, and lists it over the data connection of the refused RETR.
#[test]
fn lynx_browses_directories() {
    for server in servers() {
        fs::create_dir_all(server.file("folder with space/deep")).unwrap();
        fs::write(server.file("text.txt"), "one line\n").unwrap();
        fs::write(server.file("folder with space/inside"), "x").unwrap();
        let Some(top) = shown(&server, "/") else {
            return;
        };
        for name in ["text.txt", "folder with space"] {
            assert!(top.contains(name), "no {name:?} in {top}");
        }
        for path in ["/folder%20with%20space/", "/folder%20with%20space"] {
            let folder = shown(&server, path).unwrap();
            for name in ["deep", "inside"] {
                assert!(folder.contains(name), "{path}: no {name:?} in {folder}");
            }
        }
        let missing = lynx(&server, "/none").unwrap().output().unwrap();
        assert!(!missing.status.success(), "{missing:?}");
    }
}

/// lynx drops a 226 that it reads together with the 150, and waits for another.
#[test]
fn lynx_shows_a_file() {
    for server in servers() {
        fs::write(server.file("text.txt"), "a line of text\n").unwrap();
        let Some(shown) = shown(&server, "/text.txt") else {
            return;
        };
        assert_eq!(shown.trim_end(), "a line of text");
    }
}

/// aria2 has the same fault as lynx.
#[test]
fn aria2_takes_a_small_file() {
    for server in servers() {
        fs::write(server.file("small"), "content").unwrap();
        let here = tempfile::tempdir().unwrap();
        let url = format!("ftp://{}/small", server.address());
        let fetched = output_with_retries(|| {
            let mut aria2 = client_within("aria2c", 30)?;
            aria2.args(["--no-conf", "--quiet", "--max-tries=1", "--out=got"]);
            aria2.args(["--allow-overwrite=true", &url]);
            aria2.current_dir(here.path());
            Some(aria2)
        });
        if fetched.is_none() {
            return;
        }
        assert_eq!(fs::read(here.path().join("got")).unwrap(), b"content");
    }
}

/// Several concurrent connections, each with its own offset.
#[test]
fn aria2_takes_a_file_in_pieces() {
    in_pieces(servers(), "big file ä", "big%20file%20%C3%A4", |url| {
        let mut aria2 = client("aria2c")?;
        aria2.args(["--no-conf", "--quiet", "--split=4", "--min-split-size=1M"]);
        aria2.args([
            "--max-connection-per-server=4",
            "--max-tries=1",
            "--out=got",
        ]);
        // Slow enough that all connections are open before the file is complete.
        aria2.arg("--max-overall-download-limit=4M");
        aria2.args(["--file-allocation=none", url]);
        Some(aria2)
    });
}

#[test]
fn axel_takes_a_file_in_pieces() {
    // axel has only PASV (IPv4), and does not decode the escapes of a URL.
    in_pieces([Server::writable(|_| ())], "big", "big", |url| {
        let mut axel = client("axel")?;
        axel.args(["--quiet", "--num-connections=4", "--output=got", url]);
        Some(axel)
    });
}

fn in_pieces(
    servers: impl IntoIterator<Item = Server>,
    name: &str,
    path: &str,
    program: impl Fn(&str) -> Option<Command>,
) {
    let big = blob().repeat(16);
    for server in servers {
        fs::write(server.file(name), &big).unwrap();
        let here = tempfile::tempdir().unwrap();
        let url = format!("ftp://{}/{path}", server.address());
        let Some(mut program) = program(&url) else {
            return;
        };
        succeeds(program.current_dir(here.path()));
        assert!(fs::read(here.path().join("got")).unwrap() == big);
        until("four offsets in the log", || {
            std::thread::yield_now();
            (server.log().matches(": REST ").count() >= 4).then_some(())
        });
    }
}
