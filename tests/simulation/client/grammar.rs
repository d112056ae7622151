//! What a guest says: commands, and groups of them that belong together, drawn at random.
//!
//! Paths are absolute, so that nothing depends on where a lost CWD would have led. What the
//! guest knows of a transfer it writes down beside the line: the [`Haul`] and the [`Upload`].

use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::Kind;
use super::expected::Expected;
use super::guest::Guest;
use super::habits::{Login, Part};
use super::haul::{Goods, Haul, Manner};
use super::listed::{Form, Listed};
use super::upload::{Change, Upload};
use crate::world::ClientPort;

/// A line to be said.
pub(crate) struct Line {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    /// It is sent as urgent data, with Telnet's Synch.
    pub(crate) urgent: bool,
    /// Said no sooner than this after what was before.
    pub(crate) pause: Duration,
    /// The only final reply that is right.
    pub(crate) must: Option<u16>,
    /// The transfer that begins to be arranged with this line.
    pub(crate) haul: Option<Box<(Haul, Option<Upload>)>>,
    /// Where the guest listens for the data connection, and how; `None`: it is refused.
    pub(crate) port: Option<(SocketAddr, Option<ClientPort>)>,
    /// A file of the guest's own that goes.
    pub(crate) removes: Option<String>,
}

impl Line {
    pub(crate) fn new(kind: Kind, text: impl AsRef<[u8]>) -> Self {
        Self {
            kind,
            bytes: [text.as_ref(), b"\r\n"].concat(),
            urgent: false,
            pause: Duration::ZERO,
            must: None,
            haul: None,
            port: None,
            removes: None,
        }
    }

    pub(super) fn must(mut self, code: u16) -> Self {
        self.must = Some(code);
        self
    }
}

impl Guest {
    /// What is said first.
    pub(super) fn login_lines(&self) -> Vec<Line> {
        let (name, password) = match self.habits.login {
            Login::Named => ("ann", "secret"),
            Login::Anonymous => ("anonymous", "me@"),
            Login::Wrong => ("ann", "guess"),
            Login::Never => return Vec::new(),
        };
        let lines = [
            Line::new(Kind::User, format!("USER {name}")),
            Line::new(Kind::Pass, format!("PASS {password}")),
        ];
        lines.into()
    }

    /// The next command, or group.
    pub(super) fn next_lines(&mut self) -> Vec<Line> {
        if self.habits.part == Part::Probe {
            return vec![Line::new(Kind::Noop, "NOOP")];
        }
        if self.habits.guesses {
            return self.login_lines();
        }
        if let Some(lines) = self.perhaps_sly_lines() {
            return lines;
        }
        if self.cover.keys.is_some() && self.rng.one_in(12) {
            return self.security_lines();
        }
        match self.rng.below(20) {
            0..=10 if self.haul.is_none() => self.transfer_lines(),
            0..=16 => self.simple_lines(),
            17 | 18 => vec![self.odd_line()],
            _ if self.rng.one_in(3) => self.login_lines(),
            _ => vec![Self::spoiled_line()],
        }
    }

    /// What is said in the middle of a transfer.
    pub(super) fn interruption(&mut self) -> Line {
        match self.rng.below(8) {
            0..=2 => Line::new(Kind::Abor, "ABOR"),
            3 => Line {
                urgent: true,
                ..Line::new(Kind::Abor, "ABOR")
            },
            4..=5 => Line::new(Kind::Stat, "STAT"),
            6 => Line::new(Kind::Noop, "noop"),
            _ => Line::new(Kind::Pwd, "PWD"),
        }
    }

    /// Everything that an inspector does, and what must come of it.
    pub(super) fn inspection(&mut self) -> Vec<Line> {
        if self.place.control_only {
            return vec![
                Line::new(Kind::Noop, "NOOP").must(200),
                Line::new(Kind::Garbage, "STOR x").must(502),
            ];
        }
        let mut lines = self.opening_lines();
        lines.push(Line::new(Kind::Type, "TYPE I").must(200));
        self.is_ascii = false;
        let number = 2 + self.number % 3;
        let bytes = self
            .place
            .memory
            .read(&format!("/pub/{number}"))
            .unwrap_or_default();
        let goods = Goods::Receive {
            got: Vec::new(),
            expected: Expected::Exactly(bytes),
        };
        let fetch = Haul::new(Kind::Fetch, goods, Manner::Prompt);
        lines.push(Self::passive_line(fetch, None).must(229));
        // All of them have their port before the first gives its own up.
        let pause = Duration::from_secs(2);
        let retrieve = Line::new(Kind::Fetch, format!("RETR /pub/{number}"));
        lines.push(Line {
            pause,
            ..retrieve.must(226)
        });

        if self.habits.walks {
            lines.extend(self.walk_lines());
        }
        let (path, haul, upload) = self.upload(Change::Replace, Manner::Prompt);
        lines.push(Self::passive_line(haul, Some(upload)).must(229));
        lines.push(Line::new(Kind::Store, format!("STOR {path}")).must(226));
        lines.push(Line {
            removes: Some(path.clone()),
            ..Line::new(Kind::Dele, format!("DELE {path}")).must(250)
        });
        lines
    }

    /// What needs much memory, for which there is a place again when nobody is there.
    fn walk_lines(&self) -> [Line; 2] {
        let listed = Listed::all(Form::Deep, "/pub", &self.place.memory);
        let goods = Goods::Receive {
            got: Vec::new(),
            expected: Expected::Listed(listed),
        };
        let walk = Haul::new(Kind::List, goods, Manner::Prompt);
        [
            Self::passive_line(walk, None).must(229),
            Line::new(Kind::List, "LIST -R /pub").must(226),
        ]
    }

    fn passive_line(haul: Haul, upload: Option<Upload>) -> Line {
        let haul = Some(Box::new((haul, upload)));
        Line {
            haul,
            ..Line::new(Kind::Passive, "EPSV")
        }
    }

    fn simple_lines(&mut self) -> Vec<Line> {
        let place = self
            .rng
            .pick(&["/", "/pub", "/pub/2", "/misc", "/none/none", "/misc/a b"]);
        let digit = self.rng.below(4);
        let line = match self.rng.below(22) {
            0 | 1 => Line::new(Kind::Noop, self.rng.pick(&["NOOP", "noop", "NoOp"])),
            2 => Line::new(Kind::Pwd, self.rng.pick(&["PWD", "XPWD"])),
            3 => Line::new(Kind::Cwd, format!("CWD {place}")),
            4 => Line::new(Kind::Cwd, "CDUP"),
            5 => Line::new(Kind::Mkd, format!("MKD /misc/d{digit}")),
            6 => Line::new(Kind::Rmd, format!("RMD /misc/d{digit}")),
            7 => return self.removal(),
            8 => {
                let to = self.rng.below(4);
                let from = Line::new(Kind::Rnfr, format!("RNFR /misc/d{digit}"));
                return vec![from, Line::new(Kind::Rnto, format!("RNTO /misc/d{to}"))];
            }
            9 => Line::new(Kind::Size, format!("SIZE {place}")),
            10 => Line::new(Kind::Mdtm, format!("MDTM {place}")),
            11 => Line::new(Kind::Mlst, format!("MLST {place}")),
            12 => Line::new(Kind::Stat, "STAT"),
            13 => Line::new(Kind::StatPath, format!("STAT {place}")),
            14 => Line::new(
                Kind::Help,
                self.rng.pick(&["HELP", "HELP RETR", "HELP XYZ"]),
            ),
            15 => Line::new(Kind::Feat, "FEAT"),
            16 => Line::new(Kind::Syst, "SYST"),
            17 => Line::new(
                Kind::Opts,
                self.rng
                    .pick(&["OPTS UTF8 ON", "OPTS MLST size;", "OPTS X"]),
            ),
            18 => return vec![self.type_line()],
            19 => Line::new(Kind::Abor, "ABOR"),
            20 => {
                let restart = self.rng.pick(&["REST 5", "REST 0", "REST -1", "REST x"]);
                // Whatever comes between makes it forgotten.
                return vec![
                    Line::new(Kind::Rest, restart),
                    Line::new(Kind::Noop, "NOOP"),
                ];
            }
            _ => {
                self.is_ascii = true;
                let mut lines = vec![Line::new(Kind::Rein, "REIN")];
                lines.extend(self.login_lines());
                return lines;
            }
        };
        vec![line]
    }

    pub(super) fn type_line(&mut self) -> Line {
        self.is_ascii = self.rng.one_in(3);
        Line::new(Kind::Type, if self.is_ascii { "TYPE A" } else { "TYPE I" })
    }

    /// One of the guest's own files goes, if it waits for replies and so knows what it has.
    fn removal(&mut self) -> Vec<Line> {
        let files = if self.habits.pipelines {
            Vec::new()
        } else {
            self.ledger.files()
        };
        if files.is_empty() {
            return vec![Line::new(Kind::Dele, "DELE /misc/none")];
        }
        let (path, _) = &files[self.rng.below(files.len())];
        let line = Line::new(Kind::Dele, format!("DELE {path}"));
        vec![Line {
            removes: Some(path.clone()),
            ..line
        }]
    }

    /// What is no command, or none of FTP.
    fn odd_line(&mut self) -> Line {
        match self.rng.below(9) {
            0 => Line::new(Kind::Garbage, ""),
            1 => Line::new(Kind::Garbage, "XYZZY plugh"),
            2 => Line::new(Kind::Garbage, b"\xc3\xa4\xff\xff\x01\x7f"),
            3 => Line::new(Kind::Garbage, b"NOOP\0NOOP"),
            4 => Line::new(Kind::Garbage, "NOOP x"),
            5 => Line::new(Kind::Garbage, "RETR"),
            6 => Line::new(Kind::TooLong, vec![b'x'; 4097 + self.rng.below(2_000)]),
            7 => Line::new(Kind::Noop, b"\xff\xfb\x18NO\xff\xf1OP"),
            _ if self.rng.one_in(4) => Line::new(Kind::Foreign, "GET / HTTP/1.0"),
            _ => Line::new(Kind::Garbage, "ABOR now"),
        }
    }

    /// A command that is fine but for how its line ends.
    fn spoiled_line() -> Line {
        let mut line = Line::new(Kind::Noop, "NOOP");
        line.bytes = b"NOOP\n".to_vec();
        line
    }
}
