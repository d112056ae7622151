//! The effect of options on a running server, seen by a client.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, SystemTime};

use crate::support::{DataChannel, Starter, connect_from, epsv_port, host_port, read_all};

/// The hour in LIST of a file that was modified then.
fn shown_hour(zone: &str, modified: SystemTime) -> i64 {
    let server = Starter::default()
        .argument("--time-zone")
        .argument(zone)
        .serving(|root| {
            let file = File::create(root.join("f")).unwrap();
            file.set_modified(modified).unwrap();
        })
        .start();
    let mut control = server.login();
    let data = DataChannel::epsv(&mut control);
    control.command("LIST", 150);
    let line = String::from_utf8(data.receive()).unwrap();
    control.expect(226);
    let (before, _) = line.split_once(':').unwrap();
    before[before.len() - 2..].parse().unwrap()
}

#[test]
fn list_shows_dates_in_the_configured_zone() {
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let difference = shown_hour("+05:00", hour_ago) - shown_hour("UTC", hour_ago);
    assert_eq!(difference.rem_euclid(24), 5);
}

#[test]
fn allow_fxp_option_permits_other_hosts() {
    let others = TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).unwrap();
    let port = format!("PORT {}", host_port(others.local_addr().unwrap()));
    let fill = |root: &std::path::Path| std::fs::write(root.join("f"), "content").unwrap();

    let strict = Starter::default().serving(fill).start();
    strict.login().command(&port, 501);

    let open = Starter::default()
        .argument("--allow-fxp")
        .argument("--user")
        .argument("ann")
        .variable("MIOFTPD_PASSWORD", "secret")
        .serving(fill)
        .start();
    let mut control = open.connect();
    control.log_in("ann", "secret");
    control.command(&port, 200);
    control.command("RETR f", 150);
    let (mut stream, _) = others.accept().unwrap();
    assert_eq!(read_all(&mut stream), b"content");
    control.expect(226);

    let port = epsv_port(&mut control);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut elsewhere = connect_from(Ipv4Addr::new(127, 0, 0, 3), address).unwrap();
    control.command("RETR f", 150);
    assert_eq!(read_all(&mut elsewhere), b"content");
    control.expect(226);
}

#[test]
fn private_client_gets_the_local_address_in_pasv() {
    for (address, advertised) in [
        ("203.0.113.7", "(127,0,0,1,"),
        ("192.168.1.7", "(192,168,1,7,"),
    ] {
        let server = Starter::default()
            .argument("--passive-address")
            .argument(address)
            .serving(|_| {})
            .start();
        let mut control = server.login();
        let reply = control.command("PASV", 227);
        assert!(reply.text().contains(advertised), "{}", reply.text());
    }
}

#[test]
#[cfg(feature = "resolver")]
fn passive_address_name_is_resolved() {
    let server = Starter::default()
        .listen("127.0.0.2:0")
        .argument("--passive-address")
        .argument("localhost")
        .serving(|_| {})
        .start();
    server.wait_for_log("Passive address: localhost is 127.0.0.1");
    let mut control = server.login();
    let reply = control.command("PASV", 227);
    assert!(reply.text().contains("(127,0,0,1,"), "{}", reply.text());
}

#[test]
#[cfg(feature = "resolver")]
fn unresolved_passive_address_falls_back_to_local_address() {
    let server = Starter::default()
        .argument("--passive-address")
        .argument("nowhere.invalid")
        .serving(|_| {})
        .start();
    let reply = server.login().command("PASV", 227);
    assert!(reply.text().contains("(127,0,0,1,"), "{}", reply.text());
}

#[test]
#[cfg(not(feature = "resolver"))]
fn passive_address_name_needs_a_build_with_resolver() {
    let output = crate::support::mioftpd(["--passive-address", "ftp.example.com"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--features resolver"), "{text}");
}

#[test]
#[cfg(feature = "charset")]
fn names_are_converted_to_and_from_the_charset() {
    let server = Starter::default()
        .argument("--writable")
        .argument("--charset")
        .argument("windows-1252")
        .serving(|root| std::fs::write(root.join("gr\u{fc}n"), "").unwrap())
        .start();
    let mut control = server.login();
    let names = |control: &mut crate::support::Control| {
        let data = DataChannel::epsv(control);
        control.command("NLST", 150);
        let names = data.receive();
        control.expect(226);
        names
    };
    assert_eq!(names(&mut control), b"gr\xfcn\r\n");
    control.send_raw(b"DELE gr\xfcn\r\n");
    control.expect(250);
    control.send_raw(b"MKD \xe9t\xe9\r\n");
    control.expect(257);
    assert_eq!(server.names(), ["\u{e9}t\u{e9}"]);
    control.command("OPTS UTF8 ON", 200);
    assert_eq!(names(&mut control), "\u{e9}t\u{e9}\r\n".as_bytes());
}

#[test]
#[cfg(not(feature = "charset"))]
fn charset_option_needs_a_build_with_charset() {
    let output = crate::support::mioftpd(["--charset", "gbk"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("--features charset"), "{text}");
}

#[test]
#[cfg(feature = "tls")]
fn tls_listen_alone_has_no_plain_listener() {
    use crate::support::tls::TlsClient;
    let starter = Starter::default().listen_for_tls("127.0.0.1:0");
    let server = starter.argument("--tls-self-signed").serving(|_| {});
    let server = server.start();
    assert!(
        !server.log().contains("Start serving at"),
        "{}",
        server.log()
    );
    let mut control = crate::support::Control::implicit(server.secure_address(), &TlsClient::new());
    control.log_in("anonymous", "x");
    let data = DataChannel::epsv(&mut control);
    control.command("LIST", 150);
    assert_eq!(data.receive(), b"");
    control.expect(226);
}

#[test]
fn changed_password_file_ends_sessions_at_sighup() {
    let directory = tempfile::tempdir().unwrap();
    let password = directory.path().join("password");
    std::fs::write(&password, "one").unwrap();
    let server = Starter::default()
        .argument("--user")
        .argument("ann")
        .argument("--password-file")
        .argument(&password)
        .argument("--anonymous")
        .serving(|_| ())
        .start();
    let mut session = server.connect();
    session.log_in("ann", "one");
    let mut anonymous = server.login();
    server.hang_up();
    server.wait_for_log("The configuration was read again");
    session.command("NOOP", 200);
    std::fs::write(&password, "two").unwrap();
    server.hang_up();
    let reply = session.expect(421);
    let reason = "Session ended: the password has changed, closing control connection.";
    assert_eq!(reply.text(), reason);
    session.expect_end();
    anonymous.command("NOOP", 200);
    server.connect().log_in("ann", "two");
}
