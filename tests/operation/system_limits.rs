//! Limits of the system: file size, descriptors, threads; and link-local addresses. The command that hits a
//! limit fails, and the server continues.
//!
//! Limits are set on the running process with prlimit(2), so no shell is needed.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

use crate::support::{
    Control, DataChannel, Server, Starter, binary, connect_from, epsv_port, read_all,
};
use rustix::process::{Resource, Rlimit, getrlimit};

/// Sets the soft limit, which can be raised again.
fn set_limit(server: &Server, resource: Resource, current: u64) {
    let maximum = getrlimit(resource).maximum;
    let current = Some(current);
    server.set_limit(resource, Rlimit { current, maximum });
}

#[test]
fn upload_beyond_the_file_size_limit_is_552() {
    let server = Server::writable(|root| std::fs::write(root.join("f"), "old").unwrap());
    let mut control = server.login();
    set_limit(&server, Resource::Fsize, 4096);
    for (command, size, code) in [("STOR f", 4096, 226), ("STOR f", 4097, 552)] {
        let data = control.passive();
        control.command(command, 150);
        data.send(&vec![b'x'; size]);
        control.expect(code);
    }
    assert_eq!(std::fs::read(server.file("f")).unwrap(), [b'x'; 4096]);
    assert_eq!(server.names(), ["f"]);
    control.command("NOOP", 200);
}

/// The client connects right after EPSV, when no descriptor is free to accept the connection. A later
/// transfer command must not wait for it.
#[test]
fn data_connection_is_accepted_once_there_are_descriptors() {
    let server = Server::read_only(|root| std::fs::write(root.join("f"), "content").unwrap());
    let mut control = server.login();
    let port = epsv_port(&mut control);
    // Descriptors above the limit stay open.
    set_limit(&server, Resource::Nofile, 3);
    let address = (server.address().ip(), port);
    let mut data = std::net::TcpStream::connect(address).unwrap();
    server.wait_for_log("Cannot accept data connections");
    set_limit(&server, Resource::Nofile, 1024);
    control.command("RETR f", 150);
    assert_eq!(read_all(&mut data), b"content");
    control.expect(226);
    assert_eq!(control.retrieve("f"), b"content");
}

/// A listener stays open for a while where a connection may be late, but not at the cost of other clients.
#[test]
fn abandoned_passive_ports_take_no_descriptors_from_other_clients() {
    let shell = "ulimit -n 128 && exec \"$0\" --listen 127.0.0.1:0 \"$MIOFTPD_TEST_ROOT\"";
    let command = ["sh".into(), "-c".into(), shell.into(), binary()];
    let starter =
        Starter::default().serving(|root| std::fs::write(root.join("f"), "text").unwrap());
    let server = starter.program(command).start();
    let mut abandoned = 0;
    while abandoned < 150 {
        let mut control = Control::silent(server.address());
        // Those that have left may still count.
        if control.expect_one_of(&[220, 421]).code == 220 {
            control.log_in("anonymous", "guest");
            control.command("EPSV", 229);
            abandoned += 1;
        }
    }
    let address = Ipv4Addr::new(127, 0, 0, 9);
    let mut other = Control::over(connect_from(address, server.address()).unwrap());
    other.expect(220);
    other.log_in("anonymous", "guest");
    let port = epsv_port(&mut other);
    let data = connect_from(address, (server.address().ip(), port).into());
    other.command("RETR f", 150);
    assert_eq!(read_all(&mut data.unwrap()), b"text");
    other.expect(226);
    assert!(!server.log().contains("Too many open files"));
}

/// The event loop does the work instead. There is no memory for the stack of a thread.
#[test]
fn lack_of_threads_is_logged_once() {
    let server = Server::read_only(|_| ());
    let mut control = server.login();
    let room = 128 * 1024;
    set_limit(&server, Resource::Data, server.data_bytes() + room);
    for _ in 0..20 {
        control.command("STAT /", 213);
    }
    server.wait_for_log("Cannot start a thread");
    let log = server.log();
    assert_eq!(log.matches("Cannot start a thread").count(), 1, "{log}");
}

/// Without the bound a small allocation of one of them would end the process.
#[test]
fn no_more_clients_are_admitted_than_the_process_has_memory_for() {
    let usual = Server::writable(|_| ()).address_space();
    let limit = usual / 1024 + 16 * 1024;
    let shell = format!(
        "ulimit -v {limit} && exec \"$0\" --listen 127.0.0.1:0 --writable \"$MIOFTPD_TEST_ROOT\""
    );
    let command = ["sh".into(), "-c".into(), shell.into(), binary()];
    let server = Starter::default().serving(|_| ()).program(command).start();
    let mut clients = Vec::new();
    loop {
        let mut control = Control::silent(server.address());
        if control.expect_one_of(&[220, 421]).code == 421 {
            break;
        }
        control.log_in("anonymous", "guest");
        let data = control.passive();
        control.command(&format!("STOR {}", clients.len()), 150);
        let mut data = data.stream();
        data.write_all(&vec![b'x'; 100_000]).unwrap();
        clients.push((control, data));
    }
    assert!((2..1000).contains(&clients.len()), "{}", clients.len());
    server.wait_for_log("the limit of memory (ulimit -v and -d");
    for (mut control, data) in clients {
        drop(data);
        control.expect(226);
        control.command("NOOP", 200);
    }
}

/// A link-local address with its scope id, if this host has one.
fn link_local() -> Option<SocketAddrV6> {
    let table = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let address = u128::from_str_radix(fields.next()?, 16).ok()?;
        let address = Ipv6Addr::from_bits(address);
        let link = u32::from_str_radix(fields.next()?, 16).ok()?;
        let found = SocketAddrV6::new(address, 0, 0, link);
        // An address cannot be bound during duplicate address detection.
        let usable = std::net::TcpListener::bind(found).is_ok();
        (address.is_unicast_link_local() && usable).then_some(found)
    })
}

#[test]
fn data_connections_work_over_a_link_local_address() {
    let Some(address) = link_local() else {
        return eprintln!("skipped: this host has no link-local address");
    };
    let starter = Starter::default().listen(&address.to_string());
    let server = starter.serving(|root| std::fs::write(root.join("f"), "content").unwrap());
    let server = server.start();
    let mut control = server.login();
    assert_eq!(control.retrieve("f"), b"content");
    let data = DataChannel::eprt(&mut control);
    control.command("RETR f", 150);
    assert_eq!(data.receive(), b"content");
    control.expect(226);
}
