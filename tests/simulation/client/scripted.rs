//! Command groups as plain data: recorded while a client draws them, and replayed.
//!
//! A group holds its commands, and the behaviour on the data connection. Expected results are not recorded:
//! they are derived again at replay, so that commands may be removed.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::CommandKind;
use super::ftp_client::FtpClient;
use super::grammar::Line;
use super::transfer::{Behaviour, Transfer};
use super::upload::Change;
use crate::content::{on_the_wire, whole};
use crate::rng::Rng;
use crate::world::ClientPort;

/// One command. Plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) kind: CommandKind,
    /// With its line end.
    pub(crate) bytes: Vec<u8>,
    /// Sent as urgent data.
    pub(crate) urgent: bool,
    /// Label and length of the uploaded content.
    pub(crate) contents: Option<(u64, usize)>,
    /// The client's listening port, for PORT and EPRT.
    pub(crate) port: Option<(SocketAddr, Option<ClientPort>)>,
}

/// A group of commands. Plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// State of the client's random generator after the group; `None`: unchanged.
    pub(crate) rng_state: Option<u64>,
    /// Behaviour on the group's data connection.
    pub(crate) behaviour: Behaviour,
    pub(crate) commands: Vec<Command>,
}

/// The source of a client's command groups.
pub(crate) enum Groups {
    Drawn,
    /// Drawn and recorded.
    Recorded(Vec<Group>),
    Scripted(VecDeque<Group>),
}

/// What a client is still to send, and the state that its lines so far lead to.
pub(super) struct Script {
    /// The rest of the current group.
    lines: VecDeque<Line>,
    groups: Groups,
    groups_left: usize,
    /// TYPE A is in force.
    is_ascii: bool,
    /// Listening ports used.
    ports: u16,
}

impl Script {
    pub(super) const fn new(groups_left: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            groups: Groups::Drawn,
            groups_left,
            is_ascii: true,
            ports: 0,
        }
    }

    /// Replaces the source of its groups.
    pub(super) fn read_from(&mut self, groups: Groups) {
        if let Groups::Scripted(groups) = &groups {
            self.groups_left = groups.len();
        }
        self.groups = groups;
    }

    pub(super) fn replace(&mut self, lines: Vec<Line>) {
        self.lines = lines.into();
    }

    pub(super) fn push(&mut self, line: Line) {
        self.lines.push_back(line);
    }

    pub(super) fn next_line(&mut self) -> Option<Line> {
        self.lines.pop_front()
    }

    /// The pause before the next line, which is due then.
    pub(super) fn take_pause(&mut self) -> Duration {
        let line = self.lines.front_mut();
        line.map_or(Duration::ZERO, |line| std::mem::take(&mut line.pause))
    }

    /// Drops the lines, if an upload is among them.
    pub(super) fn abandon_upload(&mut self) {
        if self
            .lines
            .iter()
            .any(|line| line.kind == CommandKind::Store)
        {
            self.lines.clear();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) const fn has_groups_left(&self) -> bool {
        self.groups_left > 0
    }

    pub(super) const fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// A line sets TYPE A, or TYPE I.
    pub(super) const fn set_type(&mut self, is_ascii: bool) {
        self.is_ascii = is_ascii;
    }

    /// A new listening port.
    pub(super) const fn next_port(&mut self, first: u16) -> u16 {
        self.ports += 1;
        first + self.ports
    }
}

impl Group {
    /// A group that the recorded run did not reach.
    pub(crate) fn unsaid() -> Self {
        Self {
            rng_state: None,
            behaviour: Behaviour::Prompt,
            commands: vec![Command::of(&Line::new(CommandKind::Noop, "NOOP"))],
        }
    }

    /// A download of one of the public files.
    pub(crate) fn download(rng: &mut Rng) -> Self {
        let behaviours = [
            Behaviour::Prompt,
            Behaviour::Prompt,
            Behaviour::NeverConnects,
            Behaviour::NoHello,
            Behaviour::StallsInHello(rng.below(200)),
        ];
        let fetch = format!("RETR /pub/{}", rng.below(5));
        let lines = [(CommandKind::Passive, "EPSV"), (CommandKind::Fetch, &fetch)];
        let lines = lines.map(|(kind, text)| Line::new(kind, text));
        Self {
            rng_state: None,
            behaviour: rng.pick(&behaviours),
            commands: lines.iter().map(Command::of).collect(),
        }
    }

    fn of(lines: &[Line], rng_state: u64) -> Self {
        let mut transfers = lines.iter().filter_map(|line| line.transfer.as_deref());
        let transfer = transfers.next();
        let mut commands: Vec<_> = lines.iter().map(Command::of).collect();
        let upload = commands
            .iter_mut()
            .find(|one| one.kind == CommandKind::Store);
        if let Some((upload, transfer)) = upload.zip(transfer) {
            upload.contents = transfer.payload().contents();
        }
        Self {
            rng_state: Some(rng_state),
            behaviour: transfer.map_or(Behaviour::Prompt, Transfer::behaviour),
            commands,
        }
    }
}

impl Command {
    fn of(line: &Line) -> Self {
        Self {
            kind: line.kind,
            bytes: line.bytes.clone(),
            urgent: line.urgent,
            contents: None,
            port: line.port,
        }
    }

    fn words(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(self.bytes.trim_ascii_end());
        text.split(' ').map(str::to_owned).collect()
    }
}

impl FtpClient {
    /// The recorded groups, and those that it would have sent next.
    pub(crate) fn recorded(&self) -> Option<Vec<Group>> {
        let Groups::Recorded(groups) = &self.script.groups else {
            return None;
        };
        let unsaid = vec![Group::unsaid(); self.script.groups_left];
        Some([groups.clone(), unsaid].concat())
    }

    /// Puts the next group into the empty script.
    pub(super) fn start_group(&mut self) {
        self.script.groups_left -= 1;
        let lines = self.next_group();
        self.script.replace(lines);
    }

    fn next_group(&mut self) -> Vec<Line> {
        if let Groups::Scripted(groups) = &mut self.script.groups {
            let group = groups.pop_front();
            return group.map_or_else(Vec::new, |group| self.lines_of(group));
        }
        let lines = self.next_lines();
        if let Groups::Recorded(groups) = &mut self.script.groups {
            groups.push(Group::of(&lines, self.rng.state()));
        }
        lines
    }

    fn lines_of(&mut self, group: Group) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut offset = 0;
        let mut data_setup = None;
        for command in group.commands {
            let words = command.words();
            let argument = words.get(1).map_or("", String::as_str);
            if !matches!(
                command.kind,
                CommandKind::Rest | CommandKind::Fetch | CommandKind::Store
            ) {
                // Any other command resets the offset.
                offset = 0;
            }
            match command.kind {
                CommandKind::Type => self.script.set_type(argument == "A"),
                CommandKind::Rein => self.script.set_type(true),
                CommandKind::Rest => offset = argument.parse().unwrap_or(0),
                CommandKind::Passive | CommandKind::Port => data_setup = Some(lines.len()),
                _ => {}
            }
            if command.kind.is_transfer()
                && let Some(data_setup) = data_setup.take()
                && let Some(transfer) = self.transfer_of(&command, &words, offset, group.behaviour)
            {
                lines[data_setup].transfer = Some(Box::new(transfer));
            }
            let is_own =
                command.kind == CommandKind::Dele && self.file_model.holds(argument).is_some();
            lines.push(Line {
                bytes: command.bytes,
                urgent: command.urgent,
                port: command.port,
                removes: is_own.then(|| argument.to_owned()),
                ..Line::new(command.kind, "")
            });
        }
        if let Some(rng_state) = group.rng_state {
            self.rng = Rng::new(rng_state);
        }
        lines
    }

    fn transfer_of(
        &mut self,
        command: &Command,
        words: &[String],
        offset: usize,
        behaviour: Behaviour,
    ) -> Option<Transfer> {
        let path = words.get(1)?;
        if command.kind == CommandKind::List {
            return Some(self.list_of(&words[0], path, behaviour));
        }
        let Some((number, length)) = command.contents else {
            let is_public = path.starts_with("/pub/") && self.config.memory.read(path).is_some();
            return Some(if is_public {
                self.fetch_of_public(path, offset, behaviour)
            } else {
                self.fetch_of_other(path, behaviour)
            });
        };
        let bytes = whole(number, length);
        let Some((_, own)) = path.rsplit_once('-') else {
            let connection = on_the_wire(&bytes, self.script.is_ascii);
            return Some(Transfer::sending(connection, behaviour, None));
        };
        self.file_model.note_name(own.parse().unwrap_or(0));
        let change = match words[0].as_str() {
            _ if offset > 0 => Change::At(offset),
            "APPE" => Change::Append,
            _ => Change::Replace,
        };
        Some(self.upload_of(path, &bytes, change, behaviour))
    }
}
