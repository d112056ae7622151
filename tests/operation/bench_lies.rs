//! `mioftpd bench` with files, against a server that changes what it sends, breaks off, or leaves.
//!
//! The lying server is a thread of its own with real sockets, and lies in one way.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use super::bench_files::bench;
use crate::support::DEADLINE;

/// How a server lies about files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    Flips,
    Shortens,
    Lengthens,
    /// Sends the file that was stored before.
    Swaps,
    /// Ends the data connection in the middle and says so.
    BreaksOff,
    /// The port of its 229 refuses.
    RefusesData,
    /// Closes the control connection in the middle.
    Leaves,
    /// Announces a file again and again.
    Repeats,
    /// Sends a file that does not end.
    NeverEnds,
    /// Sends the file in pieces, which together take longer than the time-out, and each does not.
    Trickles,
}

type Stored = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

fn lying(lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let stored = Stored::default();
    thread::spawn(move || {
        for client in listener.incoming() {
            let stored = Arc::clone(&stored);
            // A client that is gone ends the conversation.
            thread::spawn(move || lie_to(&client.unwrap(), lie, &stored));
        }
    });
    address
}

fn lie_to(client: &TcpStream, lie: Lie, stored: &Stored) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let mut output = client;
    let mut passive = None;
    output.write_all(b"220 hello\r\n")?;
    for command in BufReader::new(client).lines() {
        let command = command?;
        let (verb, name) = command.split_once(' ').unwrap_or((&command, ""));
        let simple: HashMap<_, _> = [
            ("USER", "331 ?"),
            ("PASS", "230 in"),
            ("QUIT", "221 bye"),
            ("TYPE", "200 ok"),
        ]
        .into();
        match verb {
            "EPSV" => {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                let port = listener.local_addr()?.port();
                // A listener that is dropped refuses.
                passive = (lie != Lie::RefusesData).then_some(listener);
                write!(output, "229 ok (|||{port}|)\r\n")?;
            }
            "STOR" => {
                output.write_all(b"150 go\r\n")?;
                let mut bytes = Vec::new();
                if let Some(listener) = passive.take() {
                    listener.accept()?.0.read_to_end(&mut bytes)?;
                }
                stored.lock().unwrap().push((name.to_owned(), bytes));
                output.write_all(b"226 done\r\n")?;
            }
            "RETR" => {
                let bytes = altered(lie, name, &stored.lock().unwrap());
                output.write_all(b"150 here\r\n")?;
                if lie == Lie::Repeats {
                    loop {
                        output.write_all(b"150 still here\r\n")?;
                    }
                }
                if let Some(listener) = passive.take() {
                    send_to(listener.accept()?.0, lie, &bytes)?;
                }
                match lie {
                    Lie::Leaves => return Ok(()),
                    Lie::BreaksOff => output.write_all(b"426 broken off\r\n")?,
                    _ => output.write_all(b"226 done\r\n")?,
                }
            }
            "DELE" => {
                stored
                    .lock()
                    .unwrap()
                    .push((format!("-{name}"), Vec::new()));
                output.write_all(b"250 gone\r\n")?;
            }
            verb => {
                let reply = simple.get(verb).unwrap_or(&"502 no");
                write!(output, "{reply}\r\n")?;
            }
        }
    }
    Ok(())
}

fn send_to(mut data: TcpStream, lie: Lie, bytes: &[u8]) -> std::io::Result<()> {
    let pieces = if lie == Lie::Trickles { 32 } else { 1 };
    for piece in bytes.chunks(bytes.len().div_ceil(pieces).max(1)) {
        data.write_all(piece)?;
        if lie == Lie::Trickles {
            thread::sleep(Duration::from_millis(200));
        }
    }
    if lie == Lie::NeverEnds {
        loop {
            data.write_all(bytes)?;
        }
    }
    Ok(())
}

fn altered(lie: Lie, name: &str, stored: &[(String, Vec<u8>)]) -> Vec<u8> {
    let found = |name: &str| stored.iter().rev().find(|(known, _)| known == name);
    let mut bytes = found(name).unwrap().1.clone();
    match lie {
        Lie::Flips => bytes[12_345] ^= 4,
        Lie::Shortens | Lie::BreaksOff => bytes.truncate(54_321),
        Lie::Lengthens => bytes.push(0),
        Lie::Swaps => {
            if let Some((_, other)) = stored.iter().find(|(other, _)| other != name) {
                bytes.clone_from(other);
            }
        }
        Lie::RefusesData | Lie::Leaves | Lie::Repeats | Lie::NeverEnds | Lie::Trickles => {}
    }
    bytes
}

#[test]
fn lies_about_files_are_found() {
    for (lie, workload, kind, sentence) in [
        (
            Lie::Flips,
            "stor",
            "verify: other bytes",
            " has changed: byte 12345 is",
        ),
        (
            Lie::Shortens,
            "stor",
            "verify: too short",
            "it has 54321 bytes of 60000",
        ),
        (
            Lie::Lengthens,
            "stor",
            "verify: too long",
            "more than its 60000 bytes",
        ),
        (
            Lie::Swaps,
            "small",
            "verify: other bytes",
            " has changed: byte ",
        ),
        (Lie::BreaksOff, "stor", "426 to RETR", "'426 broken off'"),
        (
            Lie::Leaves,
            "small",
            "closed by the server",
            "closed the connection",
        ),
        (
            Lie::RefusesData,
            "stor",
            "",
            "a data connection failed: Connection refused",
        ),
    ] {
        let url = format!("ftp://ann:secret@{}", lying(lie));
        let options = format!(
            "--workload {workload} --verify --count 9 --warmup 0s --size 60000 --timeout 20s"
        );
        let output = bench(&url, &options);
        assert_eq!(output.status.code(), Some(1), "{lie:?}: {output:?}");
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        let page = out + &err;
        assert!(
            page.contains(kind) && page.contains(sentence),
            "{lie:?}: {page}"
        );
    }
}

#[test]
fn servers_that_never_come_to_an_end_are_left() {
    for (lie, sentence) in [
        (Lie::Repeats, "did not go on with a transfer in time"),
        // It closes when its data connection is closed.
        (Lie::NeverEnds, "the server closed the connection"),
    ] {
        let url = format!("ftp://ann:secret@{}", lying(lie));
        let output = bench(&url, "--workload retr --count 2 --warmup 0s --timeout 1s");
        assert_eq!(output.status.code(), Some(1), "{lie:?}: {output:?}");
        let page = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(page.contains(sentence), "{lie:?}: {page}");
    }
}

/// The first client is closed in the middle of a file; its files are deleted by another.
#[test]
fn files_of_lost_clients_are_deleted() {
    let (sender, deleted) = mpsc::channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let stored = Stored::default();
        for client in listener.incoming() {
            // A client that is gone ends the conversation.
            let _ = lie_to(&client.unwrap(), Lie::Leaves, &stored);
            for name in stored.lock().unwrap().drain(..).map(|(name, _)| name) {
                sender.send(name).unwrap();
            }
        }
    });
    let url = format!("ftp://ann:secret@{address}");
    let output = bench(&url, "--workload small --count 3 --warmup 0s --timeout 20s");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let [stored, swept] = [(); 2].map(|()| deleted.recv_timeout(DEADLINE).unwrap());
    assert_eq!(swept, format!("-{stored}"));
}

/// The last transfers of a run are waited for as long as bytes move.
#[test]
fn slow_transfer_at_the_end_is_no_error() {
    let address = lying(Lie::Trickles);
    let options = "--workload retr --verify --size 4k --count 1 --warmup 0s --timeout 5s";
    let output = bench(&format!("ftp://{address}"), options);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{page}");
    assert!(page.contains("done                 1 "), "{page}");
}
