//! The client's side of one transfer: the data connection, the bytes on it, and the check of its result.

use std::io::ErrorKind;
use std::time::Duration;

pub(crate) use super::behaviour::Behaviour;
use super::conversation::CommandKind;
use super::data_connection::{DataConnection, EofRule};
use super::expected::Expected;
use super::payload::Payload;
use super::tls_stream::TlsConfig;
use super::upload::Upload;
use super::upload_oracle::EofSignal;
use crate::rng::Rng;
use crate::world::{ConnectionId, Side, World};

/// How the data connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DataEnd {
    Clean,
    Broken,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Transfer {
    kind: CommandKind,
    payload: Payload,
    /// The file that it changes, until its final reply; `None`: other clients change it too.
    upload: Option<Upload>,
    behaviour: Behaviour,
    /// It guards its own state.
    pub(super) connection: DataConnection,
    end: Option<DataEnd>,
    /// A fault or the client itself has interrupted the data connection.
    disturbed: bool,
    /// When the client interrupted the transfer in a way that the server detects at once.
    gave_up: Option<Duration>,
    /// The connection is reused from a refused command: an upload begins after the 150.
    is_kept: bool,
    /// 150 has arrived.
    begun: bool,
    /// The final reply.
    final_code: Option<u16>,
    /// ABOR was sent during this transfer.
    has_aborted: bool,
    moved: usize,
}

impl Transfer {
    fn new(kind: CommandKind, payload: Payload, behaviour: Behaviour) -> Self {
        Self {
            kind,
            payload,
            upload: None,
            behaviour,
            connection: DataConnection::default(),
            end: None,
            disturbed: false,
            gave_up: None,
            is_kept: false,
            begun: false,
            final_code: None,
            has_aborted: false,
            moved: 0,
        }
    }

    /// A download or a listing.
    pub(super) fn receiving(kind: CommandKind, expected: Expected, behaviour: Behaviour) -> Self {
        let got = Vec::new();
        Self::new(kind, Payload::Receive { got, expected }, behaviour)
    }

    /// An upload of these bytes.
    pub(super) fn sending(bytes: Vec<u8>, behaviour: Behaviour, upload: Option<Upload>) -> Self {
        Self {
            upload,
            ..Self::new(CommandKind::Store, Payload::sending(bytes), behaviour)
        }
    }

    /// Another transfer over the same connection, after this one was refused.
    pub(super) fn followed_by(self, next: Self) -> Self {
        Self {
            kind: next.kind,
            payload: next.payload,
            upload: next.upload,
            is_kept: true,
            ..self
        }
    }

    /// Whether it reuses the connection of a refused command.
    pub(super) const fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Whether another transfer may follow over the same connection, if this one was refused.
    pub(super) fn may_be_followed(&self) -> bool {
        let has_connection = self.connection.id().is_some() || self.connection.is_active();
        let has_sent = self.payload.sent() > 0 || self.payload.is_all_sent();
        let is_prompt = self.behaviour == Behaviour::Prompt;
        is_prompt && has_connection && self.end.is_none() && !has_sent && !self.has_aborted
    }

    pub(super) const fn kind(&self) -> CommandKind {
        self.kind
    }

    pub(super) const fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    pub(super) const fn payload(&self) -> &Payload {
        &self.payload
    }

    /// The upload without a final reply.
    pub(super) const fn upload(&self) -> Option<&Upload> {
        self.upload.as_ref()
    }

    pub(super) const fn take_upload(&mut self) -> Option<Upload> {
        self.upload.take()
    }

    /// ABOR was sent during this transfer.
    pub(super) const fn abort_sent(&mut self) {
        self.has_aborted = true;
    }

    pub(super) const fn has_aborted(&self) -> bool {
        self.has_aborted
    }

    /// 150 has arrived.
    pub(super) const fn begin(&mut self) {
        self.begun = true;
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether the final reply has arrived.
    pub(super) const fn is_answered(&self) -> bool {
        self.final_code.is_some()
    }

    /// The reply to PASV, EPSV, PORT or EPRT has arrived: fixes TLS and the rule for the end.
    pub(super) fn arrange(
        &mut self,
        tls_config: Option<TlsConfig>,
        eof_rule: EofRule,
        misbehaves: bool,
    ) {
        // Half of the uploads omit `close_notify`, where it is optional or the client misbehaves.
        let is_odd = self
            .payload
            .known_length()
            .is_some_and(|length| length % 2 == 1);
        let may_omit = eof_rule == EofRule::FinSuffices || misbehaves;
        let omits = may_omit && is_odd && self.payload.is_upload();
        self.behaviour = self.behaviour.arranged(tls_config.is_some(), omits);
        self.connection.arrange(tls_config, eof_rule);
    }

    /// Sends or receives what it can. Returns the delay until its next step where no event will trigger one.
    pub(crate) fn step(&mut self, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        let id = self.connection.arranged(world)?;
        if self.end.is_some() {
            return None;
        }
        self.disturbed |= world.is_cut(id);
        if world.is_connecting(id) {
            return None;
        }
        if let Err(error) = self.connection.send_proxy_header(id, world) {
            let is_over = error.kind() != ErrorKind::WouldBlock;
            self.end = is_over.then_some(DataEnd::Broken);
            self.disturbed |= world.is_cut(id);
            return None;
        }
        self.connection.start_tls(self.behaviour);
        let again = match &self.payload {
            _ if self.connection.has_bad_hello() => {
                self.send_bad_hello(id, world);
                None
            }
            Payload::Send { .. } => self.send(id, world, rng),
            Payload::Receive { .. } => self.receive(id, world, rng),
        };
        self.disturbed |= world.is_cut(id);
        again
    }

    /// The final reply has arrived. Closes the data connection, unless download bytes are still due.
    pub(crate) fn conclude(&mut self, code: u16, world: &mut World) {
        self.final_code = Some(code);
        let is_under_way = self.begun && self.end.is_none() && self.connection.id().is_some();
        let awaits = !self.payload.is_upload() && (code == 226 || is_under_way);
        if awaits {
            self.behaviour = Behaviour::Prompt;
        } else {
            self.hang_up(world);
        }
    }

    pub(crate) fn hang_up(&mut self, world: &mut World) {
        self.disturbed |= self.connection.id().is_some_and(|id| world.is_cut(id));
        self.end.get_or_insert(DataEnd::Broken);
        self.connection.hang_up(world);
    }

    /// Whether the final reply and the end of the data connection have both arrived.
    pub(crate) const fn is_over(&self) -> bool {
        self.final_code.is_some() && self.end.is_some()
    }

    /// The violation in its result, if any. With `may_break`, a storage call may have panicked: then a
    /// download may end cleanly but short.
    pub(crate) fn violation(&self, may_break: bool) -> Option<String> {
        let code = self.final_code?;
        let is_clean = self.end == Some(DataEnd::Clean);
        match code {
            _ if self.payload.is_upload() => (code == 226 && !self.payload.is_all_sent())
                .then(|| "226 for an unfinished upload".to_owned()),
            _ if self.disturbed => None,
            226 if self.connection.id().is_none() => {
                Some("226 without a data connection".to_owned())
            }
            226 if !is_clean => Some("226, but the data connection was reset".to_owned()),
            _ => self.payload.violation(code, is_clean && !may_break),
        }
    }

    /// Whether it is a partly sent upload.
    pub(crate) const fn is_half_sent(&self) -> bool {
        self.payload.sent() > 0 && !self.payload.is_all_sent() && self.begun
    }

    /// What marks the end of its file.
    pub(super) fn ending(&self) -> EofSignal {
        let omits = self.behaviour == Behaviour::OmitsCloseNotify;
        self.connection.ending(!omits && self.payload.is_all_sent())
    }

    /// Since when the server can detect that the client has interrupted it.
    pub(crate) const fn gave_up(&self) -> Option<Duration> {
        self.gave_up
    }

    /// The transfer is interrupted in a way that the server can detect.
    fn note_the_end(&mut self, world: &World) {
        let can_know = self.payload.is_upload() || self.connection.has_bad_hello();
        if can_know && self.begun {
            self.gave_up.get_or_insert(world.now);
        }
    }

    /// Whether neither a fault nor the client's behaviour disturbed the data connection.
    pub(crate) fn is_undisturbed(&self, world: &mut World) -> bool {
        // A fault may have reset the server's side before the client has noticed.
        let cut = self.connection.id().is_none_or(|id| world.is_cut(id));
        let is_proper = match self.behaviour {
            Behaviour::OmitsCloseNotify => !self.connection.must_announce(),
            behaviour => behaviour == Behaviour::Prompt,
        };
        !self.disturbed && !cut && is_proper
    }

    /// Bytes that may be moved in this step. May interrupt the connection instead.
    fn portion(&mut self, id: ConnectionId, world: &mut World, rng: &mut Rng) -> usize {
        let portion = self.behaviour.portion(self.moved, rng);
        if portion == 0 && self.behaviour.interrupts() {
            self.give_up(id, world);
        }
        portion
    }

    fn give_up(&mut self, id: ConnectionId, world: &mut World) {
        // If all bytes and the end have been sent, this interrupts nothing.
        self.disturbed = true;
        self.end = Some(DataEnd::Broken);
        self.note_the_end(world);
        let may_be_whole = self.payload.is_upload() && !self.connection.must_announce();
        if matches!(self.behaviour, Behaviour::Resets(_)) || may_be_whole {
            world.reset_by_client(id);
        } else {
            world.close(id, Side::Client);
        }
    }

    /// Sends the invalid `ClientHello`; receives at most an alert.
    fn send_bad_hello(&mut self, id: ConnectionId, world: &mut World) {
        let is_said = self.connection.send_bad_hello(id, world);
        if is_said && !matches!(self.behaviour, Behaviour::StallsInHello(_)) {
            self.note_the_end(world);
        }
        if is_said && matches!(self.behaviour, Behaviour::ResetsInHello(_)) {
            self.end = Some(DataEnd::Broken);
            world.reset_by_client(id);
        } else if self.connection.receive_alert(id, world) {
            self.end = Some(DataEnd::Broken);
            world.close(id, Side::Client);
        }
    }

    /// Sends the end of an upload of this length; returns whether the server may accept it.
    fn end_upload(&mut self, id: ConnectionId, length: usize, world: &mut World) -> bool {
        let omits = self.behaviour == Behaviour::OmitsCloseNotify;
        // A server that has `close_notify` does not wait for the FIN, which many clients omit.
        let sends_fin = !length.is_multiple_of(3);
        let is_ended = self.connection.end_upload(id, omits, sends_fin, world);
        let is_cut = is_ended && omits && self.connection.must_announce();
        if is_cut {
            self.note_the_end(world);
        }
        is_ended && !is_cut
    }

    fn send(&mut self, id: ConnectionId, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        let portion = self.portion(id, world, rng);
        let is_too_early = self.is_kept && !self.begun;
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
        if !self.connection.is_silent(id, world) {
            self.end = Some(DataEnd::Broken);
            return None;
        }
        let until = bytes.len().min(sent.saturating_add(portion));
        while *sent < until {
            match self.connection.write(id, world, &bytes[*sent..until]) {
                Ok(count) => {
                    *sent += count;
                    self.moved += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(_) => {
                    self.end = Some(DataEnd::Broken);
                    return None;
                }
            }
        }
        if *sent == bytes.len() {
            let length = bytes.len();
            let is_finished = self.end_upload(id, length, world);
            if let Payload::Send { finished, .. } = &mut self.payload {
                *finished = is_finished;
            }
            return None;
        }
        (self.behaviour == Behaviour::Slow).then(|| rng.time(Duration::from_secs(2)))
    }

    fn receive(&mut self, id: ConnectionId, world: &mut World, rng: &mut Rng) -> Option<Duration> {
        self.connection.flush(id, world);
        let mut portion = self.portion(id, world, rng);
        let mut buffer = [0; 8 * 1024];
        let Payload::Receive { got, .. } = &mut self.payload else {
            return None;
        };
        while portion > 0 && self.end.is_none() {
            let room = portion.min(buffer.len());
            match self.connection.read(id, world, &mut buffer[..room]) {
                Ok(0) => self.end = Some(DataEnd::Clean),
                Ok(count) => {
                    got.extend_from_slice(&buffer[..count]);
                    self.moved += count;
                    portion -= count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
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
