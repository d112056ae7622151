//! The keys without a table, and those of data connections and proxies.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::world::{World, text};
use crate::support::{
    Control, DataChannel, Server, epsv_port, free_ports, host_port, pasv_port, read_all, until,
};

/// `directory`
#[test]
fn directory_key_selects_the_root() {
    let world = World::new();
    fs::create_dir(world.path("other")).unwrap();
    fs::write(world.path("other/g"), "of the other").unwrap();
    let server = world.start("directory = \"other\"");
    assert_eq!(server.login().retrieve("g"), b"of the other");
}

/// `listen`
#[test]
fn listen_key_selects_addresses() {
    let world = World::new();
    let server = world.start("listen = [\"127.0.0.1:0\", \"127.0.0.2:0\"]");
    let hosts: Vec<_> = server.addresses().iter().map(SocketAddr::ip).collect();
    assert_eq!(hosts, [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 2)]);
    Control::connect(server.addresses()[1]).command("NOOP", 200);
}

fn status(server: &Server) -> String {
    let path = format!("/proc/{}/status", server.process_id());
    fs::read_to_string(path).unwrap()
}

/// A field of `/proc/PID/status`.
fn number(server: &Server, name: &str) -> u32 {
    let status = status(server);
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let words = line.unwrap_or_else(|| panic!("no {name} in {status}"));
    words.split_whitespace().next().unwrap().parse().unwrap()
}

/// `workers`
#[test]
fn workers_key_bounds_the_threads_that_jobs_start() {
    let world = World::new();
    // A read-only server has no temporary sweeper thread.
    let threads = |workers: u32, clients: usize| {
        let account = "[[account]]\nname = \"anonymous\"";
        let server = world.start(&format!("workers = {workers}\n{account}"));
        let mut clients: Vec<_> = (0..clients).map(|_| server.login()).collect();
        for _ in 0..20 {
            for control in &mut clients {
                control.send("STAT .");
            }
            for control in &mut clients {
                control.expect(213);
            }
        }
        number(&server, "Threads:")
    };
    let none = threads(0, 8);
    assert_eq!(threads(7, 0), none);
    assert_eq!(threads(7, 1), none + 1);
    assert_eq!(threads(1, 8), none + 1);
    assert!((none + 1..=none + 3).contains(&threads(3, 8)));
}

/// `busy-poll`
#[test]
fn busy_polling_spares_the_sleep_between_commands() {
    const COMMANDS: usize = 20;
    // Some 30 ms: a loop that may sleep does so in this time, and one that may not stays awake for longer.
    const LOOKS: usize = 1000;
    let world = World::new();
    let sleeps = |time: &str| {
        let server = world.start(&format!("busy-poll = \"{time}\""));
        let mut control = server.login();
        let count = || number(&server, "voluntary_ctxt_switches:");
        let mut sleeps_behind_a_command = |_: &usize| {
            let before = count();
            control.command("NOOP", 200);
            (0..LOOKS).any(|_| count() > before)
        };
        let commands = (0..COMMANDS).filter(&mut sleeps_behind_a_command);
        commands.count()
    };
    let (awake, asleep) = (sleeps("1s"), sleeps("0s"));
    assert!(awake < COMMANDS / 2, "{awake} and {asleep}");
    assert!(awake < asleep, "{awake} and {asleep}");
}

/// `umask`
#[test]
fn umask_applies_to_new_files() {
    let world = World::new();
    let server = world.start("umask = \"026\"");
    server.login().store("new", b"");
    let mode = fs::metadata(world.path("root/new")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o640);
}

/// `run-as`
#[test]
fn run_as_switches_user_and_group() {
    let world = World::new();
    if !rustix::process::geteuid().is_root() {
        world.write("run-as = \"65533:65532\"");
        let output = world.run(&[]);
        assert_eq!(output.status.code(), Some(1));
        return assert!(text(&output.stderr).contains("root"), "{output:?}");
    }
    let server = world.start("run-as = \"65533:65532\"");
    server.connect();
    assert_eq!(number(&server, "Uid:"), 65533);
    assert_eq!(number(&server, "Gid:"), 65532);
}

/// `sandbox`
#[test]
fn sandbox_can_be_disabled() {
    let world = World::new();
    for (sandbox, expected) in [("true", 1), ("false", 0)] {
        let server = world.start(&format!("sandbox = {sandbox}"));
        server.connect();
        assert_eq!(number(&server, "NoNewPrivs:"), expected, "{sandbox}");
    }
}

/// `greeting`
#[test]
fn greeting_replaces_the_default_text() {
    let world = World::new();
    let server = world.start("greeting = \"\"\"\nFor members.\nOthers: leave.\"\"\"");
    let mut control = Control::silent(server.address());
    let greeting = control.expect(220);
    assert_eq!(greeting.lines, ["220-For members.", "220 Others: leave."]);
    control.command("HOST ftp.example.com", 220);
    // Without a directory the greeting cannot be changed.
    world.write("greeting = \"Hello.\"");
    let text = fs::read_to_string(world.file()).unwrap();
    let without = text.lines().filter(|line| !line.starts_with("directory"));
    fs::write(world.file(), without.collect::<Vec<_>>().join("\n")).unwrap();
    let output = world.run(&[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// `time-zone`
#[test]
fn list_dates_use_the_time_zone() {
    let world = World::new();
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let file = File::create(world.path("root/f")).unwrap();
    file.set_modified(hour_ago).unwrap();
    let seconds = hour_ago.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let server = world.start("time-zone = \"+05:00\"");
    let mut control = server.login();
    let data = DataChannel::epsv(&mut control);
    control.command("LIST", 150);
    let line = String::from_utf8(data.receive()).unwrap();
    let time = format!(
        " {:02}:{:02} ",
        (seconds / 3600 + 5) % 24,
        seconds / 60 % 60
    );
    assert!(line.contains(&time), "no{time}in {line}");
}

/// `time-fractions`
#[test]
fn time_fractions_selects_milliseconds() {
    let world = World::new();
    for (on, expected) in [(false, "20200101000000"), (true, "20200101000000.500")] {
        let server = world.start(&format!("time-fractions = {on}"));
        let mut control = server.login();
        let reply = control.command("MFMT 20200101000000.5 f", 213);
        assert_eq!(reply.lines, [format!("213 Modify={expected}; f")]);
        let reply = control.command("MDTM f", 213);
        assert_eq!(reply.lines, [format!("213 {expected}")]);
        let fact = format!("modify={expected};");
        let reply = control.command("MLST f", 250);
        assert!(reply.lines.concat().contains(&fact), "{reply:?}");
        let data = DataChannel::epsv(&mut control);
        control.command("MLSD", 150);
        let listed = String::from_utf8(data.receive()).unwrap();
        assert!(listed.contains(&fact), "{listed}");
        control.expect(226);
    }
}

/// `charset`
#[test]
fn names_are_sent_in_the_charset() {
    let world = World::new();
    if !cfg!(feature = "charset") {
        world.write("charset = \"windows-1252\"");
        let output = world.run(&[]);
        assert_eq!(output.status.code(), Some(2));
        return assert!(text(&output.stderr).contains("--features charset"));
    }
    fs::rename(world.path("root/f"), world.path("root/gr\u{fc}n")).unwrap();
    let server = world.start("charset = \"windows-1252\"");
    let mut control = server.login();
    let data = DataChannel::epsv(&mut control);
    control.command("NLST", 150);
    assert_eq!(data.receive(), b"gr\xfcn\r\n");
}

/// `allow-combine`
#[test]
fn allow_combine_enables_comb() {
    let world = World::new();
    for (allow, code) in [(false, 502), (true, 250)] {
        let server = world.start(&format!("allow-combine = {allow}"));
        server.login().command("COMB whole f", code);
    }
    assert_eq!(fs::read(world.path("root/whole")).unwrap(), b"content");
}

/// `log.level`
#[test]
fn log_level_is_applied() {
    let world = World::new();
    let server = world.start("[log]\nlevel = \"debug\"");
    server.connect().command("QUIT", 221);
    server.wait_for_log("DEBUG");
}

/// `passive.ports`
#[test]
fn passive_ports_are_within_the_range() {
    let world = World::new();
    let port = free_ports();
    let server = world.start(&format!("[passive]\nports = \"{port}-{port}\""));
    assert_eq!(epsv_port(&mut server.login()), port);
    // Without the key the kernel chooses a port.
    let server = world.start("");
    assert_ne!(epsv_port(&mut server.login()), 0);
}

/// `active.from-default-port`
#[test]
fn active_data_connection_comes_from_port_l_minus_1() {
    let world = World::new();
    let ports = |key: &str| {
        let server = world.start(&format!("listen = \"127.0.0.6:0\"\n[active]\n{key}"));
        let from = active_ports(&server, 1)[0];
        (from, server.address().port() - 1, server)
    };
    // If another program uses that port, the server uses another one: try again.
    let server = until("a free port", || {
        let (from, expected, server) = ports("from-default-port = true");
        (from == expected).then_some(server)
    });
    assert!(!server.log().contains("another port is used"));
    let (from, before, _server) = ports("from-default-port = false");
    assert_ne!(from, before);
}

#[test]
fn busy_default_data_port_is_replaced_and_logged() {
    let world = World::new();
    let (server, _taken) = until("a port to take", || {
        let server = world.start("listen = \"127.0.0.6:0\"\n[active]\nfrom-default-port = true");
        let port = server.address().port() - 1;
        Some((server, TcpListener::bind(("127.0.0.6", port)).ok()?))
    });
    let port = server.address().port() - 1;
    let from = active_ports(&server, 3);
    assert!(!from.contains(&port), "{from:?}");
    let message = format!("Cannot connect from port {port}: Address already in use");
    let line = server.wait_for_log(&message);
    assert!(line.contains("WARN"), "{line}");
    server.wait_for_log("2 more in this session: data connections from another port");
    assert_eq!(server.log().matches(&message).count(), 1);
}

/// Two connections cannot have the same pair of addresses.
#[test]
fn concurrent_transfers_to_one_client_port_both_connect() {
    let world = World::new();
    fs::write(world.path("root/large"), vec![0; 20_000_000]).unwrap();
    until("a free port", || {
        let server = world.start("listen = \"127.0.0.6:0\"\n[active]\nfrom-default-port = true");
        let client = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!("PORT {}", host_port(client.local_addr().unwrap()));
        let streams = [(); 2].map(|()| {
            let mut control = server.login();
            control.command(&port, 200);
            control.command("RETR large", 150);
            (control, client.accept().unwrap())
        });
        let [first, second] = streams.each_ref().map(|(_, (_, from))| from.port());
        assert_ne!(first, second);
        let message = format!("Cannot connect from port {first}: Cannot assign requested address");
        (first == server.address().port() - 1 && server.log().contains(&message)).then_some(())
    });
}

/// The source ports of the active data connections of one session.
fn active_ports(server: &Server, transfers: usize) -> Vec<u16> {
    let mut control = server.login();
    let ports = (0..transfers).map(|_| {
        let client = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = format!("PORT {}", host_port(client.local_addr().unwrap()));
        control.command(&port, 200);
        control.command("RETR f", 150);
        let (mut data, from) = client.accept().unwrap();
        assert_eq!(from.ip(), Ipv4Addr::new(127, 0, 0, 6));
        assert_eq!(read_all(&mut data), b"content");
        control.expect(226);
        from.port()
    });
    let ports = ports.collect();
    control.command("QUIT", 221);
    ports
}

/// `passive.address`, `passive.address-by-network`, `passive.address-for-private`
#[test]
fn pasv_advertises_the_masquerade_address() {
    let world = World::new();
    let advertised = |text: &str| {
        let server = world.start(&format!("[passive]\n{text}"));
        let mut control = server.login();
        assert_ne!(pasv_port(&mut control), 0);
        control.command("PASV", 227).text().to_owned()
    };
    let here = advertised("");
    assert!(here.contains("(127,0,0,1,"), "{here}");
    // A client on loopback gets the local address.
    let here = advertised("address = \"203.0.113.7\"");
    assert!(here.contains("(127,0,0,1,"), "{here}");
    let there = advertised("address = \"203.0.113.7\"\naddress-for-private = true");
    assert!(there.contains("(203,0,113,7,"), "{there}");
    let there =
        advertised("address-by-network = [\"10.0.0.0/8 192.0.2.1\", \"127.0.0.0/8 192.0.2.2\"]");
    assert!(there.contains("(192,0,2,2,"), "{there}");
}

/// `addresses.proxies`
#[test]
fn proxy_header_sets_the_client_address() {
    let world = World::new();
    let server = world.start("[addresses]\nproxies = [\"127.0.0.0/8\"]");
    let mut control = Control::silent(server.address());
    control.send("PROXY TCP4 198.51.100.7 127.0.0.1 40000 21");
    control.expect(220);
    server.wait_for_log("address = 198.51.100.7:40000");
    // Without the key the header is an unknown command.
    let server = world.start("");
    let mut control = server.connect();
    control.command("PROXY TCP4 198.51.100.7 127.0.0.1 40000 21", 500);
}
