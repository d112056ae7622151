//! The commands of a client, and groups of them, drawn at random.
//!
//! Paths are absolute, so that a lost CWD changes nothing. The line of a transfer carries what the client
//! expects of it: the [`Transfer`].

use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::CommandKind;
use super::expected::Expected;
use super::ftp_client::FtpClient;
use super::listing::{ExpectedListing, Form};
use super::profile::{Login, Role};
use super::transfer::{Behaviour, Transfer};
use super::upload::Change;
use crate::world::ClientPort;

/// A line to be sent. Plain data.
pub(crate) struct Line {
    pub(crate) kind: CommandKind,
    pub(crate) bytes: Vec<u8>,
    /// Sent as urgent data, with Telnet Synch.
    pub(crate) urgent: bool,
    /// Least pause after the previous line.
    pub(crate) pause: Duration,
    /// The only legal final code.
    pub(crate) must: Option<u16>,
    /// The transfer that this line sets up.
    pub(crate) transfer: Option<Box<Transfer>>,
    /// The client's listening port, and what the server meets there; `None`: refused.
    pub(crate) port: Option<(SocketAddr, Option<ClientPort>)>,
    /// The client's own file that it deletes.
    pub(crate) removes: Option<String>,
}

impl Line {
    pub(crate) fn new(kind: CommandKind, text: impl AsRef<[u8]>) -> Self {
        Self {
            kind,
            bytes: [text.as_ref(), b"\r\n"].concat(),
            urgent: false,
            pause: Duration::ZERO,
            must: None,
            transfer: None,
            port: None,
            removes: None,
        }
    }

    pub(super) fn must(mut self, code: u16) -> Self {
        self.must = Some(code);
        self
    }
}

impl FtpClient {
    /// The login.
    pub(super) fn login_lines(&self) -> Vec<Line> {
        let (name, password) = match self.profile.login {
            Login::Named => ("ann", "secret"),
            Login::Anonymous => ("anonymous", "me@"),
            Login::Wrong => ("ann", "guess"),
            Login::Never => return Vec::new(),
        };
        let lines = [
            Line::new(CommandKind::User, format!("USER {name}")),
            Line::new(CommandKind::Pass, format!("PASS {password}")),
        ];
        lines.into()
    }

    /// The next command or group.
    pub(super) fn next_lines(&mut self) -> Vec<Line> {
        if self.profile.role == Role::Probe {
            return vec![Line::new(CommandKind::Noop, "NOOP")];
        }
        if self.profile.only_logs_in {
            return self.login_lines();
        }
        if let Some(lines) = self.maybe_adversarial_lines() {
            return lines;
        }
        if self.control.has_tls() && self.rng.one_in(12) {
            return self.security_lines();
        }
        match self.rng.below(20) {
            0..=10 if self.transfer.is_none() => self.transfer_lines(),
            0..=16 => self.simple_lines(),
            17 | 18 => vec![self.garbage_line()],
            _ if self.rng.one_in(3) => self.login_lines(),
            _ => vec![Self::bad_line_end()],
        }
    }

    /// A command during a transfer.
    pub(super) fn interruption(&mut self) -> Line {
        match self.rng.below(8) {
            0..=2 => Line::new(CommandKind::Abor, "ABOR"),
            3 => Line {
                urgent: true,
                ..Line::new(CommandKind::Abor, "ABOR")
            },
            4..=5 => Line::new(CommandKind::Stat, "STAT"),
            6 => Line::new(CommandKind::Noop, "noop"),
            _ => Line::new(CommandKind::Pwd, "PWD"),
        }
    }

    /// All commands of an inspector, with the required replies.
    pub(super) fn inspection(&mut self) -> Vec<Line> {
        if self.config.control_only {
            return vec![
                Line::new(CommandKind::Noop, "NOOP").must(200),
                Line::new(CommandKind::Garbage, "STOR x").must(502),
            ];
        }
        let mut lines = self.opening_lines();
        lines.push(Line::new(CommandKind::Type, "TYPE I").must(200));
        self.script.set_type(false);
        let number = 2 + self.number % 3;
        let bytes = self
            .config
            .memory
            .read(&format!("/pub/{number}"))
            .unwrap_or_default();
        let expected = Expected::Exactly(bytes);
        let fetch = Transfer::receiving(CommandKind::Fetch, expected, Behaviour::Prompt);
        lines.push(Self::passive_line(fetch).must(229));
        // All inspectors hold a port before the first releases its own.
        let pause = Duration::from_secs(2);
        let retrieve = Line::new(CommandKind::Fetch, format!("RETR /pub/{number}"));
        lines.push(Line {
            pause,
            ..retrieve.must(226)
        });

        if self.profile.walks {
            lines.extend(self.walk_lines());
        }
        let (path, transfer) = self.upload_drawn(Change::Replace, Behaviour::Prompt);
        lines.push(Self::passive_line(transfer).must(229));
        lines.push(Line::new(CommandKind::Store, format!("STOR {path}")).must(226));
        lines.push(Line {
            removes: Some(path.clone()),
            ..Line::new(CommandKind::Dele, format!("DELE {path}")).must(250)
        });
        lines
    }

    /// Recursive listings, which need a permit for their memory; all permits are free by now.
    fn walk_lines(&self) -> [Line; 2] {
        let listing = ExpectedListing::all(Form::Deep, "/pub", &self.config.memory);
        let expected = Expected::ExpectedListing(listing);
        let walk = Transfer::receiving(CommandKind::List, expected, Behaviour::Prompt);
        [
            Self::passive_line(walk).must(229),
            Line::new(CommandKind::List, "LIST -R /pub").must(226),
        ]
    }

    fn passive_line(transfer: Transfer) -> Line {
        Line {
            transfer: Some(Box::new(transfer)),
            ..Line::new(CommandKind::Passive, "EPSV")
        }
    }

    fn simple_lines(&mut self) -> Vec<Line> {
        let config = self
            .rng
            .pick(&["/", "/pub", "/pub/2", "/misc", "/none/none", "/misc/a b"]);
        let digit = self.rng.below(4);
        let line = match self.rng.below(22) {
            0 | 1 => Line::new(CommandKind::Noop, self.rng.pick(&["NOOP", "noop", "NoOp"])),
            2 => Line::new(CommandKind::Pwd, self.rng.pick(&["PWD", "XPWD"])),
            3 => Line::new(CommandKind::Cwd, format!("CWD {config}")),
            4 => Line::new(CommandKind::Cwd, "CDUP"),
            5 => Line::new(CommandKind::Mkd, format!("MKD /misc/d{digit}")),
            6 => Line::new(CommandKind::Rmd, format!("RMD /misc/d{digit}")),
            7 => return self.removal(),
            8 => {
                let to = self.rng.below(4);
                let from = Line::new(CommandKind::Rnfr, format!("RNFR /misc/d{digit}"));
                return vec![
                    from,
                    Line::new(CommandKind::Rnto, format!("RNTO /misc/d{to}")),
                ];
            }
            9 => Line::new(CommandKind::Size, format!("SIZE {config}")),
            10 => Line::new(CommandKind::Mdtm, format!("MDTM {config}")),
            11 => Line::new(CommandKind::Mlst, format!("MLST {config}")),
            12 => Line::new(CommandKind::Stat, "STAT"),
            13 => Line::new(CommandKind::StatPath, format!("STAT {config}")),
            14 => Line::new(
                CommandKind::Help,
                self.rng.pick(&["HELP", "HELP RETR", "HELP XYZ"]),
            ),
            15 => Line::new(CommandKind::Feat, "FEAT"),
            16 => Line::new(CommandKind::Syst, "SYST"),
            17 => Line::new(
                CommandKind::Opts,
                self.rng
                    .pick(&["OPTS UTF8 ON", "OPTS MLST size;", "OPTS X"]),
            ),
            18 => return vec![self.type_line()],
            19 => Line::new(CommandKind::Abor, "ABOR"),
            20 => {
                let restart = self.rng.pick(&["REST 5", "REST 0", "REST -1", "REST x"]);
                // Any other command resets the offset.
                return vec![
                    Line::new(CommandKind::Rest, restart),
                    Line::new(CommandKind::Noop, "NOOP"),
                ];
            }
            _ => {
                self.script.set_type(true);
                let mut lines = vec![Line::new(CommandKind::Rein, "REIN")];
                lines.extend(self.login_lines());
                return lines;
            }
        };
        vec![line]
    }

    pub(super) fn type_line(&mut self) -> Line {
        let is_ascii = self.rng.one_in(3);
        self.script.set_type(is_ascii);
        Line::new(
            CommandKind::Type,
            if is_ascii { "TYPE A" } else { "TYPE I" },
        )
    }

    /// Deletes one of the client's own files, if it waits for replies and so knows which exist.
    fn removal(&mut self) -> Vec<Line> {
        let files = self.own_files();
        if files.is_empty() {
            return vec![Line::new(CommandKind::Dele, "DELE /misc/none")];
        }
        let (path, _) = &files[self.rng.below(files.len())];
        let line = Line::new(CommandKind::Dele, format!("DELE {path}"));
        vec![Line {
            removes: Some(path.clone()),
            ..line
        }]
    }

    /// A line that is no FTP command.
    fn garbage_line(&mut self) -> Line {
        match self.rng.below(9) {
            0 => Line::new(CommandKind::Garbage, ""),
            1 => Line::new(CommandKind::Garbage, "XYZZY plugh"),
            2 => Line::new(CommandKind::Garbage, b"\xc3\xa4\xff\xff\x01\x7f"),
            3 => Line::new(CommandKind::Garbage, b"NOOP\0NOOP"),
            4 => Line::new(CommandKind::Garbage, "NOOP x"),
            5 => Line::new(CommandKind::Garbage, "RETR"),
            6 => Line::new(
                CommandKind::TooLong,
                vec![b'x'; 4097 + self.rng.below(2_000)],
            ),
            7 => Line::new(CommandKind::Noop, b"\xff\xfb\x18NO\xff\xf1OP"),
            _ if self.rng.one_in(4) => Line::new(CommandKind::Foreign, "GET / HTTP/1.0"),
            _ => Line::new(CommandKind::Garbage, "ABOR now"),
        }
    }

    /// A valid command with an invalid line end.
    fn bad_line_end() -> Line {
        let mut line = Line::new(CommandKind::Noop, "NOOP");
        line.bytes = b"NOOP\n".to_vec();
        line
    }
}
