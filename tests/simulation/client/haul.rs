//! A client's side of one transfer: the data connection, what goes over it, and what must have
//! come of it.

use std::net::SocketAddr;
use std::time::Duration;

use super::conversation::Kind;
use super::expected::Expected;
pub(crate) use super::manner::Manner;
use super::protected::{Reproach, complain_of, is_blocked};
use super::secret::{Keys, Secret};
use crate::rng::Rng;
use crate::world::{Line, Side, WireId, World};

/// What is carried.
pub(crate) enum Goods {
    /// To the server: these bytes on the wire.
    Send {
        wire: Vec<u8>,
        sent: usize,
        finished: bool,
    },
    /// From the server.
    Receive { got: Vec<u8>, expected: Expected },
}

/// When a client begins to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sends {
    /// As soon as there is a data connection.
    AtOnce,
    /// After the 150, because the connection was kept from a refused command.
    Told,
}

/// How the data connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Clean,
    Broken,
}

/// What the server takes for the end of an upload over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndRule {
    /// One that is announced.
    Announced,
    /// That of the connection too.
    Unclean,
}

pub(crate) struct Haul {
    pub(crate) kind: Kind,
    pub(crate) goods: Goods,
    pub(crate) manner: Manner,
    pub(crate) wire: Option<WireId>,
    /// What a proxy says in front of it, as far as it is not said.
    pub(crate) preamble: Vec<u8>,
    /// Where the client listens, in active mode.
    pub(crate) port: Option<SocketAddr>,
    pub(crate) end: Option<End>,
    /// With what it is to be secured.
    pub(super) keys: Option<Keys>,
    /// What the server takes for its end over TLS.
    pub(super) end_rule: EndRule,
    /// How it will be is agreed on.
    pub(super) is_arranged: bool,
    pub(super) secret: Option<Box<Secret>>,
    /// What is said instead of a hello, and was not sent yet.
    pub(super) foul: Option<Vec<u8>>,
    pub(super) reproach: Reproach,
    /// A fault has cut the data connection, or the client has ended it early.
    disturbed: bool,
    /// When, in the middle of a transfer, it did what the server must see at once.
    pub(super) gave_up: Option<Duration>,
    sends: Sends,
    /// The 150 has come.
    pub(crate) begun: bool,
    /// The final reply.
    pub(crate) verdict: Option<u16>,
    moved: usize,
}

impl Haul {
    pub(crate) fn new(kind: Kind, goods: Goods, manner: Manner) -> Self {
        Self {
            kind,
            goods,
            manner,
            wire: None,
            preamble: Vec::new(),
            port: None,
            end: None,
            keys: None,
            end_rule: EndRule::Announced,
            is_arranged: false,
            secret: None,
            foul: None,
            reproach: Reproach::default(),
            disturbed: false,
            gave_up: None,
            sends: Sends::AtOnce,
            begun: false,
            verdict: None,
            moved: 0,
        }
    }

    /// An upload of these bytes.
    pub(super) fn sending(wire: Vec<u8>, manner: Manner) -> Self {
        let goods = Goods::Send {
            wire,
            sent: 0,
            finished: false,
        };
        Self::new(Kind::Store, goods, manner)
    }

    /// Another one over the same connection, because this one was refused.
    pub(super) fn followed_by(self, next: Self) -> Self {
        Self {
            kind: next.kind,
            goods: next.goods,
            sends: Sends::Told,
            ..self
        }
    }

    /// Whether it goes over what was kept.
    pub(super) const fn is_kept(&self) -> bool {
        matches!(self.sends, Sends::Told)
    }

    /// Whether a byte or the end of an upload is under way.
    pub(super) const fn has_sent(&self) -> bool {
        matches!(self.goods, Goods::Send { sent, finished, .. } if sent > 0 || finished)
    }

    /// Moves what can be moved; when to look again without being notified.
    pub(crate) fn step(&mut self, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        if self.wire.is_none() {
            self.wire = self.port.and_then(|port| world.find_arrival(port));
        }
        let id = self.wire.filter(|_| self.is_arranged)?;
        if self.end.is_some() {
            return None;
        }
        self.disturbed |= world.is_cut(id);
        if world
            .wire(id)
            .is_some_and(|wire| wire.client.line == Line::Dialling)
        {
            return None;
        }
        while !self.preamble.is_empty() {
            match world.write(id, Side::Client, &self.preamble) {
                Ok(count) => drop(self.preamble.drain(..count)),
                Err(error) => {
                    let is_over = error.kind() != std::io::ErrorKind::WouldBlock;
                    self.end = is_over.then_some(End::Broken);
                    self.disturbed |= world.is_cut(id);
                    return None;
                }
            }
        }
        self.begin_secrecy();
        let again = match &self.goods {
            _ if self.foul.is_some() => self.spoil(id, world),
            Goods::Send { .. } => self.send(id, world, rng),
            Goods::Receive { .. } => self.receive(id, world, rng),
        };
        self.disturbed |= world.is_cut(id);
        again
    }

    /// The final reply has come. Whatever is still open is closed, unless bytes are awaited.
    pub(crate) fn conclude(&mut self, code: u16, world: &mut World) {
        self.verdict = Some(code);
        let is_under_way = self.begun && self.end.is_none() && self.wire.is_some();
        let awaits = matches!(self.goods, Goods::Receive { .. }) && (code == 226 || is_under_way);
        if awaits {
            self.manner = Manner::Prompt;
        } else {
            self.hang_up(world);
        }
    }

    pub(crate) fn hang_up(&mut self, world: &mut World) {
        if let Some(id) = self.wire {
            self.disturbed |= world.is_cut(id);
            world.close(id, Side::Client);
        }
        self.end.get_or_insert(End::Broken);
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
        self.verdict.is_some() && self.end.is_some()
    }

    /// What is wrong with what came of it. A transfer `may_break` when a call in its middle may
    /// panic: what it held is then closed, and nothing more.
    pub(crate) fn fault(&self, may_break: bool) -> Option<String> {
        let code = self.verdict?;
        match &self.goods {
            Goods::Send {
                finished: false, ..
            } if code == 226 => Some("226 for an upload that was not finished".to_owned()),
            Goods::Receive { got, expected } if code == 226 && !self.disturbed => {
                if self.wire.is_none() {
                    return Some("226 without a data connection".to_owned());
                }
                if self.end != Some(End::Clean) {
                    return Some("a whole transfer was reset".to_owned());
                }
                expected.fault(got)
            }
            // A cut file must not be taken for a whole one.
            Goods::Receive {
                got,
                expected: Expected::Exactly(bytes),
            } if code != 226 && self.end == Some(End::Clean) && !got.is_empty() => {
                (got != bytes && !may_break && !self.disturbed)
                    .then(|| format!("{code}, and a clean end after {} bytes", got.len()))
            }
            _ => None,
        }
    }

    /// Whether the server has taken the data connection that the client made, where it listened for
    /// it: at a listener that is younger another client was awaited, who has the port now.
    pub(crate) fn was_accepted(&self, world: &mut World) -> bool {
        let post = self.wire.and_then(|id| world.wire(id)?.post);
        post < self.wire && post.is_some()
    }

    /// How much of an upload was sent.
    pub(super) const fn sent(&self) -> usize {
        match self.goods {
            Goods::Send { sent, .. } => sent,
            Goods::Receive { .. } => 0,
        }
    }

    /// Whether an upload was sent with its end.
    pub(crate) const fn is_all_sent(&self) -> bool {
        matches!(self.goods, Goods::Send { finished: true, .. })
    }

    /// Whether the server has the data connection, by whichever way it came to be.
    pub(crate) fn is_held(&self, world: &mut World) -> bool {
        let wire = self.wire.and_then(|id| world.wire(id));
        wire.is_some_and(|wire| wire.is_held())
    }

    /// Whether neither the network nor the client did anything to it.
    pub(crate) fn is_undisturbed(&self, world: &mut World) -> bool {
        // The server's may have been cut before the client has seen it.
        let cut = self.wire.is_none_or(|id| world.is_cut(id));
        let is_proper = match self.manner {
            Manner::Truncates => !self.must_announce(),
            manner => manner == Manner::Prompt,
        };
        !self.disturbed && !cut && is_proper
    }

    /// How many bytes may be moved in this step, by the client's manner.
    fn portion(&mut self, id: WireId, world: &mut World, rng: &mut Rng) -> usize {
        match self.manner {
            Manner::Prompt | Manner::Absent | Manner::Truncates => usize::MAX,
            // They never come so far.
            Manner::Garbles | Manner::Halts(_) | Manner::Breaks(_) => 0,
            Manner::Slow => rng.within(1, 2_000),
            Manner::Stalls(most) => most.saturating_sub(self.moved),
            Manner::Resets(most) | Manner::Closes(most) => {
                let left = most.saturating_sub(self.moved);
                if left == 0 {
                    self.give_up(id, world);
                }
                left
            }
        }
    }

    fn give_up(&mut self, id: WireId, world: &mut World) {
        // Every byte and the end may have been sent before: then it is nothing to give up.
        self.disturbed = true;
        self.end = Some(End::Broken);
        self.note_the_end(world);
        let may_be_whole = self.is_upload() && !self.must_announce();
        if matches!(self.manner, Manner::Resets(_)) || may_be_whole {
            world.reset_by_client(id);
        } else {
            world.close(id, Side::Client);
        }
    }

    fn send(&mut self, id: WireId, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        let portion = self.portion(id, world, rng);
        let is_too_early = self.sends == Sends::Told && !self.begun;
        if self.end.is_some() || portion == 0 || is_too_early {
            return None;
        }
        let Goods::Send {
            wire,
            sent,
            finished,
        } = &mut self.goods
        else {
            return None;
        };
        if *finished {
            return None;
        }
        if let Some(secret) = &mut self.secret {
            // The server's part of the handshake, and nothing else.
            let heard = secret.read(id, world, &mut [0; 64]);
            if !is_blocked(&heard) {
                complain_of(&heard, world);
                self.end = Some(End::Broken);
                return None;
            }
        }
        let until = wire.len().min(sent.saturating_add(portion));
        while *sent < until {
            let bytes = &wire[*sent..until];
            let written = match &mut self.secret {
                Some(secret) => secret.write(id, world, bytes),
                None => world.write(id, Side::Client, bytes),
            };
            match written {
                Ok(count) => {
                    *sent += count;
                    self.moved += count;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Err(_) => {
                    self.end = Some(End::Broken);
                    return None;
                }
            }
        }
        if *sent == wire.len() {
            let is_finished = self.end_upload(id, world);
            if let Goods::Send { finished, .. } = &mut self.goods {
                *finished = is_finished;
            }
            return None;
        }
        (self.manner == Manner::Slow).then(|| rng.time(Duration::from_secs(2)))
    }

    fn receive(&mut self, id: WireId, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        if let Some(secret) = &mut self.secret {
            secret.flush(id, world).ok();
        }
        let mut portion = self.portion(id, world, rng);
        let mut buffer = [0; 8 * 1024];
        let Goods::Receive { got, .. } = &mut self.goods else {
            return None;
        };
        while portion > 0 && self.end.is_none() {
            let room = portion.min(buffer.len());
            let read = match &mut self.secret {
                Some(secret) => secret.read(id, world, &mut buffer[..room]),
                None => world.read(id, Side::Client, &mut buffer[..room]),
            };
            complain_of(&read, world);
            match read {
                Ok(0) => self.end = Some(End::Clean),
                Ok(count) => {
                    got.extend_from_slice(&buffer[..count]);
                    self.moved += count;
                    portion -= count;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return None,
                Err(_) => self.end = Some(End::Broken),
            }
        }
        if self.end.is_some() {
            world.close(id, Side::Client);
            return None;
        }
        (self.manner != Manner::Absent && !matches!(self.manner, Manner::Stalls(_)))
            .then(|| rng.time(Duration::from_secs(2)))
    }
}
