//! Transfers that a guest draws: what goes which way, over which connection, and what must come
//! of it.

use std::net::{IpAddr, SocketAddr};

use mioftpd::storage::CutUploads;

use super::conversation::CommandKind;
use super::expected::Expected;
use super::ftp_client::FtpClient;
use super::grammar::Line;
use super::listing::{ExpectedListing, Form, MANY};
use super::transfer::{Behaviour, Payload, Transfer};
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

impl FtpClient {
    pub(super) fn transfer_lines(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.rng.one_in(3) {
            lines.push(self.type_line());
        }
        let behaviour = self.behaviour();
        let (verb, transfer, upload, restart) = self.draw_transfer(behaviour);
        let is_bold = self.rng.one_in(20) && !self.profile.pipelines;
        if is_bold && transfer.kind != CommandKind::Store {
            // Nothing is arranged, or what was for a transfer that was refused; no haul either way.
            lines.push(Line::new(transfer.kind, verb));
            return lines;
        }
        let arrangement = self.arrange(behaviour);
        lines.push(Line {
            transfer: Some(Box::new((transfer, upload))),
            ..arrangement
        });
        lines.extend(restart);
        let kind = if verb.starts_with("RETR") {
            CommandKind::Fetch
        } else if verb.contains("ST /") || verb.starts_with("MLSD") {
            CommandKind::List
        } else {
            CommandKind::Store
        };
        lines.push(Line::new(kind, verb));
        if self.profile.pipelines && behaviour == Behaviour::NeverConnects && self.rng.one_in(2) {
            lines.push(Line::new(CommandKind::Abor, "ABOR"));
            // And it is heard wherever it stands.
            if self.rng.aside().one_in(2) {
                lines.push(Line::new(CommandKind::Noop, "NOOP"));
            }
        } else if self.profile.pipelines && self.rng.one_in(4) {
            lines.push(self.interruption());
        } else if self.profile.pipelines && self.rng.one_in(8) {
            // What is heard at once stands behind what is not.
            lines.push(Line::new(CommandKind::TooLong, vec![b'x'; 5_000]));
            lines.push(Line::new(CommandKind::Stat, "STAT"));
        }
        lines
    }

    fn behaviour(&mut self) -> Behaviour {
        if !self.profile.misbehaves || self.rng.one_in(2) {
            return Behaviour::Prompt;
        }
        let after = self.rng.below(3_000);
        if self.control_tls.is_protected && self.rng.one_in(2) {
            let manners = [
                Behaviour::OmitsCloseNotify,
                Behaviour::OmitsCloseNotify,
                Behaviour::OmitsCloseNotify,
                Behaviour::NoHello,
                Behaviour::StallsInHello(after / 10),
                Behaviour::ResetsInHello(after / 10),
            ];
            return self.rng.pick(&manners);
        }
        let manners = [
            Behaviour::Slow,
            Behaviour::NeverConnects,
            Behaviour::Stalls(after),
            Behaviour::Resets(after),
            Behaviour::Closes(after),
        ];
        self.rng.pick(&manners)
    }

    /// The command that is to be said, and what is to come of it.
    pub(super) fn draw_transfer(
        &mut self,
        behaviour: Behaviour,
    ) -> (String, Transfer, Option<Upload>, Option<Line>) {
        // Some ways to go are only of interest in the middle of an upload.
        let choice = if self.profile.leaves_in_an_upload() && self.rng.one_in(2) {
            11
        } else {
            self.rng.below(12)
        };
        match choice {
            0..=3 => self.fetch_public(behaviour),
            4 => self.fetch_other(behaviour),
            5..=6 => self.list(behaviour),
            7 => {
                let (path, transfer) = self.upload_shared(behaviour);
                (format!("STOR {path}"), transfer, None, None)
            }
            8 => {
                let (path, transfer, upload) = self.upload(Change::Append, behaviour);
                (format!("APPE {path}"), transfer, Some(upload), None)
            }
            9 => {
                let (path, transfer, upload) = self.upload(Change::Replace, behaviour);
                let verb = if upload.is_new { "STOU" } else { "STOR" };
                (format!("{verb} {path}"), transfer, Some(upload), None)
            }
            10 if !self.is_ascii => self.upload_from(behaviour),
            _ => {
                let (path, transfer, upload) = self.upload(Change::Replace, behaviour);
                (format!("STOR {path}"), transfer, Some(upload), None)
            }
        }
    }

    fn fetch_public(
        &mut self,
        behaviour: Behaviour,
    ) -> (String, Transfer, Option<Upload>, Option<Line>) {
        let number = self.rng.below(5);
        let path = format!("/pub/{number}");
        let length = self
            .config
            .memory
            .read(&path)
            .map_or(0, |bytes| bytes.len());
        let mut offset = 0;
        let mut restart = None;
        if !self.is_ascii && self.rng.one_in(4) {
            offset = self.rng.below(length + 1);
            restart = Some(Line::new(
                CommandKind::ServerConfig,
                format!("REST {offset}"),
            ));
        }
        let transfer = self.fetch_of_public(&path, offset, behaviour);
        (format!("RETR {path}"), transfer, None, restart)
    }

    pub(super) fn fetch_of_public(
        &self,
        path: &str,
        offset: usize,
        behaviour: Behaviour,
    ) -> Transfer {
        let bytes = self.config.memory.read(path).unwrap_or_default();
        let rest = bytes.get(offset..).unwrap_or_default();
        let expected = Expected::Exactly(on_the_wire(rest, self.is_ascii));
        fetch(CommandKind::Fetch, expected, behaviour)
    }

    /// A file of the guest's own, one that several write, or one that is not there.
    fn fetch_other(
        &mut self,
        behaviour: Behaviour,
    ) -> (String, Transfer, Option<Upload>, Option<Line>) {
        let own = self.own_files();
        let path = if !own.is_empty() && self.rng.one_in(2) {
            own[self.rng.below(own.len())].0.clone()
        } else {
            self.rng
                .pick(&["/shared/0", "/shared/1", "/pub/none", "/pub"])
                .to_owned()
        };
        let transfer = self.fetch_of_other(&path, behaviour);
        (format!("RETR {path}"), transfer, None, None)
    }

    pub(super) fn fetch_of_other(&self, path: &str, behaviour: Behaviour) -> Transfer {
        let may_be_cut = self.config.cut_uploads == CutUploads::Keep;
        let expected = match self.file_model.holds(path) {
            Some(own) => Expected::Exactly(on_the_wire(&own, self.is_ascii)),
            None => Expected::Whole { may_be_cut },
        };
        fetch(CommandKind::Fetch, expected, behaviour)
    }

    /// The guest's own files, where it waits for replies and so knows what it has.
    fn own_files(&self) -> Vec<(String, Vec<u8>)> {
        if self.profile.pipelines {
            Vec::new()
        } else {
            self.file_model.files()
        }
    }

    fn list(&mut self, behaviour: Behaviour) -> (String, Transfer, Option<Upload>, Option<Line>) {
        let verb = self.rng.pick(&["LIST", "NLST", "MLSD"]);
        let directories = ["/pub", "/pub/", "/up", "/misc", "/none", MANY, MANY];
        let path = self.rng.pick(&directories);
        let transfer = self.list_of(verb, path, behaviour);
        (format!("{verb} {path}"), transfer, None, None)
    }

    pub(super) fn list_of(&self, verb: &str, path: &str, behaviour: Behaviour) -> Transfer {
        let directory = path.trim_end_matches('/');
        let form = match verb {
            "LIST" => Form::Long,
            "NLST" => Form::Names(directory.to_owned()),
            _ => Form::Facts,
        };
        let listing = match directory {
            "/pub" | MANY => ExpectedListing::all(form, directory, &self.config.memory),
            _ => ExpectedListing::some(form, directory, &self.own_files()),
        };
        fetch(
            CommandKind::List,
            Expected::ExpectedListing(listing),
            behaviour,
        )
    }

    fn upload_shared(&mut self, behaviour: Behaviour) -> (String, Transfer) {
        let path = self.rng.pick(&["/shared/0", "/shared/1"]);
        // Of plain lines, so that it is whole whichever TYPE it goes and comes by.
        let bytes = self.new_contents(true);
        let connection = on_the_wire(&bytes, self.is_ascii);
        (path.to_owned(), Transfer::sending(connection, behaviour))
    }

    pub(super) fn upload(
        &mut self,
        change: Change,
        behaviour: Behaviour,
    ) -> (String, Transfer, Upload) {
        let own = self.own_files();
        let is_new = own.is_empty() || self.rng.one_in(2);
        let path = if is_new {
            self.files += 1;
            format!("/up/c{}-{}", self.number, self.files)
        } else {
            own[self.rng.below(own.len())].0.clone()
        };
        let bytes = self.new_contents(false);
        let (transfer, upload) = self.upload_of(&path, &bytes, change, behaviour);
        (path, transfer, upload)
    }

    pub(super) fn upload_of(
        &mut self,
        path: &str,
        bytes: &[u8],
        change: Change,
        behaviour: Behaviour,
    ) -> (Transfer, Upload) {
        let is_new = self.file_model.holds(path).is_none();
        if is_new {
            self.file_model.open(path, None);
        }
        let is_proper = self.is_ascii && is_sent_as_lines(bytes);
        let connection = on_the_wire(bytes, is_proper);
        let upload = Upload {
            path: path.to_owned(),
            bytes: in_the_file(&connection, self.is_ascii),
            change,
            is_text: self.is_ascii,
            is_new,
            // Text is not kept, for nobody could go on behind it.
            is_kept: self.config.cut_uploads == CutUploads::Keep && !self.is_ascii,
        };
        (Transfer::sending(connection, behaviour), upload)
    }

    /// Over a part of a file that is there.
    fn upload_from(
        &mut self,
        behaviour: Behaviour,
    ) -> (String, Transfer, Option<Upload>, Option<Line>) {
        let mut own = self.own_files();
        // Of an empty one there is no part.
        own.retain(|(_, bytes)| !bytes.is_empty());
        if own.is_empty() {
            let (path, transfer, upload) = self.upload(Change::Append, behaviour);
            return (format!("APPE {path}"), transfer, Some(upload), None);
        }
        let (path, bytes) = &own[self.rng.below(own.len())];
        // Without an offset it would be as any other.
        let offset = self.rng.below(bytes.len() + 1).max(1);
        let verb = self.rng.pick(&["STOR", "APPE"]);
        let contents = self.new_contents(false);
        let (transfer, upload) = self.upload_of(path, &contents, Change::At(offset), behaviour);
        let restart = Line::new(CommandKind::ServerConfig, format!("REST {offset}"));
        (
            format!("{verb} {path}"),
            transfer,
            Some(upload),
            Some(restart),
        )
    }

    fn new_contents(&mut self, is_plain: bool) -> Vec<u8> {
        let sizes = public_sizes(self.config.fault_plan.capacity);
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
    fn arrange(&mut self, behaviour: Behaviour) -> Line {
        let ip = self.profile.ip;
        match (self.rng.below(4), ip) {
            (0, IpAddr::V4(_)) => Line::new(CommandKind::Passive, "PASV"),
            (0 | 1, _) => Line::new(CommandKind::Passive, "EPSV"),
            (choice, ip) => {
                self.ports += 1;
                let at = SocketAddr::new(ip, self.profile.first_port + self.ports);
                let port = match behaviour {
                    Behaviour::NeverConnects if self.rng.one_in(2) => Some(ClientPort::Hole),
                    Behaviour::NeverConnects => None,
                    _ => Some(ClientPort::Open(self.number)),
                };
                let line = Line::new(CommandKind::Port, port_command(at, choice == 2));
                Line {
                    port: Some((at, port)),
                    ..line
                }
            }
        }
    }
}

fn fetch(kind: CommandKind, expected: Expected, behaviour: Behaviour) -> Transfer {
    let got = Vec::new();
    Transfer::new(kind, Payload::Receive { got, expected }, behaviour)
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
