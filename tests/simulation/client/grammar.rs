//! What a guest says: commands, and groups of them that belong together, drawn at random.
//!
//! Paths are absolute, so that nothing depends on where a lost CWD would have led. What the
//! guest knows of a transfer it writes down beside the line: the [`Haul`] and the [`Upload`].

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::conversation::Kind;
use super::guest::Guest;
use super::habits::{Login, Part};
use super::haul::{Expected, Goods, Haul, Manner};
use super::ledger::{Change, Upload};
use crate::content::{on_the_wire, whole};
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

    fn must(mut self, code: u16) -> Self {
        self.must = Some(code);
        self
    }
}

/// Files that nobody changes: the sizes of `/pub/0`, `/pub/1` and so on, by the pipes' capacity.
pub(crate) fn public_sizes(capacity: usize) -> [usize; 5] {
    [
        0,
        60,
        1_000,
        (capacity * 10).min(20_000),
        (capacity * 40).min(150_000),
    ]
}

impl Guest {
    /// What is said first.
    pub(super) fn login_lines(&mut self) -> Vec<Line> {
        self.is_ascii = true;
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
        match self.rng.below(20) {
            0..=10 if self.haul.is_none() => self.transfer_lines(),
            0..=16 => self.simple_lines(),
            17 | 18 => vec![self.odd_line()],
            _ if self.rng.one_in(3) => self.login_lines(),
            _ => vec![self.spoiled_line()],
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
        let mut lines = self.login_lines();
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
        lines.push(self.passive_line(fetch, None).must(229));
        // All of them have their port before the first gives its own up.
        let pause = Duration::from_secs(2);
        let retrieve = Line::new(Kind::Fetch, format!("RETR /pub/{number}"));
        lines.push(Line {
            pause,
            ..retrieve.must(226)
        });

        let (path, haul, upload) = self.upload(Change::Replace, Manner::Prompt);
        lines.push(self.passive_line(haul, Some(upload)).must(229));
        lines.push(Line::new(Kind::Store, format!("STOR {path}")).must(226));
        lines.push(Line {
            removes: Some(path.clone()),
            ..Line::new(Kind::Dele, format!("DELE {path}")).must(250)
        });
        lines
    }

    fn passive_line(&mut self, haul: Haul, upload: Option<Upload>) -> Line {
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

    fn type_line(&mut self) -> Line {
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
    fn spoiled_line(&mut self) -> Line {
        let mut line = Line::new(Kind::Noop, "NOOP");
        line.bytes = b"NOOP\n".to_vec();
        line
    }

    fn transfer_lines(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.rng.one_in(3) {
            lines.push(self.type_line());
        }
        let manner = self.manner();
        let (verb, haul, upload, restart) = self.draw_transfer(manner);
        if self.rng.one_in(20) && !self.habits.pipelines {
            // Nothing is arranged: 425, and no haul.
            lines.push(Line::new(haul.kind, verb));
            return lines;
        }
        let arrangement = self.arrange(manner);
        lines.push(Line {
            haul: Some(Box::new((haul, upload))),
            ..arrangement
        });
        lines.extend(restart);
        let kind = if verb.starts_with("RETR") {
            Kind::Fetch
        } else if verb.contains("ST /") || verb.starts_with("MLSD") {
            Kind::List
        } else {
            Kind::Store
        };
        lines.push(Line::new(kind, verb));
        if self.habits.pipelines && self.rng.one_in(4) {
            lines.push(self.interruption());
        }
        lines
    }

    fn manner(&mut self) -> Manner {
        if !self.habits.mean || self.rng.one_in(2) {
            return Manner::Prompt;
        }
        let after = self.rng.below(3_000);
        let manners = [
            Manner::Slow,
            Manner::Absent,
            Manner::Stalls(after),
            Manner::Resets(after),
            Manner::Closes(after),
        ];
        self.rng.pick(&manners)
    }

    /// The command that is to be said, and what is to come of it.
    fn draw_transfer(&mut self, manner: Manner) -> (String, Haul, Option<Upload>, Option<Line>) {
        match self.rng.below(12) {
            0..=3 => self.fetch_public(manner),
            4 => self.fetch_other(manner),
            5..=6 => self.list(manner),
            7 => {
                let (path, haul) = self.upload_shared(manner);
                (format!("STOR {path}"), haul, None, None)
            }
            8 => {
                let (path, haul, upload) = self.upload(Change::Append, manner);
                (format!("APPE {path}"), haul, Some(upload), None)
            }
            9 => {
                let (path, haul, upload) = self.upload(Change::Replace, manner);
                let verb = if upload.is_new { "STOU" } else { "STOR" };
                (format!("{verb} {path}"), haul, Some(upload), None)
            }
            _ => {
                let (path, haul, upload) = self.upload(Change::Replace, manner);
                (format!("STOR {path}"), haul, Some(upload), None)
            }
        }
    }

    fn fetch_public(&mut self, manner: Manner) -> (String, Haul, Option<Upload>, Option<Line>) {
        let number = self.rng.below(5);
        let path = format!("/pub/{number}");
        let mut bytes = self.place.memory.read(&path).unwrap_or_default();
        let mut restart = None;
        if !self.is_ascii && self.rng.one_in(4) {
            let offset = self.rng.below(bytes.len() + 1);
            restart = Some(Line::new(Kind::Rest, format!("REST {offset}")));
            bytes.drain(..offset);
        }
        let expected = Expected::Exactly(on_the_wire(&bytes, self.is_ascii));
        let goods = Goods::Receive {
            got: Vec::new(),
            expected,
        };
        (
            format!("RETR {path}"),
            Haul::new(Kind::Fetch, goods, manner),
            None,
            restart,
        )
    }

    /// A file of the guest's own, one that several write, or one that is not there.
    fn fetch_other(&mut self, manner: Manner) -> (String, Haul, Option<Upload>, Option<Line>) {
        let own = if self.habits.pipelines {
            Vec::new()
        } else {
            self.ledger.files()
        };
        let (path, expected) = if !own.is_empty() && self.rng.one_in(2) {
            let (path, bytes) = own[self.rng.below(own.len())].clone();
            (path, Expected::Exactly(on_the_wire(&bytes, self.is_ascii)))
        } else {
            let path = self
                .rng
                .pick(&["/shared/0", "/shared/1", "/pub/none", "/pub"]);
            (path.to_owned(), Expected::Whole)
        };
        let goods = Goods::Receive {
            got: Vec::new(),
            expected,
        };
        (
            format!("RETR {path}"),
            Haul::new(Kind::Fetch, goods, manner),
            None,
            None,
        )
    }

    fn list(&mut self, manner: Manner) -> (String, Haul, Option<Upload>, Option<Line>) {
        let verb = self.rng.pick(&["LIST", "NLST", "MLSD"]);
        let public = public_sizes(0).len();
        let listed = [
            ("/pub", Some(public)),
            ("/pub/", Some(public)),
            ("/up", None),
            ("/misc", None),
            ("/none", None),
        ];
        let (path, count) = self.rng.pick(&listed);
        let goods = Goods::Receive {
            got: Vec::new(),
            expected: Expected::Lines(count),
        };
        (
            format!("{verb} {path}"),
            Haul::new(Kind::List, goods, manner),
            None,
            None,
        )
    }

    fn upload_shared(&mut self, manner: Manner) -> (String, Haul) {
        let path = self.rng.pick(&["/shared/0", "/shared/1"]);
        let bytes = self.new_contents();
        let wire = on_the_wire(&bytes, self.is_ascii);
        let goods = Goods::Send {
            wire,
            sent: 0,
            finished: false,
        };
        (path.to_owned(), Haul::new(Kind::Store, goods, manner))
    }

    fn upload(&mut self, change: Change, manner: Manner) -> (String, Haul, Upload) {
        let own = if self.habits.pipelines {
            Vec::new()
        } else {
            self.ledger.files()
        };
        let is_new = own.is_empty() || self.rng.one_in(2);
        let path = if is_new {
            self.files += 1;
            let path = format!("/up/c{}-{}", self.number, self.files);
            self.ledger.open(&path, None);
            path
        } else {
            own[self.rng.below(own.len())].0.clone()
        };
        let bytes = self.new_contents();
        let wire = on_the_wire(&bytes, self.is_ascii);
        let goods = Goods::Send {
            wire,
            sent: 0,
            finished: false,
        };
        let upload = Upload {
            path: path.clone(),
            bytes,
            change,
            is_new,
        };
        (path, Haul::new(Kind::Store, goods, manner), upload)
    }

    fn new_contents(&mut self) -> Vec<u8> {
        let sizes = public_sizes(self.place.weather.capacity);
        let length = self.rng.pick(&sizes);
        whole(self.rng.draw() >> 32, self.rng.within(length / 2, length))
    }

    /// How the data connection shall come to be.
    fn arrange(&mut self, manner: Manner) -> Line {
        let ip = self.habits.ip;
        match (self.rng.below(4), ip) {
            (0, IpAddr::V4(_)) => Line::new(Kind::Passive, "PASV"),
            (0 | 1, _) => Line::new(Kind::Passive, "EPSV"),
            (choice, ip) => {
                self.ports += 1;
                let at = SocketAddr::new(ip, 30_000 + self.ports);
                let port = match manner {
                    Manner::Absent if self.rng.one_in(2) => Some(ClientPort::Hole),
                    Manner::Absent => None,
                    _ => Some(ClientPort::Open(self.number)),
                };
                let line = Line::new(Kind::Port, port_command(at, choice == 2));
                Line {
                    port: Some((at, port)),
                    ..line
                }
            }
        }
    }
}

fn port_command(at: SocketAddr, old: bool) -> String {
    match at.ip() {
        IpAddr::V4(ip) if old => {
            let [a, b, c, d] = ip.octets();
            let (high, low) = (at.port() / 256, at.port() % 256);
            format!("PORT {a},{b},{c},{d},{high},{low}")
        }
        IpAddr::V4(ip) => format!("EPRT |1|{ip}|{}|", at.port()),
        IpAddr::V6(ip) => format!("EPRT |2|{ip}|{}|", at.port()),
    }
}
