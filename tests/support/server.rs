//! The server as a child process: started on a port that the system chooses, its log
//! drained and searchable, killed when the test is over.
//!
//! The port is learnt as a user learns it, from the log line `Start serving at …`.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tempfile::TempDir;

use super::tls::TlsClient;
use super::{Control, DEADLINE};

/// The program under test.
pub fn binary() -> OsString {
    std::env::var_os("MIOFTPD_TEST_SERVER").unwrap_or_else(|| env!("CARGO_BIN_EXE_mioftpd").into())
}

/// The program under test with an environment that cannot change what it does.
pub fn mioftpd<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .env_remove("MIOFTPD_PASSWORD")
        .env("TZ", "UTC")
        .stdin(Stdio::null());
    command
}

/// How a server is to be started; `Server::…` has the usual ones.
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
    /// Adds an address to listen on; with none at all it is `127.0.0.1:0`.
    pub fn listen(mut self, address: &str) -> Self {
        self.listen.push(address.into());
        self
    }

    /// Adds an address where TLS begins at once.
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

    /// Has it show its descriptors to who started it: in its sandbox only root sees them.
    pub fn observable(self) -> Self {
        self.argument("--no-sandbox")
    }

    /// Serves a new temporary directory that `fill` may put something into.
    pub fn serving(mut self, fill: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fill(directory.path());
        self.directory = Some(directory);
        self
    }

    /// Serves a directory that another server had.
    pub fn serving_again(mut self, directory: TempDir) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Starts another program than the one under test, which takes no arguments of ours: it finds
    /// what to serve in `MIOFTPD_TEST_ROOT`, and logs what the one under test would.
    pub fn program(mut self, words: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.program = Some(words.into_iter().map(Into::into).collect());
        self
    }

    fn command(&self) -> Command {
        let root = self.directory.as_ref().map(TempDir::path);
        if let Some(words) = &self.program {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).stdin(Stdio::null());
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

    /// Starts the server and waits until it serves.
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
        .unwrap_or_else(|e| panic!("not an address in the log: {text:?}: {e}"))
}

/// A running server; dropped, it is killed.
pub struct Server {
    child: Child,
    log: Arc<Log>,
    addresses: Vec<SocketAddr>,
    secure_addresses: Vec<SocketAddr>,
    directory: Option<TempDir>,
}

impl Server {
    /// A server that exports nothing.
    pub fn control_only() -> Self {
        Starter::default().start()
    }

    /// A server whose directory anonymous may read.
    pub fn read_only(fill: impl FnOnce(&Path)) -> Self {
        Starter::default().serving(fill).start()
    }

    /// A server whose directory anonymous may write.
    pub fn writable(fill: impl FnOnce(&Path)) -> Self {
        Starter::default()
            .argument("--writable")
            .serving(fill)
            .start()
    }

    /// The first address that it serves at.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// All addresses that it serves at, in the order of the command line.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first address where TLS begins at once.
    pub fn secure_address(&self) -> SocketAddr {
        self.secure_addresses[0]
    }

    /// The directory that is served.
    pub fn root(&self) -> &Path {
        self.directory.as_ref().expect("a served directory").path()
    }

    /// A file in the served directory.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.root().join(name)
    }

    /// The names in the served directory, hidden ones too, sorted.
    pub fn names(&self) -> Vec<OsString> {
        let entries = std::fs::read_dir(self.root()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    /// A client that has read the greeting.
    pub fn connect(&self) -> Control {
        Control::connect(self.address())
    }

    /// A client that is logged in as anonymous.
    pub fn login(&self) -> Control {
        Control::login(self.address())
    }

    /// A client whose control connection is secured, and whose data connections are, logged in
    /// as anonymous.
    pub fn private(&self, client: &TlsClient) -> Control {
        Control::private(self.address(), client)
    }

    /// The first log line with `needle` in it, waited for.
    pub fn wait_for_log(&self, needle: &str) -> String {
        self.log.wait_for(needle)
    }

    /// Everything that was logged until now.
    pub fn log(&self) -> String {
        self.log.state.lock().unwrap().text.clone()
    }

    /// Sends SIGKILL, waits for the end, and hands over what was served.
    pub fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.directory.take().expect("a served directory")
    }

    /// Its process id, as /proc has it.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Has it read its certificate again: SIGHUP.
    pub fn reload(&self) {
        kill_process(self.pid(), Signal::HUP).unwrap();
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        kill_process(self.pid(), Signal::HUP).unwrap();
    }

    /// Has it stand still, whatever comes, until it is to [`resume`](Self::resume).
    pub fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Has it go on.
    pub fn resume(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// Waits for the process to end by itself.
    pub fn wait(&mut self) -> ExitStatus {
        // Its end closes its standard error: that can be waited for with a deadline.
        self.log.wait_for_end();
        self.child.wait().unwrap()
    }

    /// Whether one of its threads has this name.
    pub fn has_thread(&self, name: &str) -> bool {
        let folder = format!("/proc/{}/task", self.child.id());
        let mut tasks = std::fs::read_dir(folder).unwrap();
        tasks.any(|task| {
            let comm = std::fs::read_to_string(task.unwrap().path().join("comm"));
            comm.is_ok_and(|comm| comm.trim_end() == name)
        })
    }

    /// How many descriptors it has open, where it is [observable](Starter::observable).
    pub fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.child.id());
        std::fs::read_dir(folder).unwrap().count()
    }

    /// Its resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.unwrap().trim().trim_end_matches(" kB");
        number.parse().unwrap()
    }

    /// Sets one of its limits.
    pub fn set_limit(&self, resource: Resource, limit: Rlimit) {
        prlimit(Some(self.pid()), resource, limit).unwrap();
    }

    fn wait_for_addresses(&self, prefix: &str) -> Vec<SocketAddr> {
        let line = self.wait_for_log(prefix);
        let (_, list) = line.split_once(prefix).unwrap();
        list.split(", ").map(|text| address(text.trim())).collect()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            return eprintln!("--- log of the server\n{}---", self.log());
        }
        // Whatever has failed in a test, its log says it in words.
        assert!(!self.log().contains("(os error "), "{}", self.log());
    }
}

/// What the server wrote on standard error, growing.
#[derive(Default)]
struct Log {
    state: Mutex<LogState>,
    grown: Condvar,
}

#[derive(Default)]
struct LogState {
    text: String,
    ended: bool,
}

impl Log {
    /// Reads to the end, so that the server never waits on a full pipe.
    fn drain(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).split(b'\n') {
            let Ok(line) = line else { break };
            let mut state = self.state.lock().unwrap();
            state.text.push_str(&String::from_utf8_lossy(&line));
            state.text.push('\n');
            self.grown.notify_all();
        }
        self.state.lock().unwrap().ended = true;
        self.grown.notify_all();
    }

    fn wait_for(&self, needle: &str) -> String {
        let found = |state: &LogState| {
            let line = state.text.lines().find(|line| line.contains(needle));
            line.map(str::to_owned)
        };
        self.wait(|state| found(state).is_some() || state.ended);
        let line = found(&self.state.lock().unwrap());
        // Not with the lock held: the server that is dropped then wants to print its log.
        line.unwrap_or_else(|| panic!("no log line {needle:?}"))
    }

    fn wait_for_end(&self) {
        self.wait(|state| state.ended);
        let ended = self.state.lock().unwrap().ended;
        assert!(ended, "the server does not end");
    }

    /// Until `enough`, or the deadline is over.
    fn wait(&self, enough: impl Fn(&LogState) -> bool) {
        let end = Instant::now() + DEADLINE;
        let mut state = self.state.lock().unwrap();
        while !enough(&state) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.grown.wait_timeout(state, left).unwrap().0;
        }
    }
}
