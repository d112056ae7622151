//! A control connection of the server: lines, commands, replies, transfers.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::thread;
use std::time::Duration;

use super::data::Way;
use super::store::Store;
use super::wire::{Wire, old_hello};
use super::{Lie, Shared};
use crate::support::DEADLINE;

/// What a session that is left alone says nothing for, if the server is impatient: longer than the time-out
/// of a reply.
const MOMENT: Duration = Duration::from_secs(4);

const FEATURES: [&str; 11] = [
    "AUTH TLS",
    "EPRT",
    "EPSV",
    "MDTM",
    "MLST type*;size*;modify*;",
    "PBSZ",
    "PROT",
    "REST STREAM",
    "SIZE",
    "TVFS",
    "UTF8",
];

pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) client: IpAddr,
    control: Option<Wire>,
    pub(super) unread: Vec<u8>,
    pub(super) way: Option<Way>,
    pub(super) is_protected: bool,
    pub(super) type_code: u8,
    pub(super) rest: usize,
    renamed: Vec<u8>,
    pub(super) is_extended_only: bool,
    is_logged_in: bool,
}

impl Session {
    pub(super) fn new(client: TcpStream, shared: Arc<Shared>) -> io::Result<Self> {
        let address = client.peer_addr()?.ip();
        let control = Wire::new(client)?;
        let is_impatient = matches!(shared.lie, Lie::ImpatientWithIdle | Lie::ForgetsIdle);
        // The session that the probe leaves alone is that after EPSV ALL.
        if is_impatient && shared.is_last.load(Ordering::Relaxed) {
            control.socket().set_read_timeout(Some(MOMENT))?;
        }
        Ok(Self {
            shared,
            client: address,
            control: Some(control),
            unread: Vec::new(),
            way: None,
            is_protected: false,
            type_code: b'A',
            rest: 0,
            renamed: Vec::new(),
            is_extended_only: false,
            is_logged_in: false,
        })
    }

    pub(super) fn run(mut self, number: usize) -> io::Result<()> {
        if self.shared.lie == Lie::SlowGreeting && number == 0 {
            thread::sleep(Duration::from_millis(3100));
        }
        match self.shared.lie {
            Lie::Greeting(bytes) => self.send(bytes)?,
            _ => self.send("220 Ready.\r\n")?,
        }
        loop {
            let line = match self.line() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.shared.lie == Lie::ImpatientWithIdle {
                        self.send("421 You are idle.\r\n")?;
                        return Ok(());
                    }
                    thread::sleep(DEADLINE);
                    return Ok(());
                }
                line => line?,
            };
            if self.shared.lie == Lie::LocksOut && line.starts_with(b"SIZE") {
                self.shared.is_locked.store(true, Ordering::Relaxed);
                return Ok(());
            }
            if self.shared.lie == Lie::Slow {
                thread::sleep(Duration::from_millis(20));
            }
            let reply = self.answer(&line)?;
            if !reply.is_empty() {
                self.send(&format!("{reply}\r\n"))?;
            }
            if line.eq_ignore_ascii_case(b"QUIT") {
                return Ok(());
            }
            if reply.starts_with("234") {
                self.secure()?;
            }
        }
    }

    pub(super) fn wire(&mut self) -> io::Result<&mut Wire> {
        self.control
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    pub(super) fn send(&mut self, text: &str) -> io::Result<()> {
        self.wire()?.write_all(text.as_bytes())?;
        self.wire()?.flush()
    }

    /// The next line, without its end and without Telnet codes.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let fault = self.shared.lie;
        loop {
            let end = self.unread.iter().position(|&byte| byte == b'\n');
            let is_long = fault == Lie::SplitsLongLines && self.unread.len() > 512;
            let end = if is_long {
                Some(end.unwrap_or(511).min(511))
            } else {
                end
            };
            if let Some(end) = end {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                if fault == Lie::DropsPipelined {
                    self.unread.clear();
                }
                while line.ends_with(b"\n") || line.ends_with(b"\r") {
                    line.pop();
                }
                if fault != Lie::NoTelnet {
                    line = line
                        .strip_prefix(b"\xff\xf1")
                        .map_or_else(|| line.clone(), <[u8]>::to_vec);
                }
                return Ok(line);
            }
            let mut buffer = [0; 4096];
            match self.wire()?.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.unread.extend_from_slice(&buffer[..count]),
            }
        }
    }

    fn secure(&mut self) -> io::Result<()> {
        let fault = self.shared.lie;
        let Some(wire) = self.control.take() else {
            return Ok(());
        };
        if fault == Lie::NoHandshake {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if fault != Lie::ObeysInjected {
            self.unread.clear();
        }
        if fault == Lie::OldTls
            && let Some(minor) = old_hello(wire.socket())?
        {
            let mut socket = wire.socket();
            return socket.write_all(&[22, 3, minor, 0, 50, 2, 0, 0, 46, 3, minor]);
        }
        self.control = Some(wire.secured(&self.shared.tls)?.0);
        Ok(())
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store.lock().unwrap()
    }

    /// The reply to a command, without its end; empty for none.
    fn answer(&mut self, line: &[u8]) -> io::Result<String> {
        let fault = self.shared.lie;
        match fault {
            Lie::Reply(command, reply) if line.starts_with(command.as_bytes()) => {
                return Ok(reply.to_owned());
            }
            Lie::Lacks(_, command) if line.starts_with(command.as_bytes()) => {
                return Ok("500 What?".to_owned());
            }
            _ => {}
        }
        let blank = line
            .iter()
            .position(|&byte| byte == b' ')
            .unwrap_or(line.len());
        let (verb, argument) = (&line[..blank], line.get(blank + 1..).unwrap_or_default());
        let verb = String::from_utf8_lossy(verb).into_owned();
        let verb = if fault == Lie::CaseSensitive {
            verb
        } else {
            verb.to_ascii_uppercase()
        };
        let is_free = [
            "USER", "PASS", "FEAT", "AUTH", "QUIT", "NOOP", "PBSZ", "PROT", "SYST",
        ];
        if !self.is_logged_in && !is_free.contains(&verb.as_str()) {
            return Ok("530 Log in first.".to_owned());
        }
        match verb.as_str() {
            "PASV" | "EPSV" | "PORT" | "EPRT" | "PBSZ" | "PROT" => self.negotiate(&verb, argument),
            "LIST" | "MLSD" | "NLST" | "RETR" | "STOR" | "APPE" => self.transfer(&verb, argument),
            _ => Ok(self
                .simple(&verb, argument)
                .or_else(|| self.file(&verb, argument))
                .unwrap_or_else(|| "500 What?".to_owned())),
        }
    }

    fn simple(&mut self, verb: &str, argument: &[u8]) -> Option<String> {
        Some(match (verb, argument) {
            ("USER", _) => "331 Password?".to_owned(),
            ("PASS", _) if self.shared.is_locked.load(Ordering::Relaxed) => "530 No.".to_owned(),
            ("PASS", _) => {
                self.is_logged_in = true;
                "230 Welcome.".to_owned()
            }
            ("FEAT", _) => self.features(),
            ("AUTH", b"TLS") => "234 Go on.".to_owned(),
            ("QUIT", _) => "221 Bye.".to_owned(),
            ("SYST", _) => "215 UNIX Type: L8".to_owned(),
            ("TYPE", b"I" | b"A") => {
                self.type_code = argument[0];
                "200 Ok.".to_owned()
            }
            ("NOOP", _) | ("MODE", b"S") | ("STRU", b"F") | ("OPTS", b"UTF8 ON") => {
                "200 Ok.".to_owned()
            }
            ("TYPE" | "MODE" | "STRU" | "OPTS", _) => "501 What?".to_owned(),
            ("PWD", _) => "257 \"/\"".to_owned(),
            ("ABOR", _) if self.ignores_abort() => {
                thread::sleep(DEADLINE);
                String::new()
            }
            ("ABOR", _) => "226 Nothing to abort.".to_owned(),
            ("REST", _) => {
                self.rest = String::from_utf8_lossy(argument).parse().ok()?;
                "350 Go on.".to_owned()
            }
            _ => return None,
        })
    }

    /// Whether it is one that a transfer is to end by.
    fn ignores_abort(&self) -> bool {
        let has_transferred = self.shared.downloads.load(Ordering::Relaxed) > 0;
        self.shared.lie == Lie::IgnoresAbort && has_transferred
    }

    fn features(&self) -> String {
        let fault = self.shared.lie;
        let mut lines: Vec<&str> = FEATURES.into();
        match fault {
            Lie::Feature(line) => lines.push(line),
            Lie::Unclaimed(begin) | Lie::Lacks(begin, _) => {
                lines.retain(|line| !line.starts_with(begin));
            }
            _ => {}
        }
        let blank = if fault == Lie::UnindentedFeatures {
            ""
        } else {
            " "
        };
        let lines = lines.iter().map(|line| format!("{blank}{line}\r\n"));
        format!("211-Features:\r\n{}211 End", lines.collect::<String>())
    }

    fn file(&mut self, verb: &str, argument: &[u8]) -> Option<String> {
        let path = argument.strip_prefix(b"/").unwrap_or(argument).to_vec();
        let fault = self.shared.lie;
        let renamed = std::mem::take(&mut self.renamed);
        if verb == "RNFR" {
            self.renamed.clone_from(&path);
        }
        let mut store = self.store();
        let missing = || "550 No such file.".to_owned();
        let done = |is_done: bool| {
            if is_done {
                "250 Done.".to_owned()
            } else {
                missing()
            }
        };
        Some(match verb {
            "SIZE" => match store.files.get(&path) {
                Some(found) if fault == Lie::SmallSizes => format!("213 {}", found.bytes.len() - 1),
                Some(found) => format!("213 {}", found.bytes.len()),
                None => missing(),
            },
            "MDTM" => store
                .date(&path, true)
                .map_or_else(missing, |date| format!("213 {date}")),
            "MLST" => match store.facts(&path) {
                Some(facts) => {
                    let name = String::from_utf8_lossy(&path);
                    format!("250-Facts:\r\n {facts} /{name}\r\n250 End")
                }
                None => missing(),
            },
            "MKD" => {
                let name = String::from_utf8_lossy(&path);
                let reply = format!("257 \"/{name}\"");
                store.directories.insert(path);
                reply
            }
            "RMD" => {
                let prefix = [path.as_slice(), b"/"].concat();
                let is_empty = !store.files.keys().any(|file| file.starts_with(&prefix));
                done(is_empty && store.directories.remove(&path))
            }
            "DELE" if fault == Lie::KeepsDeleted => done(true),
            "DELE" => {
                let path = store.stored_name(&path);
                done(store.files.remove(&path).is_some())
            }
            "RNFR" if store.files.contains_key(&path) => "350 To what?".to_owned(),
            "RNFR" => missing(),
            "RNTO" => {
                let file = store.files.remove(&renamed);
                done(file.is_some_and(|file| store.files.insert(path, file).is_none()))
            }
            _ => return None,
        })
    }
}
