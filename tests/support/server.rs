//! The server as a child process, on a port that the kernel chooses.
//!
//! A [`Server`] owns its process, its log, and the served directory; dropping it kills the process. A
//! thread collects the log. The port comes from the log line `Start serving at …`.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::tls::TlsClient;
use super::{Control, DEADLINE};

/// The program under test.
pub fn binary() -> OsString {
    std::env::var_os("MIOFTPD_TEST_SERVER").unwrap_or_else(|| env!("CARGO_BIN_EXE_mioftpd").into())
}

/// The program under test, without environment variables that affect it.
pub fn mioftpd<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .env_remove("MIOFTPD_PASSWORD")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

/// Builds a server process; the constructors of [`Server`] cover the usual ones.
#[derive(Default)]
pub struct Starter {
    listen: Vec<String>,
    listen_for_tls: Vec<String>,
    arguments: Vec<OsString>,
    environment: Vec<(String, String)>,
    directory: Option<TempDir>,
    program: Option<Vec<OsString>>,
}

impl Starter {
    /// Adds an address to listen on; the default is `127.0.0.1:0`.
    pub fn listen(mut self, address: &str) -> Self {
        self.listen.push(address.into());
        self
    }

    /// Adds an address for implicit TLS.
    pub fn listen_for_tls(mut self, address: &str) -> Self {
        self.listen_for_tls.push(address.into());
        self
    }

    /// Adds one argument.
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds an environment variable.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Makes the server's descriptors visible to its parent: for a sandboxed process only root sees them.
    pub fn observable(self) -> Self {
        self.argument("--no-sandbox")
    }

    /// Waits longer than usual for its clients: on a busy machine a program may get no processor for a while.
    /// Without the Cargo feature `config` it has the usual time-outs.
    pub fn patient(self) -> Self {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/patient.toml");
        if cfg!(feature = "config") {
            self.argument("--config").argument(file)
        } else {
            self
        }
    }

    /// Serves a new temporary directory with the files that `fill` creates in it.
    pub fn serving(mut self, fill: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fill(directory.path());
        self.directory = Some(directory);
        self
    }

    /// Serves the directory of an earlier server.
    pub fn serving_again(mut self, directory: TempDir) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Starts another program instead of the one under test. It gets no further arguments: the variable
    /// `MIOFTPD_TEST_ROOT` is the directory to serve, and its log must have the same lines.
    pub fn program(mut self, command_line: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.program = Some(command_line.into_iter().map(Into::into).collect());
        self
    }

    fn command(&self) -> Command {
        let root = self.directory.as_ref().map(TempDir::path);
        if let Some(command_line) = &self.program {
            let mut command = Command::new(&command_line[0]);
            command.args(&command_line[1..]).stdin(Stdio::null());
            command.envs(root.map(|root| ("MIOFTPD_TEST_ROOT", root)));
            return command;
        }
        let mut command = mioftpd::<_, &str>([]);
        if self.listen.is_empty() && self.listen_for_tls.is_empty() {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        for address in &self.listen {
            command.args(["--listen", address]);
        }
        for address in &self.listen_for_tls {
            command.args(["--tls-listen", address]);
        }
        command.args(&self.arguments).args(root);
        command
    }

    /// Starts the server and waits until it accepts connections.
    pub fn start(self) -> Server {
        let mut command = self.command();
        let mut child = command
            .envs(self.environment)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Log::default());
        let (stderr, writer) = (child.stderr.take().unwrap(), Arc::clone(&log));
        std::thread::spawn(move || writer.drain(stderr));
        let mut server = Server {
            child,
            log,
            addresses: Vec::new(),
            secure_addresses: Vec::new(),
            directory: self.directory,
        };
        if !self.listen_for_tls.is_empty() {
            server.secure_addresses = server.wait_for_addresses("Start serving FTPS at ");
        }
        if !self.listen.is_empty() || self.listen_for_tls.is_empty() {
            server.addresses = server.wait_for_addresses("Start serving at ");
        }
        server
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse()
        .unwrap_or_else(|e| panic!("the log has an invalid address {text:?}: {e}"))
}

/// A running server. Dropping it kills the process.
pub struct Server {
    child: Child,
    log: Arc<Log>,
    addresses: Vec<SocketAddr>,
    secure_addresses: Vec<SocketAddr>,
    directory: Option<TempDir>,
}

impl Server {
    /// A server without a directory.
    pub fn control_only() -> Self {
        Starter::default().start()
    }

    /// A server with a read-only directory for anonymous.
    pub fn read_only(fill: impl FnOnce(&Path)) -> Self {
        Starter::default().serving(fill).start()
    }

    /// A server with a writable directory for anonymous.
    pub fn writable(fill: impl FnOnce(&Path)) -> Self {
        Starter::default()
            .argument("--writable")
            .serving(fill)
            .start()
    }

    /// The first address.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// All addresses, in the order of the command line.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first address for implicit TLS.
    pub fn secure_address(&self) -> SocketAddr {
        self.secure_addresses[0]
    }

    /// The served directory.
    pub fn root(&self) -> &Path {
        self.directory.as_ref().expect("a served directory").path()
    }

    /// A file in the served directory.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// The names in the served directory, sorted, with hidden ones.
    pub fn names(&self) -> Vec<OsString> {
        let entries = std::fs::read_dir(self.root()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    /// Connects a client, which reads the greeting.
    pub fn connect(&self) -> Control {
        Control::connect(self.address())
    }

    /// Connects a client, which logs in as anonymous.
    pub fn login(&self) -> Control {
        Control::login(self.address())
    }

    /// Connects a client with TLS on the control and data connections, which logs in as anonymous.
    pub fn private(&self, client: &TlsClient) -> Control {
        Control::private(self.address(), client)
    }

    /// Waits for a log line that contains `needle`, and returns the first.
    pub fn wait_for_log(&self, needle: &str) -> String {
        self.log.wait_for(needle)
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.log.state.lock().unwrap().text.clone()
    }

    /// Sends SIGKILL, waits for the process, and returns the served directory.
    pub fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.directory.take().expect("a served directory")
    }

    /// The process id.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Makes the server reload its certificate: sends SIGHUP.
    pub fn reload(&self) {
        kill_process(self.pid(), Signal::HUP).unwrap();
    }

    /// Waits for the process to exit.
    pub fn wait(&mut self) -> ExitStatus {
        // Waiting for the end of standard error has a time-out, unlike `Child::wait`.
        self.log.wait_for_end();
        self.child.wait().unwrap()
    }

    fn wait_for_addresses(&self, prefix: &str) -> Vec<SocketAddr> {
        let line = self.wait_for_log(prefix);
        let (_, list) = line.split_once(prefix).unwrap();
        list.split(", ").map(|text| address(text.trim())).collect()
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if the process has exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            return eprintln!("--- log of the server\n{}---", self.log());
        }
        // The messages of the server describe errors in words, never as `(os error N)`.
        assert!(!self.log().contains("(os error "), "{}", self.log());
    }
}

/// The server's standard error so far.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    changed: Condvar,
}

#[derive(Default)]
struct LogState {
    text: String,
    ended: bool,
}

impl Log {
    /// Reads to the end, so that the server never blocks on a full pipe.
    fn drain(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).split(b'\n') {
            let Ok(line) = line else { break };
            let mut state = self.state.lock().unwrap();
            state.text.push_str(&String::from_utf8_lossy(&line));
            state.text.push('\n');
            self.changed.notify_all();
        }
        self.state.lock().unwrap().ended = true;
        self.changed.notify_all();
    }

    fn wait_for(&self, needle: &str) -> String {
        let found = |state: &LogState| {
            let line = state.text.lines().find(|line| line.contains(needle));
            line.map(str::to_owned)
        };
        self.wait(|state| found(state).is_some() || state.ended);
        let line = found(&self.state.lock().unwrap());
        // Panic without the lock: dropping the server prints its log.
        line.unwrap_or_else(|| panic!("no log line {needle:?}"))
    }

    fn wait_for_end(&self) {
        self.wait(|state| state.ended);
        let ended = self.state.lock().unwrap().ended;
        assert!(ended, "the server does not exit");
    }

    /// Waits until `condition` holds, at most [`DEADLINE`].
    fn wait(&self, condition: impl Fn(&LogState) -> bool) {
        let end = Instant::now() + DEADLINE;
        let mut state = self.state.lock().unwrap();
        while !condition(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }
}
