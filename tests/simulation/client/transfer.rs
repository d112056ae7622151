//! A client's side of one transfer: the data connection, what goes over it, and what must have
//! come of it.

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use super::behaviour::Behaviour;
use super::conversation::CommandKind;
use super::data_tls::{AlertCheck, is_blocked, report_tls_error};
use super::expected::Expected;
use super::tls_stream::{TlsConfig, TlsStream};
use crate::rng::Rng;
use crate::world::{ConnectionId, LinkState, Side, World};

/// What is carried.
pub(crate) enum Payload {
    /// To the server: these bytes on the wire.
    Send {
        bytes: Vec<u8>,
        sent: usize,
        finished: bool,
    },
    /// From the server.
    Receive { got: Vec<u8>, expected: Expected },
}

/// When a client begins to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendStart {
    /// As soon as there is a data connection.
    AtOnce,
    /// After the 150, because the connection was kept from a refused command.
    After150,
}

/// How the data connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataEnd {
    Clean,
    Broken,
}

/// What the server takes for the end of an upload over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EofRule {
    /// One that is announced.
    CloseNotify,
    /// That of the connection too.
    FinSuffices,
}

pub(crate) struct Transfer {
    pub(crate) kind: CommandKind,
    pub(crate) payload: Payload,
    pub(crate) behaviour: Behaviour,
    pub(crate) connection: Option<ConnectionId>,
    /// What a proxy says in front of it, as far as it is not said.
    pub(crate) proxy_header: Vec<u8>,
    /// Where the client listens, in active mode.
    pub(crate) port: Option<SocketAddr>,
    pub(crate) end: Option<DataEnd>,
    /// With what it is to be secured.
    pub(super) tls_config: Option<TlsConfig>,
    /// What the server takes for its end over TLS.
    pub(super) eof_rule: EofRule,
    /// How it will be is agreed on.
    pub(super) is_arranged: bool,
    pub(super) tls_stream: Option<Box<TlsStream>>,
    /// What is said instead of a hello, and was not sent yet.
    pub(super) bad_hello: Option<Vec<u8>>,
    pub(super) alert_check: AlertCheck,
    /// A fault has cut the data connection, or the client has ended it early.
    disturbed: bool,
    /// When, in the middle of a transfer, it did what the server must see at once.
    pub(super) gave_up: Option<Duration>,
    send_start: SendStart,
    /// The 150 has come.
    pub(crate) begun: bool,
    /// The final reply.
    pub(crate) final_code: Option<u16>,
    moved: usize,
}

impl Transfer {
    pub(crate) fn new(kind: CommandKind, payload: Payload, behaviour: Behaviour) -> Self {
        Self {
            kind,
            payload,
            behaviour,
            connection: None,
            proxy_header: Vec::new(),
            port: None,
            end: None,
            tls_config: None,
            eof_rule: EofRule::CloseNotify,
            is_arranged: false,
            tls_stream: None,
            bad_hello: None,
            alert_check: AlertCheck::default(),
            disturbed: false,
            gave_up: None,
            send_start: SendStart::AtOnce,
            begun: false,
            final_code: None,
            moved: 0,
        }
    }

    /// An upload of these bytes.
    pub(super) fn sending(bytes: Vec<u8>, behaviour: Behaviour) -> Self {
        let payload = Payload::Send {
            bytes,
            sent: 0,
            finished: false,
        };
        Self::new(CommandKind::Store, payload, behaviour)
    }

    /// Another one over the same connection, because this one was refused.
    pub(super) fn followed_by(self, next: Self) -> Self {
        Self {
            kind: next.kind,
            payload: next.payload,
            send_start: SendStart::After150,
            ..self
        }
    }

    /// Whether it goes over what was kept.
    pub(super) const fn is_kept(&self) -> bool {
        matches!(self.send_start, SendStart::After150)
    }

    /// Whether a byte or the end of an upload is under way.
    pub(super) const fn has_sent(&self) -> bool {
        matches!(self.payload, Payload::Send { sent, finished, .. } if sent > 0 || finished)
    }

    /// Moves what can be moved; when to look again without being notified.
    pub(crate) fn step(&mut self, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        if self.connection.is_none() {
            self.connection = self.port.and_then(|port| world.find_arrival(port));
        }
        let id = self.connection.filter(|_| self.is_arranged)?;
        if self.end.is_some() {
            return None;
        }
        self.disturbed |= world.is_cut(id);
        if world
            .connection(id)
            .is_some_and(|connection| connection.client.link == LinkState::Connecting)
        {
            return None;
        }
        while !self.proxy_header.is_empty() {
            match world.write(id, Side::Client, &self.proxy_header) {
                Ok(count) => drop(self.proxy_header.drain(..count)),
                Err(error) => {
                    let is_over = error.kind() != std::io::ErrorKind::WouldBlock;
                    self.end = is_over.then_some(DataEnd::Broken);
                    self.disturbed |= world.is_cut(id);
                    return None;
                }
            }
        }
        self.start_tls();
        let again = match &self.payload {
            _ if self.bad_hello.is_some() => self.send_bad_hello(id, world),
            Payload::Send { .. } => self.send(id, world, rng),
            Payload::Receive { .. } => self.receive(id, world, rng),
        };
        self.disturbed |= world.is_cut(id);
        again
    }

    /// The final reply has come. Whatever is still open is closed, unless bytes are awaited.
    pub(crate) fn conclude(&mut self, code: u16, world: &mut World) {
        self.final_code = Some(code);
        let is_under_way = self.begun && self.end.is_none() && self.connection.is_some();
        let awaits =
            matches!(self.payload, Payload::Receive { .. }) && (code == 226 || is_under_way);
        if awaits {
            self.behaviour = Behaviour::Prompt;
        } else {
            self.hang_up(world);
        }
    }

    pub(crate) fn hang_up(&mut self, world: &mut World) {
        if let Some(id) = self.connection {
            self.disturbed |= world.is_cut(id);
            world.close(id, Side::Client);
        }
        self.end.get_or_insert(DataEnd::Broken);
        if let Some(port) = self.port.take() {
            world.close_client_port(port);
            // One that came too late to be noticed: the system resets it with the listener.
            if let Some(late) = world.find_arrival(port) {
                world.reset_by_client(late);
            }
        }
    }

    /// Whether both the final reply and the end of the data connection are there.
    pub(crate) const fn is_over(&self) -> bool {
        self.final_code.is_some() && self.end.is_some()
    }

    /// What is wrong with what came of it. A transfer `may_break` when a call in its middle may
    /// panic: what it held is then closed, and nothing more.
    pub(crate) fn violation(&self, may_break: bool) -> Option<String> {
        let code = self.final_code?;
        match &self.payload {
            Payload::Send {
                finished: false, ..
            } if code == 226 => Some("226 for an upload that was not finished".to_owned()),
            Payload::Receive { got, expected } if code == 226 && !self.disturbed => {
                if self.connection.is_none() {
                    return Some("226 without a data connection".to_owned());
                }
                if self.end != Some(DataEnd::Clean) {
                    return Some("a whole transfer was reset".to_owned());
                }
                expected.violation(got)
            }
            // A cut file must not be taken for a whole one.
            Payload::Receive {
                got,
                expected: Expected::Exactly(bytes),
            } if code != 226 && self.end == Some(DataEnd::Clean) && !got.is_empty() => {
                (got != bytes && !may_break && !self.disturbed)
                    .then(|| format!("{code}, and a clean end after {} bytes", got.len()))
            }
            _ => None,
        }
    }

    /// Whether the server has taken the data connection that the client made, where it listened for
    /// it: at a listener that is younger another client was awaited, who has the port now.
    pub(crate) fn was_accepted(&self, world: &mut World) -> bool {
        let listener = self
            .connection
            .and_then(|id| world.connection(id)?.listener);
        listener < self.connection && listener.is_some()
    }

    /// How much of an upload was sent.
    pub(super) const fn sent(&self) -> usize {
        match self.payload {
            Payload::Send { sent, .. } => sent,
            Payload::Receive { .. } => 0,
        }
    }

    /// Whether an upload was sent with its end.
    pub(crate) const fn is_all_sent(&self) -> bool {
        matches!(self.payload, Payload::Send { finished: true, .. })
    }

    /// Whether the server has the data connection, by whichever way it came to be.
    pub(crate) fn is_held(&self, world: &mut World) -> bool {
        let connection = self.connection.and_then(|id| world.connection(id));
        connection.is_some_and(|connection| connection.is_held())
    }

    /// Whether neither the network nor the client did anything to it.
    pub(crate) fn is_undisturbed(&self, world: &mut World) -> bool {
        // The server's may have been cut before the client has seen it.
        let cut = self.connection.is_none_or(|id| world.is_cut(id));
        let is_proper = match self.behaviour {
            Behaviour::OmitsCloseNotify => !self.must_announce(),
            behaviour => behaviour == Behaviour::Prompt,
        };
        !self.disturbed && !cut && is_proper
    }

    /// How many bytes may be moved in this step, by the client's manner.
    fn portion(&mut self, id: ConnectionId, world: &mut World, rng: &mut Rng) -> usize {
        match self.behaviour {
            Behaviour::Prompt | Behaviour::NeverConnects | Behaviour::OmitsCloseNotify => {
                usize::MAX
            }
            // They never come so far.
            Behaviour::NoHello | Behaviour::StallsInHello(_) | Behaviour::ResetsInHello(_) => 0,
            Behaviour::Slow => rng.within(1, 2_000),
            Behaviour::Stalls(most) => most.saturating_sub(self.moved),
            Behaviour::Resets(most) | Behaviour::Closes(most) => {
                let left = most.saturating_sub(self.moved);
                if left == 0 {
                    self.give_up(id, world);
                }
                left
            }
        }
    }

    fn give_up(&mut self, id: ConnectionId, world: &mut World) {
        // Every byte and the end may have been sent before: then it is nothing to give up.
        self.disturbed = true;
        self.end = Some(DataEnd::Broken);
        self.note_the_end(world);
        let may_be_whole = self.is_upload() && !self.must_announce();
        if matches!(self.behaviour, Behaviour::Resets(_)) || may_be_whole {
            world.reset_by_client(id);
        } else {
            world.close(id, Side::Client);
        }
    }

    fn send(&mut self, id: ConnectionId, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        let portion = self.portion(id, world, rng);
        let is_too_early = self.send_start == SendStart::After150 && !self.begun;
        if self.end.is_some() || portion == 0 || is_too_early {
            return None;
        }
        let Payload::Send {
            bytes,
            sent,
            finished,
        } = &mut self.payload
        else {
            return None;
        };
        if *finished {
            return None;
        }
        if let Some(tls_stream) = &mut self.tls_stream {
            // The server's part of the handshake, and nothing else.
            let heard = tls_stream.read(id, world, &mut [0; 64]);
            if !is_blocked(&heard) {
                report_tls_error(&heard, world);
                self.end = Some(DataEnd::Broken);
                return None;
            }
        }
        let until = bytes.len().min(sent.saturating_add(portion));
        while *sent < until {
            let part = &bytes[*sent..until];
            let written = match &mut self.tls_stream {
                Some(tls_stream) => tls_stream.write(id, world, part),
                None => world.write(id, Side::Client, part),
            };
            match written {
                Ok(count) => {
                    *sent += count;
                    self.moved += count;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Err(_) => {
                    self.end = Some(DataEnd::Broken);
                    return None;
                }
            }
        }
        if *sent == bytes.len() {
            let is_finished = self.end_upload(id, world);
            if let Payload::Send { finished, .. } = &mut self.payload {
                *finished = is_finished;
            }
            return None;
        }
        (self.behaviour == Behaviour::Slow).then(|| rng.time(Duration::from_secs(2)))
    }

    fn receive(&mut self, id: ConnectionId, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        if let Some(tls_stream) = &mut self.tls_stream {
            tls_stream.flush(id, world).ok();
        }
        let mut portion = self.portion(id, world, rng);
        let mut buffer = [0; 8 * 1024];
        let Payload::Receive { got, .. } = &mut self.payload else {
            return None;
        };
        while portion > 0 && self.end.is_none() {
            let room = portion.min(buffer.len());
            let read = match &mut self.tls_stream {
                Some(tls_stream) => tls_stream.read(id, world, &mut buffer[..room]),
                None => world.read(id, Side::Client, &mut buffer[..room]),
            };
            report_tls_error(&read, world);
            match read {
                Ok(0) => self.end = Some(DataEnd::Clean),
                Ok(count) => {
                    got.extend_from_slice(&buffer[..count]);
                    self.moved += count;
                    portion -= count;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Err(_) => self.end = Some(DataEnd::Broken),
            }
        }
        if self.end.is_some() {
            world.close(id, Side::Client);
            return None;
        }
        (self.behaviour != Behaviour::NeverConnects
            && !matches!(self.behaviour, Behaviour::Stalls(_)))
        .then(|| rng.time(Duration::from_secs(2)))
    }
}
