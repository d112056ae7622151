//! `HAProxy` in front of two servers that share one directory: PROXY protocol version 2 on control and data
//! connections, with the passive ports forwarded one to one.
//!
//! All of 127.0.0.0/8 is this host: the proxy listens at 127.0.0.1, the servers at 127.0.0.2 and 127.0.0.3
//! with the same ports, and the client connects from 127.0.0.9.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, Once};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mioftpd::{Account, Accounts, Config, Handle, Permissions, Server};

use super::content::blob;
use super::programs::{client, succeeds};
use super::support::{free_ports, until};

/// The number of passive ports of each server.
const PORTS: u16 = 4;

/// The log of the servers, which are threads of this process.
static LOG: Mutex<String> = Mutex::new(String::new());

struct LogCapture;

impl log::Log for LogCapture {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let _ = writeln!(LOG.lock().unwrap(), "{}", record.args());
    }

    fn flush(&self) {}
}

fn capture_log() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_boxed_logger(Box::new(LogCapture)).unwrap();
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

fn implicit(ip: &str) -> mioftpd::TlsConfig {
    mioftpd::TlsConfig {
        certificate: mioftpd::Certificate::SelfSigned {
            state: None,
            names: vec!["localhost".to_owned()],
        },
        listen: vec![format!("{ip}:0").parse().unwrap()],
        policy: mioftpd::SecurityPolicy::default(),
        data_session: mioftpd::DataSession::Observe,
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

/// A running `HAProxy`, killed on drop.
struct Proxy {
    child: Child,
    listeners: Vec<SocketAddr>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `HAProxy` with a listener for the control port of each server, and listeners for its passive ports.
fn start_proxy(folder: &Path, instances: &[(&Instance, u16)]) -> Proxy {
    let mut text = "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n \
                    timeout server 60s\n"
        .to_owned();
    let mut listeners = Vec::new();
    for (number, (instance, first)) in instances.iter().enumerate() {
        let listener = SocketAddr::from((Ipv4Addr::LOCALHOST, free_ports()));
        let (ip, last) = (instance.address.ip(), first + PORTS - 1);
        let address = instance.address;
        write!(
            text,
            "listen control{number}\n bind {listener}\n server one {address} send-proxy-v2\n\
             listen data{number}\n bind 127.0.0.1:{first}-{last}\n server one {ip} send-proxy-v2\n"
        )
        .unwrap();
        listeners.push(listener);
    }
    let file = folder.join("haproxy.cfg");
    fs::write(&file, text).unwrap();
    // Its warnings are not needed, and could fill a pipe.
    let mut haproxy = Command::new("haproxy");
    let child = haproxy
        .args(["-db", "-q", "-f"])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut proxy = Proxy { child, listeners };
    until("HAProxy", || {
        assert!(proxy.child.try_wait().unwrap().is_none(), "HAProxy ended");
        let greets = |listener: &SocketAddr| TcpStream::connect(listener).is_ok();
        proxy.listeners.iter().all(greets).then_some(())
    });
    proxy
}

fn curl(arguments: &[&str]) -> Command {
    let mut curl = client("curl").unwrap();
    curl.args(["--silent", "--show-error", "--interface", "127.0.0.9"]);
    curl.args(arguments);
    curl
}

/// The proxy forwards the greeting.
fn expect_greeting(listener: SocketAddr) {
    let mut line = String::new();
    let mut stream = BufReader::new(TcpStream::connect(listener).unwrap());
    stream.read_line(&mut line).unwrap();
    assert!(line.starts_with("220 "), "{line:?}");
}

fn are_installed() -> bool {
    client("curl").is_some() && client("haproxy").is_some()
}

#[test]
fn two_servers_share_a_directory_behind_one_proxy() {
    if !are_installed() {
        return;
    }
    capture_log();
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, blob) = (folder.path().join("local"), blob());
    fs::write(&here, &blob).unwrap();
    let local = here.to_str().unwrap();
    let first = free_ports();
    let ports = [first, first + PORTS];
    let one = Instance::start("127.0.0.2", ports[0], root.path(), false);
    let two = Instance::start("127.0.0.3", ports[1], root.path(), false);
    let proxy = start_proxy(folder.path(), &[(&one, ports[0]), (&two, ports[1])]);
    proxy.listeners.iter().copied().for_each(expect_greeting);
    let [left, right] = [0, 1].map(|number| format!("ftp://{}", proxy.listeners[number]));
    for (mode, name) in [("--disable-epsv", "pasv"), ("--ftp-pasv", "epsv")] {
        let up = format!("{left}/{name}");
        succeeds(&mut curl(&[mode, "--upload-file", local, &up]));
        assert!(fs::read(root.path().join(name)).unwrap() == blob, "{name}");
        let down = format!("{right}/{name}");
        assert!(succeeds(&mut curl(&[mode, &down])).stdout == blob, "{name}");
    }
    // Active mode bypasses the proxy.
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
fn sweep_at_startup_keeps_uploads_of_another_server() {
    if !are_installed() {
        return;
    }
    capture_log();
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = free_ports();
    let ports = [first, first + PORTS];
    let one = Instance::start("127.0.0.2", ports[0], root.path(), false);
    let proxy = start_proxy(folder.path(), &[(&one, ports[0])]);
    let url = format!("ftp://{}/slow", proxy.listeners[0]);
    let mut upload = curl(&["--upload-file", "-", &url])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = upload.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"one half,").unwrap();
    // A temporary file is locked before it gets bytes; the sweep may remove it until then.
    until("bytes in the upload's temporary file", || {
        let names = fs::read_dir(root.path()).unwrap().flatten();
        let mut sizes = names.map(|name| name.metadata().map_or(0, |data| data.len()));
        sizes.any(|size| size > 0).then_some(())
    });
    let two = Instance::start("127.0.0.3", ports[1], root.path(), false);
    expect_direct_greeting(two.address);
    until("the end of its sweep", || {
        // The sweeper has the lowest priority: a busy loop here could starve it.
        thread::sleep(Duration::from_millis(1));
        let log = LOG.lock().unwrap();
        log.contains("none to remove, 1 in use").then_some(())
    });
    std::io::Write::write_all(&mut input, b" the other").unwrap();
    drop(input);
    assert!(upload.wait().unwrap().success());
    let slow = fs::read(root.path().join("slow")).unwrap();
    assert_eq!(slow, b"one half, the other");
}

/// The greeting of a server that expects a PROXY header, without a proxy.
fn expect_direct_greeting(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, b"PROXY UNKNOWN\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("220 "), "{line:?}");
}

#[test]
#[cfg(feature = "tls")]
fn tls_hello_follows_the_proxy_header() {
    if !are_installed() {
        return;
    }
    let (root, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (here, blob) = (folder.path().join("local"), blob());
    fs::write(&here, &blob).unwrap();
    let first = free_ports();
    let one = Instance::start("127.0.0.2", first, root.path(), true);
    let proxy = start_proxy(folder.path(), &[(&one, first)]);
    let url = format!("ftps://{}/blob", proxy.listeners[0]);
    let local = here.to_str().unwrap();
    succeeds(&mut curl(&["--insecure", "--upload-file", local, &url]));
    assert!(fs::read(root.path().join("blob")).unwrap() == blob);
    assert!(succeeds(&mut curl(&["--insecure", &url])).stdout == blob);
}
