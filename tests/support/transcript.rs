//! Transcripts: dialogues in text files, with the lines of the client and the expected replies.
//!
//! A [`Transcript`] is a parsed file; playing it starts a server of its own.
//!
//! ```text
//! # subject (RFC 959 §4.1.3)               title; it cites its source
//! ! mode: writable                         control-only | serve | writable | user (alice, "secret")
//! ! address: ipv6                          default ipv4
//! ! option: --allow-combine                an argument for the server
//! ! feature: digests                       skipped if the program is built without it
//! ! tls            ! tls: implicit         a self-signed certificate; the same with implicit TLS
//! ! tls: client NAME                       the same with a client certificate for this common name
//! ! login                                  log in first; by default the greeting is the first line
//! ! file NAME CONTENT     ! dir NAME       the served files
//! C: RETR x      R: bytes\xff              send a line, or raw bytes
//! S: 250 *       S: ...      S: <closed>   expect a line; skip lines up to the next `S:`; the end
//! T: <tls>         T: <tls 1.2>            the handshake; with this version only
//! T: <alert>       T: <clear>              expect a fatal alert and the end; end TLS both ways
//! D: EPSV                                  set up the data connection: EPSV, PASV, PORT, EPRT
//! D> hello\r\n                             expect these bytes on it, and its end
//! D~ *name\r\n   D? *\r\n                  expect lines in any order, each once; `D?` is optional
//! D< hello                                 send these bytes on it, and close
//! F: NAME CONTENT   F- NAME   F/ NAME      check the disk: a file, no file, a directory
//! ```
//!
//! Data connections use TLS as negotiated by PROT, AUTH or implicit TLS. Consecutive `D>`, `D<` or `D~`
//! lines are one step. [`pattern`](super::pattern) defines bytes and patterns.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::certificates::{Authority, Identity};
use super::pattern::{Pattern, unescape};
use super::tls::{TlsClient, Version};
use super::{Control, DataChannel, Server, Starter};

/// A parsed transcript.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The text of the first line.
    pub title: String,
    mode: ServerMode,
    ipv6: bool,
    tls: Tls,
    login: bool,
    options: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    directories: Vec<String>,
    /// Each with its line number.
    steps: Vec<(usize, Step)>,
}

#[derive(Debug, Default)]
enum ServerMode {
    ControlOnly,
    #[default]
    Serve,
    Writable,
    User,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Tls {
    #[default]
    None,
    Explicit,
    Implicit,
    /// Explicit, with a client certificate for this common name.
    Certified(String),
}

#[derive(Debug)]
enum Step {
    Send(Vec<u8>),
    Line(Pattern),
    AnyLines,
    LineAfterOthers(Pattern),
    Closed,
    /// With this version only, if given.
    Secure(Option<Version>),
    Alert,
    Unsecure,
    OpenData(String),
    Receive(Pattern),
    /// Each with whether the line is required.
    ReceiveLines(Vec<(Pattern, bool)>),
    Upload(Vec<u8>),
    File(String, Vec<u8>),
    Absent(String),
    Directory(String),
}

impl Transcript {
    /// Parses a transcript; panics on an invalid line.
    pub fn parse(text: &str) -> Self {
        let mut transcript = Self::default();
        for (index, line) in text.lines().enumerate() {
            let (kind, rest) = line.split_at_checked(2).unwrap_or((line, ""));
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            match kind {
                "# " if transcript.title.is_empty() => rest.clone_into(&mut transcript.title),
                "" | "# " | "#" => {}
                "! " => transcript.header(rest),
                _ => transcript.step(index + 1, kind, rest),
            }
        }
        transcript
    }

    /// The commands that the client sends, without arguments.
    pub fn verbs(&self) -> impl Iterator<Item = String> {
        self.steps.iter().filter_map(|(_, step)| match step {
            Step::OpenData(verb) => Some(verb.clone()),
            Step::Send(line) => {
                let verb = line.split(|b| !b.is_ascii_alphanumeric()).next()?;
                Some(String::from_utf8_lossy(verb).to_ascii_uppercase())
            }
            _ => None,
        })
    }

    /// Plays the dialogue with a new server; calls `line` with the line number of each step.
    pub fn play(&self, mut line: impl FnMut(usize)) {
        let authority = matches!(self.tls, Tls::Certified(_)).then(Authority::new);
        let server = self.server(authority.as_ref());
        let address = match self.tls {
            Tls::Implicit => server.secure_address(),
            _ => server.address(),
        };
        let mut player = Player {
            control: Control::silent(address),
            server: Some(server),
            data: None,
            identity: match (&self.tls, &authority) {
                (Tls::Certified(name), Some(authority)) => Some(authority.client(name)),
                _ => None,
            },
        };
        if self.login {
            player.control.expect(220);
            let (user, password) = match self.mode {
                ServerMode::User => ("alice", "secret"),
                _ => ("anonymous", "tests@example.org"),
            };
            player.control.log_in(user, password);
        }
        for (number, step) in &self.steps {
            line(*number);
            player.step(step);
        }
    }

    /// Plays the dialogue with a server that runs at `address`; it must not look at files.
    pub fn play_at(&self, address: SocketAddr) {
        let mut player = Player {
            control: Control::silent(address),
            server: None,
            data: None,
            identity: None,
        };
        for (_, step) in &self.steps {
            player.step(step);
        }
    }

    fn header(&mut self, text: &str) {
        let (key, value) = text.split_once(' ').unwrap_or((text, ""));
        match (key, value) {
            ("mode:", "control-only") => self.mode = ServerMode::ControlOnly,
            ("mode:", "serve") => self.mode = ServerMode::Serve,
            ("mode:", "writable") => self.mode = ServerMode::Writable,
            ("mode:", "user") => self.mode = ServerMode::User,
            ("address:", "ipv4") => self.ipv6 = false,
            ("address:", "ipv6") => self.ipv6 = true,
            // The caller has skipped the transcript if the feature is missing.
            ("feature:", _) => {}
            ("tls", "") => self.tls = Tls::Explicit,
            ("tls:", "implicit") => self.tls = Tls::Implicit,
            ("tls:", client) => {
                let name = client
                    .strip_prefix("client ")
                    .expect("implicit or client NAME");
                self.tls = Tls::Certified(name.into());
            }
            ("option:", option) => self.options.push(option.into()),
            ("login", "") => self.login = true,
            ("dir", name) => self.directories.push(name.into()),
            ("file", rest) => {
                let (name, content) = rest.split_once(' ').unwrap_or((rest, ""));
                self.files.push((name.into(), unescape(content)));
            }
            _ => panic!("invalid header: {text:?}"),
        }
    }

    fn step(&mut self, number: usize, kind: &str, text: &str) {
        let pattern = Pattern::new(text);
        let step = match (kind, self.steps.last_mut().map(|(_, last)| last)) {
            ("S:", Some(last @ Step::AnyLines)) => {
                *last = Step::LineAfterOthers(pattern);
                return;
            }
            ("D>", Some(Step::Receive(whole))) => return whole.extend(&pattern),
            ("D<", Some(Step::Upload(whole))) => return whole.extend(unescape(text)),
            ("D~" | "D?", Some(Step::ReceiveLines(lines))) => {
                return lines.push((pattern, kind == "D~"));
            }
            ("C:", _) => Step::Send([unescape(text), b"\r\n".to_vec()].concat()),
            ("R:", _) => Step::Send(unescape(text)),
            ("S:", _) if text == "..." => Step::AnyLines,
            ("S:", _) if text == "<closed>" => Step::Closed,
            ("S:", _) => Step::Line(pattern),
            ("T:", _) => handshake(number, text),
            ("D:", _) => Step::OpenData(text.into()),
            ("D>", _) => Step::Receive(pattern),
            ("D~" | "D?", _) => Step::ReceiveLines(vec![(pattern, kind == "D~")]),
            ("D<", _) => Step::Upload(unescape(text)),
            ("F:", _) => {
                let (name, content) = text.split_once(' ').unwrap_or((text, ""));
                Step::File(name.into(), unescape(content))
            }
            ("F-", _) => Step::Absent(text.into()),
            ("F/", _) => Step::Directory(text.into()),
            _ => panic!("line {number}: invalid step: {kind}{text}"),
        };
        self.steps.push((number, step));
    }

    fn server(&self, authority: Option<&Authority>) -> Server {
        let listen = if self.ipv6 { "[::1]:0" } else { "127.0.0.1:0" };
        let starter = Starter::default().listen(listen);
        let starter = match (&self.tls, authority) {
            (Tls::None, _) => starter,
            (Tls::Implicit, _) => starter.argument("--tls-self-signed").listen_for_tls(listen),
            (_, None) => starter.argument("--tls-self-signed"),
            (_, Some(authority)) => starter
                .argument("--tls-self-signed")
                .argument("--tls-client-ca")
                .argument(authority.file()),
        };
        let starter = match self.mode {
            ServerMode::ControlOnly => return starter.start(),
            ServerMode::Serve => starter,
            ServerMode::Writable => starter.argument("--writable"),
            ServerMode::User => (starter.argument("--user").argument("alice"))
                .variable("MIOFTPD_PASSWORD", "secret"),
        };
        let options = self.options.iter().cloned();
        let starter = options.fold(starter, Starter::argument);
        starter.serving(|root| self.fill(root)).start()
    }

    fn fill(&self, root: &Path) {
        for name in &self.directories {
            std::fs::create_dir_all(root.join(path(name))).unwrap();
        }
        for (name, content) in &self.files {
            std::fs::write(root.join(path(name)), content).unwrap();
        }
    }
}

fn handshake(number: usize, text: &str) -> Step {
    match text {
        "<tls>" => Step::Secure(None),
        "<tls 1.2>" => Step::Secure(Some(Version::V12)),
        "<tls 1.3>" => Step::Secure(Some(Version::V13)),
        "<alert>" => Step::Alert,
        "<clear>" => Step::Unsecure,
        _ => panic!("line {number}: invalid TLS step: {text}"),
    }
}

/// An escaped name as a path, which may not be UTF-8.
fn path(name: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(unescape(name)).into()
}

/// The client and the server of a transcript being played.
struct Player {
    control: Control,
    /// Its own, if it has one.
    server: Option<Server>,
    data: Option<DataChannel>,
    identity: Option<Identity>,
}

impl Player {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Send(bytes) => self.control.send_raw(bytes),
            Step::Line(pattern) => {
                let line = self.reply_line();
                if !pattern.matches(&line) {
                    self.control.fail("unexpected line");
                }
            }
            Step::AnyLines => panic!("`S: ...` needs a line after it"),
            Step::LineAfterOthers(pattern) => while !pattern.matches(&self.reply_line()) {},
            Step::Closed => self.control.expect_end(),
            Step::Secure(version) => self.control.secure(&self.client(*version)),
            Step::Alert => self.control.expect_alert(),
            Step::Unsecure => self.control.unsecure(),
            Step::OpenData(verb) => self.data = Some(self.open_data(verb)),
            Step::Receive(pattern) => {
                let bytes = self.take_data().receive();
                let shown = bytes.escape_ascii();
                assert!(pattern.matches(&bytes), "received \"{shown}\"");
            }
            Step::ReceiveLines(patterns) => receive_lines(&self.take_data().receive(), patterns),
            Step::Upload(bytes) => self.take_data().send(bytes),
            Step::File(name, content) => {
                let found = std::fs::read(self.file(name));
                let found = found.unwrap_or_else(|e| panic!("{name}: {e}"));
                let shown = found.escape_ascii();
                assert!(&found == content, "{name} is \"{shown}\"");
            }
            Step::Absent(name) => {
                let found = self.file(name).symlink_metadata();
                assert!(found.is_err(), "{name} exists");
            }
            Step::Directory(name) => {
                let found = self.file(name);
                assert!(found.is_dir(), "{name} is not a directory");
            }
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        let server = self.server.as_ref().expect("a server of its own");
        server.file(path(name))
    }

    fn reply_line(&mut self) -> Vec<u8> {
        let line = self.control.try_line();
        line.unwrap_or_else(|| self.control.fail("the connection ended"))
    }

    fn client(&self, version: Option<Version>) -> TlsClient {
        match (&self.identity, version) {
            (Some(identity), _) => TlsClient::showing(identity),
            (None, Some(version)) => TlsClient::of(version),
            (None, None) => TlsClient::new(),
        }
    }

    fn take_data(&mut self) -> DataChannel {
        let data = self.data.take().expect("a `D:` line before");
        // A PROT since then may have changed the protection.
        data.secured_by(self.control.data_client())
    }

    fn open_data(&mut self, verb: &str) -> DataChannel {
        match verb {
            "EPSV" => DataChannel::epsv(&mut self.control),
            "PASV" => DataChannel::pasv(&mut self.control),
            "PORT" => DataChannel::port(&mut self.control),
            "EPRT" => DataChannel::eprt(&mut self.control),
            _ => panic!("not a data command: {verb:?}"),
        }
    }
}

fn receive_lines(bytes: &[u8], patterns: &[(Pattern, bool)]) {
    let mut unmatched: Vec<_> = patterns.iter().collect();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let position = unmatched
            .iter()
            .position(|(pattern, _)| pattern.matches(line));
        let shown = line.escape_ascii();
        unmatched.remove(position.unwrap_or_else(|| panic!("unexpected line \"{shown}\"")));
    }
    let missing: Vec<_> = unmatched.iter().filter(|(_, required)| *required).collect();
    let shown = bytes.escape_ascii();
    assert!(missing.is_empty(), "lines are missing in \"{shown}\"");
}
