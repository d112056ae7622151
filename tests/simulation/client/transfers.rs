//! Transfers that a guest draws: what goes which way, over which connection, and what must come
//! of it.

use std::net::{IpAddr, SocketAddr};

use mioftpd::storage::CutUploads;

use super::conversation::Kind;
use super::expected::Expected;
use super::grammar::Line;
use super::guest::Guest;
use super::haul::{Goods, Haul, Manner};
use super::listed::{Form, Listed, MANY};
use super::upload::{Change, Upload};
use crate::content::{KINDS, in_the_file, is_sent_as_lines, on_the_wire, whole};
use crate::world::ClientPort;

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
    pub(super) fn transfer_lines(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.rng.one_in(3) {
            lines.push(self.type_line());
        }
        let manner = self.manner();
        let (verb, haul, upload, restart) = self.draw_transfer(manner);
        let is_bold = self.rng.one_in(20) && !self.habits.pipelines;
        if is_bold && haul.kind != Kind::Store {
            // Nothing is arranged, or what was for a transfer that was refused; no haul either way.
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
        if self.habits.pipelines && manner == Manner::Absent && self.rng.one_in(2) {
            lines.push(Line::new(Kind::Abor, "ABOR"));
            // And it is heard wherever it stands.
            if self.rng.aside().one_in(2) {
                lines.push(Line::new(Kind::Noop, "NOOP"));
            }
        } else if self.habits.pipelines && self.rng.one_in(4) {
            lines.push(self.interruption());
        } else if self.habits.pipelines && self.rng.one_in(8) {
            // What is heard at once stands behind what is not.
            lines.push(Line::new(Kind::TooLong, vec![b'x'; 5_000]));
            lines.push(Line::new(Kind::Stat, "STAT"));
        }
        lines
    }

    fn manner(&mut self) -> Manner {
        if !self.habits.mean || self.rng.one_in(2) {
            return Manner::Prompt;
        }
        let after = self.rng.below(3_000);
        if self.cover.is_private && self.rng.one_in(2) {
            let manners = [
                Manner::Truncates,
                Manner::Truncates,
                Manner::Truncates,
                Manner::Garbles,
                Manner::Halts(after / 10),
                Manner::Breaks(after / 10),
            ];
            return self.rng.pick(&manners);
        }
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
    pub(super) fn draw_transfer(
        &mut self,
        manner: Manner,
    ) -> (String, Haul, Option<Upload>, Option<Line>) {
        // Some ways to go are only of interest in the middle of an upload.
        let choice = if self.habits.leaves_in_an_upload() && self.rng.one_in(2) {
            11
        } else {
            self.rng.below(12)
        };
        match choice {
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
            10 if !self.is_ascii => self.upload_from(manner),
            _ => {
                let (path, haul, upload) = self.upload(Change::Replace, manner);
                (format!("STOR {path}"), haul, Some(upload), None)
            }
        }
    }

    fn fetch_public(&mut self, manner: Manner) -> (String, Haul, Option<Upload>, Option<Line>) {
        let number = self.rng.below(5);
        let path = format!("/pub/{number}");
        let length = self.place.memory.read(&path).map_or(0, |bytes| bytes.len());
        let mut offset = 0;
        let mut restart = None;
        if !self.is_ascii && self.rng.one_in(4) {
            offset = self.rng.below(length + 1);
            restart = Some(Line::new(Kind::Rest, format!("REST {offset}")));
        }
        let haul = self.fetch_of_public(&path, offset, manner);
        (format!("RETR {path}"), haul, None, restart)
    }

    pub(super) fn fetch_of_public(&self, path: &str, offset: usize, manner: Manner) -> Haul {
        let bytes = self.place.memory.read(path).unwrap_or_default();
        let rest = bytes.get(offset..).unwrap_or_default();
        let expected = Expected::Exactly(on_the_wire(rest, self.is_ascii));
        fetch(Kind::Fetch, expected, manner)
    }

    /// A file of the guest's own, one that several write, or one that is not there.
    fn fetch_other(&mut self, manner: Manner) -> (String, Haul, Option<Upload>, Option<Line>) {
        let own = self.own_files();
        let path = if !own.is_empty() && self.rng.one_in(2) {
            own[self.rng.below(own.len())].0.clone()
        } else {
            self.rng
                .pick(&["/shared/0", "/shared/1", "/pub/none", "/pub"])
                .to_owned()
        };
        let haul = self.fetch_of_other(&path, manner);
        (format!("RETR {path}"), haul, None, None)
    }

    pub(super) fn fetch_of_other(&self, path: &str, manner: Manner) -> Haul {
        let may_be_cut = self.place.cut_uploads == CutUploads::Keep;
        let expected = match self.ledger.holds(path) {
            Some(own) => Expected::Exactly(on_the_wire(&own, self.is_ascii)),
            None => Expected::Whole { may_be_cut },
        };
        fetch(Kind::Fetch, expected, manner)
    }

    /// The guest's own files, where it waits for replies and so knows what it has.
    fn own_files(&self) -> Vec<(String, Vec<u8>)> {
        if self.habits.pipelines {
            Vec::new()
        } else {
            self.ledger.files()
        }
    }

    fn list(&mut self, manner: Manner) -> (String, Haul, Option<Upload>, Option<Line>) {
        let verb = self.rng.pick(&["LIST", "NLST", "MLSD"]);
        let directories = ["/pub", "/pub/", "/up", "/misc", "/none", MANY, MANY];
        let path = self.rng.pick(&directories);
        let haul = self.list_of(verb, path, manner);
        (format!("{verb} {path}"), haul, None, None)
    }

    pub(super) fn list_of(&self, verb: &str, path: &str, manner: Manner) -> Haul {
        let directory = path.trim_end_matches('/');
        let form = match verb {
            "LIST" => Form::Long,
            "NLST" => Form::Names(directory.to_owned()),
            _ => Form::Facts,
        };
        let listed = match directory {
            "/pub" | MANY => Listed::all(form, directory, &self.place.memory),
            _ => Listed::some(form, directory, &self.own_files()),
        };
        fetch(Kind::List, Expected::Listed(listed), manner)
    }

    fn upload_shared(&mut self, manner: Manner) -> (String, Haul) {
        let path = self.rng.pick(&["/shared/0", "/shared/1"]);
        // Of plain lines, so that it is whole whichever TYPE it goes and comes by.
        let bytes = self.new_contents(true);
        let wire = on_the_wire(&bytes, self.is_ascii);
        (path.to_owned(), Haul::sending(wire, manner))
    }

    pub(super) fn upload(&mut self, change: Change, manner: Manner) -> (String, Haul, Upload) {
        let own = self.own_files();
        let is_new = own.is_empty() || self.rng.one_in(2);
        let path = if is_new {
            self.files += 1;
            format!("/up/c{}-{}", self.number, self.files)
        } else {
            own[self.rng.below(own.len())].0.clone()
        };
        let bytes = self.new_contents(false);
        let (haul, upload) = self.upload_of(&path, &bytes, change, manner);
        (path, haul, upload)
    }

    pub(super) fn upload_of(
        &mut self,
        path: &str,
        bytes: &[u8],
        change: Change,
        manner: Manner,
    ) -> (Haul, Upload) {
        let is_new = self.ledger.holds(path).is_none();
        if is_new {
            self.ledger.open(path, None);
        }
        let is_proper = self.is_ascii && is_sent_as_lines(bytes);
        let wire = on_the_wire(bytes, is_proper);
        let upload = Upload {
            path: path.to_owned(),
            bytes: in_the_file(&wire, self.is_ascii),
            change,
            is_text: self.is_ascii,
            is_new,
            // Text is not kept, for nobody could go on behind it.
            is_kept: self.place.cut_uploads == CutUploads::Keep && !self.is_ascii,
        };
        (Haul::sending(wire, manner), upload)
    }

    /// Over a part of a file that is there.
    fn upload_from(&mut self, manner: Manner) -> (String, Haul, Option<Upload>, Option<Line>) {
        let mut own = self.own_files();
        // Of an empty one there is no part.
        own.retain(|(_, bytes)| !bytes.is_empty());
        if own.is_empty() {
            let (path, haul, upload) = self.upload(Change::Append, manner);
            return (format!("APPE {path}"), haul, Some(upload), None);
        }
        let (path, bytes) = &own[self.rng.below(own.len())];
        // Without an offset it would be as any other.
        let offset = self.rng.below(bytes.len() + 1).max(1);
        let verb = self.rng.pick(&["STOR", "APPE"]);
        let contents = self.new_contents(false);
        let (haul, upload) = self.upload_of(path, &contents, Change::At(offset), manner);
        let restart = Line::new(Kind::Rest, format!("REST {offset}"));
        (format!("{verb} {path}"), haul, Some(upload), Some(restart))
    }

    fn new_contents(&mut self, is_plain: bool) -> Vec<u8> {
        let sizes = public_sizes(self.place.weather.capacity);
        let length = self.rng.pick(&sizes);
        let number = self.rng.draw() >> 32;
        let number = if is_plain {
            number - number % KINDS
        } else {
            number
        };
        whole(number, self.rng.within(length / 2, length))
    }

    /// How the data connection shall come to be.
    fn arrange(&mut self, manner: Manner) -> Line {
        let ip = self.habits.ip;
        match (self.rng.below(4), ip) {
            (0, IpAddr::V4(_)) => Line::new(Kind::Passive, "PASV"),
            (0 | 1, _) => Line::new(Kind::Passive, "EPSV"),
            (choice, ip) => {
                self.ports += 1;
                let at = SocketAddr::new(ip, self.habits.first_port + self.ports);
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

fn fetch(kind: Kind, expected: Expected, manner: Manner) -> Haul {
    let got = Vec::new();
    Haul::new(kind, Goods::Receive { got, expected }, manner)
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
