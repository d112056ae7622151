//! The data connection of a refused command: it is kept for the next command, and bytes that arrive before
//! that close it, so that they reach no file. RFC 959 §3.2.
//!
//! The dialogues are in `refused_keeps_data.txt` and similar transcripts, TLS in `protocol/tls/refused.rs`.
//! The tests here are about clients that send early or close early, and about passive ports that are not
//! available.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;

use crate::support::in_thread::with_server;
use crate::support::{
    Control, DataChannel, Server, Starter, epsv_port, free_ports, uninterrupted, until,
};

fn fill(root: &Path) {
    fs::create_dir(root.join("d")).unwrap();
    fs::write(root.join("f"), "content").unwrap();
}

/// Uploads that are refused, with the reply code.
fn refused_uploads() -> Vec<(String, u16)> {
    let long = format!("STOR {}", "x".repeat(5_000));
    let others = [
        ("STOR d", 550),
        ("APPE d", 550),
        ("STOU missing/f", 550),
        ("STOR", 501),
        ("STOR a\0b", 501),
    ];
    let others = others.map(|(line, code)| (line.to_owned(), code));
    others.into_iter().chain([(long, 500)]).collect()
}

/// Waits until the server closes the connection without having sent anything.
fn expect_closed(mut data: TcpStream) {
    assert!(matches!(
        uninterrupted(|| data.read(&mut [0])),
        Ok(0) | Err(_)
    ));
}

/// No byte of the refused upload is on the disk, and the session still works.
fn expect_nothing_stored(server: &Server, control: &mut Control) {
    control.command("STOR g", 425);
    control.command("RETR f", 425);
    assert_eq!(server.names(), ["d", "f"]);
    control.store("g", b"next");
    assert_eq!(fs::read(server.file("g")).unwrap(), b"next");
    control.command("DELE g", 250);
}

#[test]
fn bytes_of_a_refused_upload_close_the_data_connection() {
    let server = Server::writable(fill);
    for (line, code) in refused_uploads() {
        let mut control = server.login();
        let mut data = control.passive().stream();
        data.write_all(b"refused").unwrap();
        control.command(&line, code);
        expect_closed(data);
        expect_nothing_stored(&server, &mut control);

        let mut data = control.passive().stream();
        control.command(&line, code);
        control.command("NOOP", 200);
        data.write_all(b"refused").unwrap();
        expect_closed(data);
        expect_nothing_stored(&server, &mut control);
    }
}

#[test]
fn early_bytes_of_a_refused_upload_reach_no_file() {
    let server = Server::writable(fill);
    let mut control = server.login();
    let mut data = control.passive().stream();
    server.pause();
    data.write_all(b"refused").unwrap();
    control.send_raw(b"STOR d\r\nSTOR g\r\nNOOP\r\n");
    server.resume();
    control.expect(550);
    control.expect(425);
    control.expect(200);
    expect_closed(data);
    expect_nothing_stored(&server, &mut control);
}

#[test]
fn bytes_of_a_forbidden_upload_close_the_data_connection() {
    let server = Server::read_only(fill);
    let mut control = server.login();
    let mut data = control.passive().stream();
    data.write_all(b"refused").unwrap();
    control.command("STOR f", 550);
    expect_closed(data);
    control.command("RETR f", 425);
    let data = control.passive();
    control.command("STOR f", 550);
    control.command("RETR f", 150);
    assert_eq!(data.receive(), b"content");
    control.expect(226);
}

#[test]
fn end_of_a_kept_connection_makes_no_empty_file() {
    let server = Server::writable(fill);
    let mut control = server.login();
    // The passive listener stays open.
    control.retrieve("f");
    let before = server.descriptors();
    for line in ["RETR missing", "LIST missing", "STOR d", "RETR"] {
        for end in [drop, half_close] {
            let data = control.passive().stream();
            control.send(line);
            control.expect_one_of(&[550, 501]);
            end(data);
            // The kernel may process the segments of two connections in another order.
            until("the data connection to be closed", || {
                (server.descriptors() == before).then_some(())
            });
            control.command("STOR f", 425);
        }
    }
    assert_eq!(fs::read(server.file("f")).unwrap(), b"content");
}

fn half_close(data: TcpStream) {
    data.shutdown(Shutdown::Write).unwrap();
    expect_closed(data);
}

#[test]
fn kept_connection_is_closed_when_the_client_closes_it() {
    let server = Server::writable(fill);
    let mut control = server.login();
    // The passive listener stays open.
    control.retrieve("f");
    let before = server.descriptors();
    let data = control.passive().stream();
    control.command("RETR missing", 550);
    drop(data);
    until("the data connection to be closed", || {
        (server.descriptors() == before).then_some(())
    });
    control.command("ABOR", 226);
}

/// A server at an address of its own, with one passive port; and that port.
fn with_a_port(address: Ipv4Addr) -> (Server, u16) {
    let port = free_ports();
    let starter = Starter::default().listen(&format!("{address}:0"));
    let starter = starter.argument("--passive-ports");
    let starter = starter.argument(format!("{port}-{port}"));
    (starter.serving(fill).start(), port)
}

fn expect_file(control: &mut Control, mut data: TcpStream) {
    control.command("RETR f", 150);
    let mut bytes = Vec::new();
    data.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"content");
    control.expect(226);
}

#[test]
fn refused_pasv_keeps_the_data_connection() {
    let address = Ipv4Addr::new(127, 0, 78, 1);
    let (server, port) = with_a_port(address);
    let mut control = server.login();
    let taken = TcpListener::bind((address, port)).unwrap();
    let data = DataChannel::port(&mut control);
    control.command("EPSV", 425);
    control.command("PASV", 425);
    control.command("RETR f", 150);
    assert_eq!(data.receive(), b"content");
    control.expect(226);
    control.command("RETR f", 425);
    drop(taken);
}

#[test]
fn new_pasv_reuses_the_only_passive_port() {
    let address = Ipv4Addr::new(127, 0, 78, 2);
    let (server, port) = with_a_port(address);
    let mut control = server.login();
    for _ in 0..3 {
        assert_eq!(epsv_port(&mut control), port);
        control.command("RETR missing", 550);
    }
    let data = TcpStream::connect((address, port)).unwrap();
    expect_file(&mut control, data);
}

/// An IPv4 client of a proxy that connects over IPv6, with a PROXY header without a destination address: PASV
/// has no address to reply.
#[test]
fn pasv_without_ipv4_address_keeps_the_data_connection() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("no IPv6: skipped");
        return;
    }
    let header = b"PROXY TCP4 198.51.100.1 0.0.0.0 40000 21\r\n";
    let connect = |address: SocketAddr| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(header).unwrap();
        stream
    };
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let config = mioftpd::Config {
        listen: vec!["[::1]:0".parse().unwrap()],
        root: Some(directory.path().into()),
        proxies: vec!["::1".parse().unwrap()],
        ..mioftpd::Config::default()
    };
    with_server(config, |address| {
        let mut control = Control::over(connect(address));
        control.expect(220);
        control.log_in("anonymous", "x");
        control.command("TYPE I", 200);
        let port = epsv_port(&mut control);
        let data = connect((address.ip(), port).into());
        let refused = control.command("PASV", 425);
        assert!(refused.text().contains("EPSV"), "{refused:?}");
        expect_file(&mut control, data);
    });
}
