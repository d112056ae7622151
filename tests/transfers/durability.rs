//! Kills, the sweep of temporary files, and the free space floor: an upload confirmed by a 226 is complete,
//! an unconfirmed one is invisible, and no temporary file stays.
//!
//! The command line has no such settings, so a child process runs the library with a [`Config`]: it is
//! this test program, running only [`serve_in_child_process`].

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, mpsc};
use std::thread;

use crate::support::{DEADLINE, Starter, uninterrupted};
use mioftpd::{Account, Accounts, Config, Durability, Permissions, Server};

/// The name of a stale temporary file.
const STALE: &str = ".mioftpd-0123456789abcdef.tmp";

/// Not a test: the server of the child process, configured by environment variables.
#[test]
fn serve_in_child_process() {
    let variable = |name: &str| std::env::var(name).ok();
    let Some(root) = variable("MIOFTPD_TEST_ROOT") else {
        return;
    };
    let records = mioftpd::logging::collect(log::LevelFilter::Info).unwrap();
    let _logging = records.print().unwrap();
    let config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        root: Some(root.into()),
        accounts: Accounts::new().with(Account::anonymous(Permissions::ALL)),
        durability: match variable("MIOFTPD_TEST_DURABILITY").as_deref() {
            Some("fsync") => Durability::Fsync,
            Some("rename") => Durability::Rename,
            _ => Durability::None,
        },
        free_space_floor: variable("MIOFTPD_TEST_FLOOR").map_or(0, |n| n.parse().unwrap()),
        ..Config::default()
    };
    Server::bind(config).unwrap().run().unwrap();
}

const SERVE: [&str; 3] = [
    "durability::serve_in_child_process",
    "--exact",
    "--nocapture",
];

/// The child process, optionally run by a command such as unshare(1).
fn child(behind: &[&str]) -> Starter {
    let behind = behind.iter().map(Into::into);
    let own = std::env::current_exe().unwrap().into_os_string();
    let words = behind.chain([own]).chain(SERVE.map(Into::into));
    Starter::default().program(words)
}

/// A client that returns an error when the server is killed, instead of failing the test.
struct Client {
    control: TcpStream,
    replies: io::Lines<BufReader<TcpStream>>,
    address: SocketAddr,
}

impl Client {
    fn login(address: SocketAddr) -> io::Result<Self> {
        let control = TcpStream::connect(address)?;
        control.set_read_timeout(Some(DEADLINE))?;
        let replies = BufReader::new(control.try_clone()?).lines();
        let mut client = Self {
            control,
            replies,
            address,
        };
        client.reply()?;
        client.command("USER anonymous")?;
        client.command("PASS x")?;
        Ok(client)
    }

    fn reply(&mut self) -> io::Result<String> {
        let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
        self.replies.next().ok_or_else(ended)?
    }

    fn command(&mut self, line: &str) -> io::Result<String> {
        self.control.write_all(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Begins an upload.
    fn begin(&mut self, command: &str) -> io::Result<TcpStream> {
        let reply = self.command("EPSV")?;
        let port = reply.split('|').nth(3).and_then(|port| port.parse().ok());
        let data = TcpStream::connect((self.address.ip(), port.unwrap()))?;
        let reply = self.command(command)?;
        assert!(reply.starts_with("150"), "{reply}");
        Ok(data)
    }

    fn store(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut data = self.begin(&format!("STOR {name}"))?;
        data.write_all(bytes)?;
        drop(data);
        let reply = self.reply()?;
        assert!(reply.starts_with("226"), "{reply}");
        Ok(())
    }
}

/// The contents of the `round`-th version of a file: 0 to 100 KB.
fn version(name: &str, round: usize) -> Vec<u8> {
    let line = format!("{name} {round}\n");
    line.repeat(round * 7919 % 10_000).into_bytes()
}

#[test]
fn confirmed_uploads_survive_kill_and_partial_ones_are_swept() {
    const CLIENTS: usize = 4;
    const NAMES: usize = 5;
    let starter = child(&[]).variable("MIOFTPD_TEST_DURABILITY", "fsync");
    let server = starter.serving(|_| ()).start();
    let address = server.address();
    // The last confirmed version of each file.
    let confirmed = Mutex::new(BTreeMap::new());
    let (sender, confirmations) = mpsc::channel();
    let directory = thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (confirmed, sender) = (&confirmed, sender.clone());
            scope.spawn(move || {
                let mut control = Client::login(address).unwrap();
                for round in 1.. {
                    // Most uploads replace a file; each client has its own names.
                    let name = format!("{client}-{}", round % NAMES);
                    if control.store(&name, &version(&name, round)).is_err() {
                        return;
                    }
                    confirmed.lock().unwrap().insert(name, round);
                    let _ = sender.send(());
                }
            });
        }
        // Uploads that are certainly incomplete when the server is killed.
        let mut incomplete = Vec::new();
        for command in ["STOR slow", "STOU unique"] {
            let mut slow = Client::login(address).unwrap();
            let mut data = slow.begin(command).unwrap();
            data.write_all(b"half").unwrap();
            incomplete.push((slow, data));
        }
        for _ in 0..200 {
            confirmations.recv_timeout(DEADLINE).unwrap();
        }
        server.kill()
    });
    let starter = child(&[]).serving_again(directory);
    let server = starter.start();
    // Temporary files are hidden even before the sweep.
    let listed = server.login().command("STAT /", 213).lines.join("\n");
    for left in [".mioftpd", "slow", "unique"] {
        assert!(!listed.contains(left), "{listed}");
    }
    server.wait_for_log(" removed, ");
    let confirmed = confirmed.into_inner().unwrap();
    for name in server.names() {
        let name = name.into_string().unwrap();
        let found = std::fs::read(server.file(&name)).unwrap();
        let last = confirmed.get(&name).copied();
        // Or the next version, committed before its 226 arrived.
        let first = name.split_once('-').unwrap().1.parse::<usize>().unwrap();
        let next = last.map_or_else(
            || if first == 0 { NAMES } else { first },
            |last| last + NAMES,
        );
        let whole =
            last.is_some_and(|last| found == version(&name, last)) || found == version(&name, next);
        assert!(whole, "{name}: {} bytes, confirmed {last:?}", found.len());
    }
    assert!(confirmed.keys().all(|name| server.file(name).exists()));
}

#[test]
fn sweep_keeps_open_uploads_of_another_server() {
    let first = crate::support::Server::writable(|root| {
        std::fs::write(root.join("file"), "old").unwrap();
        std::fs::write(root.join(STALE), "").unwrap();
    });
    // The first sweep is complete: files created from here on are left to the second server.
    first.wait_for_log("Unfinished uploads: 1 removed, 0 in use");
    let mut client = Client::login(first.address()).unwrap();
    let mut data = client.begin("STOR file").unwrap();
    data.write_all(b"half").unwrap();
    std::fs::create_dir(first.file("below")).unwrap();
    std::fs::write(first.file("below").join(STALE), "of one that was killed").unwrap();

    let arguments = [first.root().as_os_str(), "--writable".as_ref()];
    let second = arguments
        .into_iter()
        .fold(Starter::default(), Starter::argument);
    let second = second.start();
    let line = second.wait_for_log(" removed, ");
    assert!(
        line.contains("Unfinished uploads: 1 removed, 1 in use"),
        "{line}"
    );
    assert!(!first.file("below").join(STALE).exists());

    data.write_all(b" and half").unwrap();
    drop(data);
    assert!(client.reply().unwrap().starts_with("226"));
    assert_eq!(second.login().retrieve("file"), b"half and half");
    assert_eq!(first.names(), ["below", "file"]);
}

#[test]
fn read_only_server_does_not_sweep() {
    let fill = |root: &std::path::Path| std::fs::write(root.join(STALE), "").unwrap();
    let server = Starter::default()
        .argument("--log")
        .argument("debug")
        .serving(fill)
        .start();
    server.login().command("STAT /", 213);
    assert_eq!(server.names(), [STALE]);
    assert!(!server.log().contains("unfinished"), "{}", server.log());
}

#[test]
fn uploads_below_floor_are_refused() {
    let starter = child(&[]).variable("MIOFTPD_TEST_FLOOR", "1152921504606846976");
    let server = starter
        .serving(|root| std::fs::write(root.join("file"), "old").unwrap())
        .start();
    let mut control = server.login();
    for command in ["STOR file", "STOR new", "APPE file", "APPE new", "STOU new"] {
        drop(control.passive());
        control.command(command, 452);
    }
    assert_eq!(control.command("AVBL", 213).text(), "0");
    control.command("ALLO 1", 552);
    control.command("ALLO 0", 200);
    assert_eq!(control.retrieve("file"), b"old");
    assert_eq!(server.names(), ["file"]);
}

/// On a tmpfs in the child's mount namespace, so that no other process changes the free space.
#[test]
fn upload_reaching_floor_is_cut_with_452() {
    const MIB: usize = 1024 * 1024;
    let mount = "mount -t tmpfs -o size=24m none \"$MIOFTPD_TEST_ROOT\" && exec \"$0\" \"$@\"";
    let own_world = ["unshare", "--mount", "--map-root-user", "sh", "-c"];
    let probe = std::process::Command::new(own_world[0])
        .args(&own_world[1..])
        .arg("mount -t tmpfs none /tmp")
        .output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        return eprintln!("skipped: this system does not allow a mount");
    }
    let starter = child(&[&own_world[..], &[mount]].concat());
    let starter = starter.variable("MIOFTPD_TEST_FLOOR", &(8 * MIB).to_string());
    let server = starter.serving(|_| ()).start();
    let mut control = server.login();
    let old = vec![b'o'; MIB];
    control.store("file", &old);
    for command in ["STOR file", "APPE log"] {
        let mut data = control.passive().stream();
        control.command(command, 150);
        // The server closes the connection before the end.
        let _ = data.write_all(&vec![b'n'; 64 * MIB]);
        let _ = uninterrupted(|| data.read(&mut [0]));
        drop(data);
        control.expect(452);
        assert_eq!(control.retrieve("file"), old);
    }
    // A file written in place keeps the bytes written down to the floor.
    let size: usize = control.command("SIZE log", 213).text().parse().unwrap();
    assert!((14 * MIB..=15 * MIB).contains(&size), "{size}");
    control.command("DELE log", 250);
    control.store("file", b"new");
    assert_eq!(control.retrieve("file"), b"new");
}

#[test]
fn stou_does_not_replace_file_created_meanwhile() {
    let server = crate::support::Server::writable(|_| ());
    let mut control = server.login();
    // The sweep may lock the temporary file first, and STOU would choose another name.
    crate::support::until("the sweeper", || {
        (!server.has_thread("sweeper")).then_some(())
    });
    let mut data = control.passive().stream();
    assert_eq!(control.command("STOU new", 150).text(), "FILE: new");
    server.login().store("new", b"another's");
    data.write_all(b"mine").unwrap();
    drop(data);
    control.expect(451);
    assert_eq!(control.retrieve("new"), b"another's");
    assert_eq!(server.names(), ["new"]);
}
