//! Transfers that a client draws: direction, data connection, and expected content.

use std::net::{IpAddr, SocketAddr};

use mioftpd::CutUploads;

use super::conversation::CommandKind;
use super::expected::Expected;
use super::ftp_client::FtpClient;
use super::grammar::Line;
use super::listing::{ExpectedListing, Form, MANY};
use super::transfer::{Behaviour, Transfer};
use super::upload::{Change, Upload};
use crate::content::{KINDS, in_the_file, is_sent_as_lines, on_the_wire, whole};
use crate::world::ClientPort;

/// A transfer command, what its client expects of it, and a REST before it.
type Drawn = (String, Transfer, Option<Line>);

/// Sizes of `/pub/0`, `/pub/1` and so on, which no client changes, by the capacity of the pipes.
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
        let (verb, transfer, restart) = self.draw_transfer(behaviour);
        let line = Line::new(transfer.kind(), verb);
        let is_bold = self.rng.one_in(20) && !self.profile.pipelines;
        if is_bold && transfer.kind() != CommandKind::Store {
            // No data connection, or one kept from a refusal: no transfer is expected.
            lines.push(line);
            return lines;
        }
        let arrangement = self.arrange(behaviour);
        lines.push(Line {
            transfer: Some(Box::new(transfer)),
            ..arrangement
        });
        lines.extend(restart);
        lines.push(line);
        if self.profile.pipelines && behaviour == Behaviour::NeverConnects && self.rng.one_in(2) {
            lines.push(Line::new(CommandKind::Abor, "ABOR"));
            // STAT works at any position.
            if self.rng.aside().one_in(2) {
                lines.push(Line::new(CommandKind::Noop, "NOOP"));
            }
        } else if self.profile.pipelines && self.rng.one_in(4) {
            lines.push(self.interruption());
        } else if self.profile.pipelines && self.rng.one_in(8) {
            // An immediate command behind deferred ones.
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
        if self.control.is_protected() && self.rng.one_in(2) {
            let behaviours = [
                Behaviour::OmitsCloseNotify,
                Behaviour::OmitsCloseNotify,
                Behaviour::OmitsCloseNotify,
                Behaviour::NoHello,
                Behaviour::StallsInHello(after / 10),
                Behaviour::ResetsInHello(after / 10),
            ];
            return self.rng.pick(&behaviours);
        }
        let behaviours = [
            Behaviour::Slow,
            Behaviour::NeverConnects,
            Behaviour::Stalls(after),
            Behaviour::Resets(after),
            Behaviour::Closes(after),
        ];
        self.rng.pick(&behaviours)
    }

    /// The transfer command, and its expected result.
    pub(super) fn draw_transfer(&mut self, behaviour: Behaviour) -> Drawn {
        // Some disconnects matter only during an upload.
        let choice = if self.profile.leaves_during_upload() && self.rng.one_in(2) {
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
                (format!("STOR {path}"), transfer, None)
            }
            8 => {
                let (path, transfer) = self.upload_drawn(Change::Append, behaviour);
                (format!("APPE {path}"), transfer, None)
            }
            9 => {
                let (path, transfer) = self.upload_drawn(Change::Replace, behaviour);
                let upload = transfer.upload();
                let is_new = upload.is_some_and(|upload| upload.is_new);
                let verb = if is_new { "STOU" } else { "STOR" };
                (format!("{verb} {path}"), transfer, None)
            }
            10 if !self.script.is_ascii() => self.upload_from(behaviour),
            _ => {
                let (path, transfer) = self.upload_drawn(Change::Replace, behaviour);
                (format!("STOR {path}"), transfer, None)
            }
        }
    }

    fn fetch_public(&mut self, behaviour: Behaviour) -> Drawn {
        let number = self.rng.below(5);
        let path = format!("/pub/{number}");
        let length = self
            .config
            .memory
            .read(&path)
            .map_or(0, |bytes| bytes.len());
        let mut offset = 0;
        let mut restart = None;
        if !self.script.is_ascii() && self.rng.one_in(4) {
            offset = self.rng.below(length + 1);
            restart = Some(Line::new(CommandKind::Rest, format!("REST {offset}")));
        }
        let transfer = self.fetch_of_public(&path, offset, behaviour);
        (format!("RETR {path}"), transfer, restart)
    }

    pub(super) fn fetch_of_public(
        &self,
        path: &str,
        offset: usize,
        behaviour: Behaviour,
    ) -> Transfer {
        let bytes = self.config.memory.read(path).unwrap_or_default();
        let rest = bytes.get(offset..).unwrap_or_default();
        let expected = Expected::Exactly(on_the_wire(rest, self.script.is_ascii()));
        Transfer::receiving(CommandKind::Fetch, expected, behaviour)
    }

    /// The client's own file, a shared one, or a missing one.
    fn fetch_other(&mut self, behaviour: Behaviour) -> Drawn {
        let own = self.own_files();
        let path = if !own.is_empty() && self.rng.one_in(2) {
            own[self.rng.below(own.len())].0.clone()
        } else {
            self.rng
                .pick(&["/shared/0", "/shared/1", "/pub/none", "/pub"])
                .to_owned()
        };
        let transfer = self.fetch_of_other(&path, behaviour);
        (format!("RETR {path}"), transfer, None)
    }

    pub(super) fn fetch_of_other(&self, path: &str, behaviour: Behaviour) -> Transfer {
        let may_be_cut = self.config.cut_uploads == CutUploads::Keep;
        let expected = match self.file_model.holds(path) {
            Some(own) => Expected::Exactly(on_the_wire(&own, self.script.is_ascii())),
            None => Expected::Whole { may_be_cut },
        };
        Transfer::receiving(CommandKind::Fetch, expected, behaviour)
    }

    /// The client's own files, if it waits for replies and so knows them.
    pub(super) fn own_files(&self) -> Vec<(String, Vec<u8>)> {
        if self.profile.pipelines {
            Vec::new()
        } else {
            self.file_model.files()
        }
    }

    fn list(&mut self, behaviour: Behaviour) -> Drawn {
        let verb = self.rng.pick(&["LIST", "NLST", "MLSD"]);
        let directories = ["/pub", "/pub/", "/up", "/misc", "/none", MANY, MANY];
        let path = self.rng.pick(&directories);
        let transfer = self.list_of(verb, path, behaviour);
        (format!("{verb} {path}"), transfer, None)
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
        let expected = Expected::ExpectedListing(listing);
        Transfer::receiving(CommandKind::List, expected, behaviour)
    }

    fn upload_shared(&mut self, behaviour: Behaviour) -> (String, Transfer) {
        let path = self.rng.pick(&["/shared/0", "/shared/1"]);
        // Plain lines, so that the content survives either TYPE.
        let bytes = self.new_contents(true);
        let connection = on_the_wire(&bytes, self.script.is_ascii());
        (
            path.to_owned(),
            Transfer::sending(connection, behaviour, None),
        )
    }

    /// Of a new file, or one of the client's own.
    pub(super) fn upload_drawn(
        &mut self,
        change: Change,
        behaviour: Behaviour,
    ) -> (String, Transfer) {
        let own = self.own_files();
        let is_new = own.is_empty() || self.rng.one_in(2);
        let path = if is_new {
            self.file_model.new_name(self.number)
        } else {
            own[self.rng.below(own.len())].0.clone()
        };
        let bytes = self.new_contents(false);
        let transfer = self.upload_of(&path, &bytes, change, behaviour);
        (path, transfer)
    }

    pub(super) fn upload_of(
        &mut self,
        path: &str,
        bytes: &[u8],
        change: Change,
        behaviour: Behaviour,
    ) -> Transfer {
        let is_new = self.file_model.holds(path).is_none();
        if is_new {
            self.file_model.open(path, None);
        }
        let is_proper = self.script.is_ascii() && is_sent_as_lines(bytes);
        let connection = on_the_wire(bytes, is_proper);
        let upload = Upload {
            path: path.to_owned(),
            bytes: in_the_file(&connection, self.script.is_ascii()),
            change,
            is_text: self.script.is_ascii(),
            is_new,
            // Text uploads are not kept: their offset is undefined.
            is_kept: self.config.cut_uploads == CutUploads::Keep && !self.script.is_ascii(),
        };
        Transfer::sending(connection, behaviour, Some(upload))
    }

    /// Overwrites part of an existing file.
    fn upload_from(&mut self, behaviour: Behaviour) -> Drawn {
        let mut own = self.own_files();
        // An empty file has no part.
        own.retain(|(_, bytes)| !bytes.is_empty());
        if own.is_empty() {
            let (path, transfer) = self.upload_drawn(Change::Append, behaviour);
            return (format!("APPE {path}"), transfer, None);
        }
        let (path, bytes) = &own[self.rng.below(own.len())];
        // Offset 0 would be a plain STOR.
        let offset = self.rng.below(bytes.len() + 1).max(1);
        let verb = self.rng.pick(&["STOR", "APPE"]);
        let contents = self.new_contents(false);
        let transfer = self.upload_of(path, &contents, Change::At(offset), behaviour);
        let restart = Line::new(CommandKind::Rest, format!("REST {offset}"));
        (format!("{verb} {path}"), transfer, Some(restart))
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

    /// The command that sets up the data connection.
    fn arrange(&mut self, behaviour: Behaviour) -> Line {
        let ip = self.profile.ip;
        match (self.rng.below(4), ip) {
            (0, IpAddr::V4(_)) => Line::new(CommandKind::Passive, "PASV"),
            (0 | 1, _) => Line::new(CommandKind::Passive, "EPSV"),
            (choice, ip) => {
                let own_port = self.script.next_port(self.profile.first_port);
                let at = SocketAddr::new(ip, own_port);
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
