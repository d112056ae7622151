//! File tasks (HASH, XCRC): they delay no other client, and ABOR cancels them.
//!
//! The files are sparse: too large to be read within a test, without using the disk.

#![cfg(feature = "digests")]

use std::fs::File;

use crate::support::{Server, Starter};

/// A digest of this many bytes takes minutes to hours.
const ENORMOUS: u64 = 1 << 40;

fn with_enormous_file(workers: &str) -> Server {
    Starter::default()
        .observable()
        .argument("--workers")
        .argument(workers)
        .serving(|root| {
            File::create(root.join("enormous"))
                .unwrap()
                .set_len(ENORMOUS)
                .unwrap();
            std::fs::write(root.join("small"), "abc").unwrap();
        })
        .start()
}

#[test]
fn digest_shares_worker_with_other_clients() {
    for workers in ["0", "1"] {
        let server = with_enormous_file(workers);
        let mut busy = server.login();
        busy.send("HASH enormous");
        let mut other = server.login();
        for _ in 0..3 {
            other.command("NOOP", 200);
            other.command("XCRC small", 250);
            assert_eq!(other.retrieve("small"), b"abc");
        }
        busy.send("ABOR");
        busy.expect(426);
        busy.expect(226);
        busy.command("XCRC small", 250);
    }
}

#[test]
fn aborted_digest_closes_its_file() {
    let server = with_enormous_file("1");
    let mut control = server.login();
    control.command("XCRC small", 250);
    let before = server.descriptors();
    control.send("XSHA512 enormous");
    control.send("ABOR");
    control.expect(426);
    control.expect(226);
    let mut gone = server.login();
    gone.send("XMD5 enormous");
    control.command("XCRC small", 250);
    crate::support::abort_connection(gone.socket().try_clone().unwrap());
    drop(gone);
    crate::support::until("the files to be closed", || {
        control.command("XCRC small", 250);
        (server.descriptors() <= before).then_some(())
    });
}

#[test]
fn pipelined_commands_wait_for_digest() {
    let server = with_enormous_file("1");
    let mut control = server.login();
    control.send_raw(b"HASH enormous\r\nNOOP\r\nPWD\r\nABOR\r\n");
    control.expect(426);
    control.expect(200);
    control.expect(257);
    control.expect(226);
}

#[test]
fn shutdown_does_not_wait_for_digest() {
    let mut server = with_enormous_file("1");
    let mut control = server.login();
    control.send("HASH enormous");
    let mut other = server.login();
    other.command("XCRC small", 250);
    server.terminate();
    control.expect(421);
    control.expect_end();
    drop(control);
    other.expect(421);
    drop(other);
    assert!(server.wait().success());
}

#[test]
fn client_runs_one_task_despite_repeated_aborts() {
    const TIMES: usize = 2000;
    let server = with_enormous_file("1");
    let mut control = server.login();
    control.command("XCRC small", 250);
    let before = server.descriptors();
    let mut sender = control.socket().try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        let script = b"HASH enormous\r\nABOR\r\n".repeat(TIMES);
        std::io::Write::write_all(&mut sender, &script).unwrap();
    });
    for _ in 0..TIMES {
        control.expect(426);
        control.expect(226);
        let descriptors = server.descriptors();
        assert!(descriptors <= before + 2, "{descriptors}, {before} before");
    }
    sending.join().unwrap();
}
