//! `HAProxy` in front of two servers that share one directory: PROXY version 2 on control and data
//! connections, the passive ports forwarded under their own numbers.
//!
//! All of 127.0.0.0/8 is this host: the proxy listens at 127.0.0.1, the servers at 127.0.0.2 and
//! 127.0.0.3, where they can have the same ports, and the client comes from 127.0.0.9.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, Once};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mioftpd::auth::{Account, Accounts, Permissions};
use mioftpd::{Config, Handle, Server};

use super::content::blob;
use super::programs::{client, succeeds};
use super::support::{free_ports, until};

/// Passive ports of each server.
const PORTS: u16 = 4;

/// What the servers have logged, who are threads of this process.
static LOG: Mutex<String> = Mutex::new(String::new());

struct Notebook;

impl log::Log for Notebook {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let _ = writeln!(LOG.lock().unwrap(), "{}", record.args());
    }

    fn flush(&self) {}
}

fn take_notes() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_boxed_logger(Box::new(Notebook)).unwrap();
        log::set_max_level(log::LevelFilter::Debug);
    });
}

struct Instance {
    address: SocketAddr,
    handle: Handle,
    serving: Option<JoinHandle<()>>,
}

impl Instance {
    fn start(ip: &str, first: u16, root: &Path, tls: bool) -> Self {
        let mut server = Server::bind(Config {
            listen: vec![format!("{ip}:0").parse().unwrap()],
            root: Some(root.into()),
            accounts: Accounts::new().with(Account::anonymous(Permissions::ALL)),
            passive_ports: Some(first..=first + PORTS - 1),
            proxies: vec!["127.0.0.1".parse().unwrap()],
            tls: tls.then(|| implicit(ip)),
            ..Config::default()
        })
        .unwrap();
        let secure = server.secure_addresses().first();
        let address = *secure.unwrap_or_else(|| &server.addresses()[0]);
        let handle = server.handle();
        let serving = thread::spawn(move || server.run().unwrap());
        Self {
            address,
            handle,
            serving: Some(serving),
        }
    }
}

fn implicit(ip: &str) -> mioftpd::config::TlsConfig {
    mioftpd::config::TlsConfig {
        certificate: mioftpd::config::Certificate::SelfSigned {
            state: None,
            names: vec!["localhost".to_owned()],
        },
        listen: vec![format!("{ip}:0").parse().unwrap()],
        policy: mioftpd::session::SecurityPolicy::default(),
        data_session: mioftpd::net::DataSession::Observe,
        clients: None,
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.handle.stop();
        self.handle.stop();
        if let Some(serving) = self.serving.take() {
            serving.join().unwrap();
        }
    }
}

/// A running `HAProxy`; dropped, it is killed.
struct Proxy {
    child: Child,
    doors: Vec<SocketAddr>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A door for each server, and its passive ports.
fn start_proxy(folder: &Path, instances: &[(&Instance, u16)]) -> Proxy {
    let mut text = "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n \
                    timeout server 60s\n"
        .to_owned();
    let mut doors = Vec::new();
    for (number, (instance, first)) in instances.iter().enumerate() {
        let door = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports()));
        let (ip, last) = (instance.address.ip(), first + PORTS - 1);
        let address = instance.address;
        write!(
            text,
            "listen control{number}\n bind {door}\n server one {address} send-proxy-v2\n\
             listen data{number}\n bind 127.0.0.1:{first}-{last}\n server one {ip} send-proxy-v2\n"
        )
        .unwrap();
        doors.push(door);
    }
    let file = folder.join("haproxy.cfg");
    fs::write(&file, text).unwrap();
    // What it warns of is not read to the end; so it goes nowhere.
    let mut haproxy = Command::new("haproxy");
    let child = haproxy
        .args(["-db", "-q", "-f"])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut proxy = Proxy { child, doors };
    until("HAProxy", || {
        assert!(proxy.child.try_wait().unwrap().is_none(), "HAProxy ended");
        let greets = |door: &SocketAddr| TcpStream::connect(door).is_ok();
        proxy.doors.iter().all(greets).then_some(())
    });
    proxy
}

fn curl(arguments: &[&str]) -> Command {
    let mut curl = client("curl").unwrap();
    curl.args(["--silent", "--show-error", "--interface", "127.0.0.9"]);
    curl.args(arguments);
    curl
}

/// A session that greets, and what it says until then is nothing.
fn is_served(door: SocketAddr) {
    let mut line = String::new();
    let mut stream = BufReader::new(TcpStream::connect(door).unwrap());
    stream.read_line(&mut line).unwrap();
    assert!(line.starts_with("220 "), "{line:?}");
}

fn are_here() -> bool {
    client("curl").is_some() && client("haproxy").is_some()
}

#[test]
fn two_servers_share_a_directory_behind_one_proxy() {
    if !are_here() {
        return;
    }
    take_notes();
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, blob) = (folder.path().join("local"), blob());
    fs::write(&here, &blob).unwrap();
    let local = here.to_str().unwrap();
    let first = free_ports();
    let ports = [first, first + PORTS];
    let one = Instance::start("127.0.0.2", ports[0], root.path(), false);
    let two = Instance::start("127.0.0.3", ports[1], root.path(), false);
    let proxy = start_proxy(folder.path(), &[(&one, ports[0]), (&two, ports[1])]);
    proxy.doors.iter().copied().for_each(is_served);
    let [left, right] = [0, 1].map(|number| format!("ftp://{}", proxy.doors[number]));
    for (mode, name) in [("--disable-epsv", "pasv"), ("--ftp-pasv", "epsv")] {
        let up = format!("{left}/{name}");
        succeeds(&mut curl(&[mode, "--upload-file", local, &up]));
        assert!(fs::read(root.path().join(name)).unwrap() == blob, "{name}");
        let down = format!("{right}/{name}");
        assert!(succeeds(&mut curl(&[mode, &down])).stdout == blob, "{name}");
    }
    // Straight to the client, past the proxy.
    let down = format!("{right}/pasv");
    let active = succeeds(&mut curl(&["--ftp-port", "127.0.0.9", &down]));
    assert!(active.stdout == blob);

    let log = LOG.lock().unwrap().clone();
    let accepted = "Accepted new connection (address = 127.0.0.9:";
    assert!(log.contains(accepted), "{log}");
    let by_name = |line: &&str| line.contains("127.0.0.9:") && line.contains("STOR pasv");
    assert!(log.lines().any(|line| by_name(&line)), "{log}");
}

#[test]
fn a_server_that_starts_leaves_the_uploads_of_the_other_alone() {
    if !are_here() {
        return;
    }
    take_notes();
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = free_ports();
    let ports = [first, first + PORTS];
    let one = Instance::start("127.0.0.2", ports[0], root.path(), false);
    let proxy = start_proxy(folder.path(), &[(&one, ports[0])]);
    let url = format!("ftp://{}/slow", proxy.doors[0]);
    let mut upload = curl(&["--upload-file", "-", &url])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = upload.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"one half,").unwrap();
    until("the upload's temporary file", || {
        let mut names = fs::read_dir(root.path()).unwrap();
        names.next().map(drop)
    });
    let two = Instance::start("127.0.0.3", ports[1], root.path(), false);
    is_served_directly(two.address);
    until("the end of its sweep", || {
        // The thread that sweeps has the lowest priority: a loop here could take all time of a busy
        // machine from it.
        thread::sleep(Duration::from_millis(1));
        let log = LOG.lock().unwrap();
        log.contains("left; 1 are in use").then_some(())
    });
    std::io::Write::write_all(&mut input, b" the other").unwrap();
    drop(input);
    assert!(upload.wait().unwrap().success());
    let slow = fs::read(root.path().join("slow")).unwrap();
    assert_eq!(slow, b"one half, the other");
}

/// The other server is behind no proxy in this test, and so is one from whom it expects a header.
fn is_served_directly(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, b"PROXY UNKNOWN\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("220 "), "{line:?}");
}

#[test]
#[cfg(feature = "tls")]
fn a_tls_hello_stands_behind_the_header() {
    if !are_here() {
        return;
    }
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, blob) = (folder.path().join("local"), blob());
    fs::write(&here, &blob).unwrap();
    let first = free_ports();
    let one = Instance::start("127.0.0.2", first, root.path(), true);
    let proxy = start_proxy(folder.path(), &[(&one, first)]);
    let url = format!("ftps://{}/blob", proxy.doors[0]);
    let local = here.to_str().unwrap();
    succeeds(&mut curl(&["--insecure", "--upload-file", local, &url]));
    assert!(fs::read(root.path().join("blob")).unwrap() == blob);
    assert!(succeeds(&mut curl(&["--insecure", &url])).stdout == blob);
}
