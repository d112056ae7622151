//! One dialogue in a text file: what a client sends and what it must see, line by line.
//!
//! ```text
//! # what it shows (RFC 959 §4.1.3)        the first line cites its source
//! ! mode: writable                         control-only | serve | writable | user (alice, "secret")
//! ! address: ipv6                          default ipv4
//! ! option: --allow-combine                 an argument for the server
//! ! feature: digests                       only where the program was built with it
//! ! tls            ! tls: implicit         with a certificate; and TLS from the first byte
//! ! tls: client NAME                       and the client shows one with this common name
//! ! login                                  begins logged in; otherwise with the greeting
//! ! file NAME CONTENT     ! dir NAME       what is served
//! C: RETR x      R: bytes\xff              the client sends a line, or bytes as they are
//! S: 250 *       S: ...      S: <closed>   a line comes; any lines up to the next; the end
//! T: <tls>         T: <tls 1.2>            the client's handshake; with this version only
//! T: <alert>       T: <clear>              refused, and closed; the end of TLS, both ways
//! D: EPSV                                  arranges data: EPSV, PASV, PORT or EPRT
//! D> hello\r\n                             all that comes on it until its end
//! D~ *name\r\n   D? *\r\n                  lines in any order, each once; D? need not come
//! D< hello                                 sends on it and closes
//! F: NAME CONTENT   F- NAME   F/ NAME      on the disk now: a file, nothing, a directory
//! ```
//!
//! Data connections are secured by themselves where PROT, AUTH or implicit TLS has it so.
//! Repeated `D>`, `D<` and `D~` lines belong together. Bytes and patterns are those of
//! [`pattern`](super::pattern).

use std::path::Path;

use super::certificates::{Authority, Identity};
use super::pattern::{Pattern, unescape};
use super::tls::{TlsClient, Version};
use super::{Control, DataChannel, Server, Starter};

/// A parsed file.
#[derive(Debug, Default)]
pub struct Transcript {
    /// What the first line says.
    pub title: String,
    mode: Mode,
    ipv6: bool,
    tls: Tls,
    login: bool,
    options: Vec<String>,
    files: Vec<(String, Vec<u8>)>,
    directories: Vec<String>,
    /// Each with the number of its line.
    steps: Vec<(usize, Step)>,
}

#[derive(Debug, Default)]
enum Mode {
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
    /// With the name that the client's certificate has.
    Certified(String),
}

#[derive(Debug)]
enum Step {
    Send(Vec<u8>),
    Line(Pattern),
    AnyLines,
    LineAfterOthers(Pattern),
    Closed,
    /// With a version, if only that will do.
    Secure(Option<Version>),
    Alert,
    Unsecure,
    Arrange(String),
    Receive(Pattern),
    /// With whether the line has to come.
    ReceiveLines(Vec<(Pattern, bool)>),
    Upload(Vec<u8>),
    File(String, Vec<u8>),
    Absent(String),
    Directory(String),
}

impl Transcript {
    /// Reads the notation; panics with the line on what is none.
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

    /// The verbs that the client sends.
    pub fn verbs(&self) -> impl Iterator<Item = String> {
        self.steps.iter().filter_map(|(_, step)| match step {
            Step::Arrange(verb) => Some(verb.clone()),
            Step::Send(line) => {
                let verb = line.split(|b| !b.is_ascii_alphanumeric()).next()?;
                Some(String::from_utf8_lossy(verb).to_ascii_uppercase())
            }
            _ => None,
        })
    }

    /// Plays the client against a new server; `line` follows where it is.
    pub fn play(&self, mut line: impl FnMut(usize)) {
        let authority = matches!(self.tls, Tls::Certified(_)).then(Authority::new);
        let server = self.server(authority.as_ref());
        let address = match self.tls {
            Tls::Implicit => server.secure_address(),
            _ => server.address(),
        };
        let mut player = Player {
            control: Control::silent(address),
            server,
            data: None,
            identity: match (&self.tls, &authority) {
                (Tls::Certified(name), Some(authority)) => Some(authority.client(name)),
                _ => None,
            },
        };
        if self.login {
            player.control.expect(220);
            let (user, password) = match self.mode {
                Mode::User => ("alice", "secret"),
                _ => ("anonymous", "tests@example.org"),
            };
            player.control.log_in(user, password);
        }
        for (number, step) in &self.steps {
            line(*number);
            player.step(step);
        }
    }

    fn header(&mut self, text: &str) {
        let (key, value) = text.split_once(' ').unwrap_or((text, ""));
        match (key, value) {
            ("mode:", "control-only") => self.mode = Mode::ControlOnly,
            ("mode:", "serve") => self.mode = Mode::Serve,
            ("mode:", "writable") => self.mode = Mode::Writable,
            ("mode:", "user") => self.mode = Mode::User,
            ("address:", "ipv4") => self.ipv6 = false,
            ("address:", "ipv6") => self.ipv6 = true,
            // Whoever plays it has looked for this.
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
            _ => panic!("not a header: {text:?}"),
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
            ("D:", _) => Step::Arrange(text.into()),
            ("D>", _) => Step::Receive(pattern),
            ("D~" | "D?", _) => Step::ReceiveLines(vec![(pattern, kind == "D~")]),
            ("D<", _) => Step::Upload(unescape(text)),
            ("F:", _) => {
                let (name, content) = text.split_once(' ').unwrap_or((text, ""));
                Step::File(name.into(), unescape(content))
            }
            ("F-", _) => Step::Absent(text.into()),
            ("F/", _) => Step::Directory(text.into()),
            _ => panic!("line {number}: not a step: {kind}{text}"),
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
            Mode::ControlOnly => return starter.start(),
            Mode::Serve => starter,
            Mode::Writable => starter.argument("--writable"),
            Mode::User => (starter.argument("--user").argument("alice"))
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
        _ => panic!("line {number}: not of TLS: {text}"),
    }
}

/// A name as bytes: it need not be UTF-8.
fn path(name: &str) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(unescape(name)).into()
}

/// The client that a transcript describes.
struct Player {
    control: Control,
    server: Server,
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
                    self.control.fail("another line was expected");
                }
            }
            Step::AnyLines => panic!("`S: ...` needs a line behind it"),
            Step::LineAfterOthers(pattern) => while !pattern.matches(&self.reply_line()) {},
            Step::Closed => self.control.expect_end(),
            Step::Secure(version) => self.control.secure(&self.client(*version)),
            Step::Alert => self.control.expect_alert(),
            Step::Unsecure => self.control.unsecure(),
            Step::Arrange(verb) => self.data = Some(self.arrange(verb)),
            Step::Receive(pattern) => {
                let bytes = self.take().receive();
                let shown = bytes.escape_ascii();
                assert!(pattern.matches(&bytes), "received \"{shown}\"");
            }
            Step::ReceiveLines(patterns) => receive_lines(&self.take().receive(), patterns),
            Step::Upload(bytes) => self.take().send(bytes),
            Step::File(name, content) => {
                let found = std::fs::read(self.server.file(path(name)));
                let found = found.unwrap_or_else(|e| panic!("{name}: {e}"));
                let shown = found.escape_ascii();
                assert!(&found == content, "{name} is \"{shown}\"");
            }
            Step::Absent(name) => {
                let found = self.server.file(path(name)).symlink_metadata();
                assert!(found.is_err(), "{name} is there");
            }
            Step::Directory(name) => {
                let found = self.server.file(path(name));
                assert!(found.is_dir(), "{name} is no directory");
            }
        }
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

    fn take(&mut self) -> DataChannel {
        let data = self.data.take().expect("a `D: …` before");
        // PROT may have come in between.
        data.secured_by(self.control.data_client())
    }

    fn arrange(&mut self, verb: &str) -> DataChannel {
        match verb {
            "EPSV" => DataChannel::epsv(&mut self.control),
            "PASV" => DataChannel::pasv(&mut self.control),
            "PORT" => DataChannel::port(&mut self.control),
            "EPRT" => DataChannel::eprt(&mut self.control),
            _ => panic!("cannot arrange {verb:?}"),
        }
    }
}

fn receive_lines(bytes: &[u8], patterns: &[(Pattern, bool)]) {
    let mut open: Vec<_> = patterns.iter().collect();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let position = open.iter().position(|(pattern, _)| pattern.matches(line));
        let shown = line.escape_ascii();
        open.remove(position.unwrap_or_else(|| panic!("unexpected line \"{shown}\"")));
    }
    let missing: Vec<_> = open.iter().filter(|(_, required)| *required).collect();
    let shown = bytes.escape_ascii();
    assert!(missing.is_empty(), "lines are missing in \"{shown}\"");
}
