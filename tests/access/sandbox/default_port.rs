//! `active.from-default-port` with a port below 1024: only `CAP_NET_BIND_SERVICE` is kept.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;

use crate::sandbox::{OTHER_USER, is_root, status};
use crate::support::{Control, Server, Starter, binary, host_port, read_all, use_common_umask};

/// `CAP_NET_BIND_SERVICE` alone (capabilities(7)).
const PORTS: &str = "0000000000000400";
const NOTHING: &str = "0000000000000000";

/// A server at this port that runs as `OTHER_USER`, and the directory with its files.
fn start(address: Ipv4Addr, port: u16, from_default_port: bool) -> (Server, tempfile::TempDir) {
    use_common_umask();
    let directory = tempfile::tempdir().unwrap();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory.path(), open).unwrap();
    fs::write(directory.path().join("f"), "content").unwrap();
    let file = directory.path().join("config.toml");
    let text = format!(
        "directory = \".\"\nlisten = \"{address}:{port}\"\nrun-as = \"{OTHER_USER}\"\n\
         [active]\nfrom-default-port = {from_default_port}\n[[account]]\nname = \"anonymous\"\n"
    );
    fs::write(&file, text).unwrap();
    let program = [binary(), "--config".into(), file.into_os_string()];
    (Starter::default().program(program).start(), directory)
}

fn active_data_port(control: &mut Control) -> u16 {
    let client = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("PORT {}", host_port(client.local_addr().unwrap()));
    control.command(&port, 200);
    control.command("RETR f", 150);
    let (mut data, from) = client.accept().unwrap();
    assert_eq!(read_all(&mut data), b"content");
    control.expect(226);
    from.port()
}

#[test]
fn run_as_user_keeps_net_bind_service_only_if_needed() {
    if !is_root() {
        return eprintln!("skipped: only root can switch to another user");
    }
    // No other process uses this address.
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, a | 0x80, b, c);
    let (server, _files) = start(address, 1024, true);
    assert_eq!(status(&server, "CapEff"), PORTS);
    assert_eq!(active_data_port(&mut server.login()), 1023);
    drop(server);

    let (server, _files) = start(address, 1025, true);
    assert_eq!(status(&server, "CapEff"), NOTHING);
    assert_eq!(active_data_port(&mut server.login()), 1024);
    drop(server);

    let (server, _files) = start(address, 1024, false);
    assert_eq!(status(&server, "CapEff"), NOTHING);
    assert_ne!(active_data_port(&mut server.login()), 1023);
}
