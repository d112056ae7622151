//! The client's side of one transfer: the data connection, the bytes on it, and the check of its result.

use std::net::SocketAddr;
use std::time::Duration;

pub(crate) use super::behaviour::Behaviour;
use super::conversation::CommandKind;
use super::data_tls::{AlertCheck, is_blocked, report_tls_error};
use super::expected::Expected;
use super::tls_stream::{TlsConfig, TlsStream};
use crate::rng::Rng;
use crate::world::{ConnectionId, LinkState, Side, World};

/// The direction and the bytes.
pub(crate) enum Payload {
    /// An upload: these bytes on the wire.
    Send {
        bytes: Vec<u8>,
        sent: usize,
        finished: bool,
    },
    /// A download or a listing.
    Receive { got: Vec<u8>, expected: Expected },
}

/// When an upload begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SendStart {
    /// When the data connection is established.
    AtOnce,
    /// After the 150: the connection is reused from a refused command.
    After150,
}

/// How the data connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataEnd {
    Clean,
    Broken,
}

/// What ends an upload over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EofRule {
    /// Only `close_notify`.
    CloseNotify,
    /// A FIN without `close_notify` too (`unclean_uploads`).
    FinSuffices,
}

pub(crate) struct Transfer {
    pub(crate) kind: CommandKind,
    pub(crate) payload: Payload,
    pub(crate) behaviour: Behaviour,
    pub(crate) connection: Option<ConnectionId>,
    /// The unsent part of the PROXY header.
    pub(crate) proxy_header: Vec<u8>,
    /// The client's listening port in active mode.
    pub(crate) port: Option<SocketAddr>,
    pub(crate) end: Option<DataEnd>,
    /// TLS for the data connection; `None`: in the clear.
    pub(super) tls_config: Option<TlsConfig>,
    pub(super) eof_rule: EofRule,
    /// The reply to PASV, EPSV, PORT or EPRT has arrived.
    pub(super) is_arranged: bool,
    pub(super) tls_stream: Option<Box<TlsStream>>,
    /// The unsent part of an invalid `ClientHello`.
    pub(super) bad_hello: Option<Vec<u8>>,
    pub(super) alert_check: AlertCheck,
    /// A fault or the client itself has interrupted the data connection.
    disturbed: bool,
    /// When the client interrupted the transfer in a way that the server detects at once.
    pub(super) gave_up: Option<Duration>,
    send_start: SendStart,
    /// 150 has arrived.
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

    /// Another transfer over the same connection, after this one was refused.
    pub(super) fn followed_by(self, next: Self) -> Self {
        Self {
            kind: next.kind,
            payload: next.payload,
            send_start: SendStart::After150,
            ..self
        }
    }

    /// Whether it reuses the connection of a refused command.
    pub(super) const fn is_kept(&self) -> bool {
        matches!(self.send_start, SendStart::After150)
    }

    /// Whether any byte or the end of the upload has been sent.
    pub(super) const fn has_sent(&self) -> bool {
        matches!(self.payload, Payload::Send { sent, finished, .. } if sent > 0 || finished)
    }

    /// Sends or receives what it can. Returns the delay until its next step where no event will trigger one.
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

    /// The final reply has arrived. Closes the data connection, unless download bytes are still due.
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
            // A connection that arrived too late: the kernel resets it with the listener.
            if let Some(late) = world.find_arrival(port) {
                world.reset_by_client(late);
            }
        }
    }

    /// Whether the final reply and the end of the data connection have both arrived.
    pub(crate) const fn is_over(&self) -> bool {
        self.final_code.is_some() && self.end.is_some()
    }

    /// The violation in its result, if any. With `may_break`, a storage call may have panicked: then a
    /// download may end cleanly but short.
    pub(crate) fn violation(&self, may_break: bool) -> Option<String> {
        let code = self.final_code?;
        match &self.payload {
            Payload::Send {
                finished: false, ..
            } if code == 226 => Some("226 for an unfinished upload".to_owned()),
            Payload::Receive { got, expected } if code == 226 && !self.disturbed => {
                if self.connection.is_none() {
                    return Some("226 without a data connection".to_owned());
                }
                if self.end != Some(DataEnd::Clean) {
                    return Some("226, but the data connection was reset".to_owned());
                }
                expected.violation(got)
            }
            // An incomplete file must not look complete.
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

    /// Whether the server has accepted the passive data connection. If the listener is younger than the
    /// connection, the port has been reassigned to another client.
    pub(crate) fn was_accepted(&self, world: &mut World) -> bool {
        let listener = self
            .connection
            .and_then(|id| world.connection(id)?.listener);
        listener < self.connection && listener.is_some()
    }

    /// Bytes of the upload that were sent.
    pub(super) const fn sent(&self) -> usize {
        match self.payload {
            Payload::Send { sent, .. } => sent,
            Payload::Receive { .. } => 0,
        }
    }

    /// Whether all of the upload and its end were sent.
    pub(crate) const fn is_all_sent(&self) -> bool {
        matches!(self.payload, Payload::Send { finished: true, .. })
    }

    /// Whether the server holds the data connection, passive or active.
    pub(crate) fn is_held(&self, world: &mut World) -> bool {
        let connection = self.connection.and_then(|id| world.connection(id));
        connection.is_some_and(|connection| connection.is_held())
    }

    /// Whether neither a fault nor the client's behaviour disturbed the data connection.
    pub(crate) fn is_undisturbed(&self, world: &mut World) -> bool {
        // A fault may have reset the server's side before the client has noticed.
        let cut = self.connection.is_none_or(|id| world.is_cut(id));
        let is_proper = match self.behaviour {
            Behaviour::OmitsCloseNotify => !self.must_announce(),
            behaviour => behaviour == Behaviour::Prompt,
        };
        !self.disturbed && !cut && is_proper
    }

    /// Bytes that may be moved in this step, by the client's behaviour.
    fn portion(&mut self, id: ConnectionId, world: &mut World, rng: &mut Rng) -> usize {
        match self.behaviour {
            Behaviour::Prompt | Behaviour::NeverConnects | Behaviour::OmitsCloseNotify => {
                usize::MAX
            }
            // These never complete a handshake.
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
        // If all bytes and the end have been sent, this interrupts nothing.
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
            // Only handshake records may arrive.
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
