//! An FTP client: the state of its control connection, and its turn.
//!
//! ```text
//!   NotConnected ──▶ Active ──QUIT, half-close, silence──▶ Leaving ──server's end──▶ Gone
//!                        ├──▶ NotReading                       closes, resets, vanishes ▲
//!                        └──────────────────────────────────────────────────────────────┘
//! ```

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::internals::storage::Memory;

use super::RunConfig;
use super::connection_ends::{FinishedTransfers, ObservedEnd};
use super::control_connection::ControlConnection;
use super::conversation::Conversation;
use super::file_model::{FileModel, UploadFate};
use super::profile::{Profile, Role, TlsMode};
use super::reactions::DataDial;
use super::requested::Requested;
use super::revocation::LoginReplies;
use super::scripted::{Groups, Script};
use super::sending::Pacing;
use super::session_model::SessionModel;
use super::transfer::Transfer;
use crate::rng::Rng;
use crate::world::{SimEvent, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientState {
    NotConnected,
    Active,
    Leaving,
    /// It opened TLS incorrectly; only an alert and the end may follow.
    BadHandshake,
    NotReading,
    Gone,
}

/// The files of `client` use several of its parts together, so they are visible there. Each part guards its
/// own state; `number`, `config` and `profile` never change.
pub(crate) struct FtpClient {
    pub(super) number: usize,
    pub(super) rng: Rng,
    pub(super) config: RunConfig,
    pub(super) profile: Profile,
    state: ClientState,
    pub(super) control: ControlConnection,
    pub(super) finished_transfers: FinishedTransfers,
    pub(super) conversation: Conversation,
    /// The session as the server must have it.
    pub(super) model: SessionModel,
    pub(super) script: Script,
    pub(super) pacing: Pacing,
    pub(super) transfer: Option<Transfer>,
    pub(super) requested: Requested,
    pub(super) data_dial: DataDial,
    pub(super) file_model: FileModel,
    pub(super) login_replies: LoginReplies,
    alarm: Option<Duration>,
}

impl FtpClient {
    pub(crate) fn new(number: usize, profile: Profile, mut rng: Rng, config: RunConfig) -> Self {
        Self {
            number,
            control: ControlConnection::new(&profile, &mut rng),
            rng,
            conversation: Conversation::new(config.control_only),
            model: SessionModel::new(profile.tls_mode == TlsMode::Implicit),
            config,
            state: ClientState::NotConnected,
            finished_transfers: FinishedTransfers::default(),
            script: Script::new(profile.groups),
            pacing: Pacing::default(),
            transfer: None,
            requested: Requested::default(),
            data_dial: DataDial::default(),
            file_model: FileModel::default(),
            login_replies: LoginReplies::default(),
            alarm: None,
            profile,
        }
    }

    /// Replaces the source of its commands.
    pub(crate) fn with_groups(mut self, groups: Groups) -> Self {
        self.script.read_from(groups);
        self
    }

    pub(super) const fn state(&self) -> ClientState {
        self.state
    }

    pub(super) const fn enter(&mut self, state: ClientState) {
        self.state = state;
    }

    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.state, ClientState::Gone | ClientState::NotReading)
    }

    /// The server has been dropped; no reply follows.
    pub(crate) fn give_up(&mut self) {
        self.leave_upload_open(UploadFate::Unknown);
    }

    pub(crate) fn audit(&self, memory: &Memory, world: &World) -> Option<String> {
        let violation = self.file_model.audit(memory, world)?;
        Some(format!("client {}: {violation}", self.number))
    }

    pub(crate) fn step(&mut self, world: &mut World) {
        if self.alarm.is_some_and(|at| at <= world.now) {
            self.alarm = None;
        }
        match self.state {
            ClientState::Gone => return,
            ClientState::NotConnected => self.connect(world),
            ClientState::NotReading => self.control.flush(world),
            ClientState::BadHandshake => {}
            ClientState::Active | ClientState::Leaving => {
                self.read_replies(world);
                self.move_data(world);
                self.maybe_disconnect_early(world);
                self.send_commands(world);
                self.control.flush(world);
            }
        }
        if self.state == ClientState::BadHandshake {
            // Bytes may have arrived together with the 234, without another event.
            self.run_bad_handshake(world);
        }
        if self.state == ClientState::Gone {
            self.leave_upload_open(UploadFate::Unknown);
        }
    }

    fn connect(&mut self, world: &mut World) {
        // On the implicit-TLS port TLS begins only after a valid PROXY header.
        let is_unknown = self.config.is_proxied && !self.profile.proxy_header.is_right();
        let is_implicit = self.profile.tls_mode == TlsMode::Implicit;
        let listen_address = match self.profile.ip {
            _ if is_implicit => self.config.listen_addresses[2],
            ip => self.config.listen_addresses[usize::from(ip.is_ipv6())],
        };
        let here = SocketAddr::new(self.profile.ip, 40_000);
        let from = self.config.seen_from(here);
        let proxy_header = self.config.is_proxied.then(|| {
            let proxy_header = self.profile.proxy_header;
            proxy_header.bytes(here, listen_address, &mut self.rng)
        });
        let id = if self.profile.role == Role::Normal {
            world.dial_server(self.number, from, listen_address)
        } else {
            world.dial_server_fault_free(self.number, from, listen_address)
        };
        world.set_client_ip(id, (!is_unknown).then_some(self.profile.ip));
        self.control
            .connect(id, proxy_header.unwrap_or_default(), world.now);
        self.model.connected(world.now);
        self.state = ClientState::Active;
        let lines = match self.profile.role {
            Role::Inspector => self.inspection(),
            Role::Normal | Role::Probe => self.opening_lines(),
        };
        self.script.replace(lines);
        if is_implicit && !is_unknown {
            self.start_tls(world);
        }
    }

    fn read_replies(&mut self, world: &mut World) {
        let mut buffer = [0; 512];
        while let Some(id) = self
            .control
            .id()
            .filter(|_| self.state != ClientState::BadHandshake)
        {
            let read = self.control.read(id, world, &mut buffer);
            self.check_tls_start(world);
            match read {
                Ok(0) if self.control.is_clearing() => {
                    if !self.finish_clearing(world) {
                        return;
                    }
                }
                Ok(0) => {
                    self.check_end(id, ObservedEnd::End, world);
                    return self.disconnect_now(world);
                }
                Ok(count) => self.receive_replies(&buffer[..count], world),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    self.check_break(id, &error, world);
                    return self.disconnect_now(world);
                }
            }
        }
    }

    pub(super) fn report(&self, violation: &str, world: &mut World) {
        world.violate(format!("client {}: {violation}", self.number));
    }

    pub(super) fn wake_at(&mut self, at: Duration, world: &mut World) {
        if self.alarm.is_none_or(|alarm| at < alarm) {
            self.alarm = Some(at);
            let after = at.saturating_sub(world.now).max(Duration::from_micros(1));
            world.schedule(after, SimEvent::ClientTurn(self.number));
        }
    }
}
