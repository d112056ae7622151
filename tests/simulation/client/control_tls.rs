//! TLS on the control connection: AUTH, implicit TLS, CCC.
//!
//! A client that opens TLS incorrectly sends no FTP afterwards, and may receive only an alert and the end.

use std::io;
use std::time::Duration;

use mioftpd::{DataSession, SecurityPolicy};

use super::connection_ends::ObservedEnd;
use super::conversation::CommandKind;
use super::data_tls::AlertCheck;
use super::ftp_client::{ClientState, FtpClient};
use super::grammar::Line;
use super::profile::{Role, TlsMode, TlsStart};
use super::tls_stream::{TlsConfig, TlsStream};
use crate::fault_plan::FaultPlan;
use crate::rng::Rng;
use crate::world::{self, ConnectionId, Side, World};

/// The server's TLS settings.
#[derive(Clone, Debug)]
pub(crate) struct TlsSetup {
    pub(crate) data_session: DataSession,
    pub(crate) policy: SecurityPolicy,
}

/// The client's TLS state on its control connection.
pub(super) struct ControlTls {
    /// The unsent part of the PROXY header, which is sent in the clear.
    pub(super) proxy_header: Vec<u8>,
    pub(super) tls_config: Option<TlsConfig>,
    pub(super) tls_stream: Option<Box<TlsStream>>,
    /// CCC was answered with 200.
    pub(super) is_clearing: bool,
    /// PROT P is in force.
    pub(super) is_protected: bool,
    /// When it sent its invalid `ClientHello`.
    bad_hello_since: Duration,
    /// It has opened TLS incorrectly.
    pub(super) has_begun_badly: bool,
    alert_check: AlertCheck,
}

impl ControlTls {
    pub(super) fn new(tls_mode: TlsMode, resumes: bool, rng: &mut Rng) -> Self {
        let tls_config = match tls_mode {
            TlsMode::None => None,
            TlsMode::Explicit | TlsMode::Late | TlsMode::Implicit => TlsConfig::draw(rng, resumes),
        };
        Self {
            proxy_header: Vec::new(),
            tls_config,
            tls_stream: None,
            is_clearing: false,
            is_protected: false,
            bad_hello_since: Duration::ZERO,
            has_begun_badly: false,
            alert_check: AlertCheck::default(),
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        let tls_stream = self.tls_stream.as_deref();
        tls_stream.is_some_and(TlsStream::is_handshaking)
    }

    /// Whether TLS records wait for room in the socket.
    pub(super) fn has_unsent(&self) -> bool {
        let tls_stream = self.tls_stream.as_deref();
        tls_stream.is_some_and(TlsStream::has_unsent)
    }

    pub(super) fn read(
        &mut self,
        id: ConnectionId,
        world: &mut World,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.send_proxy_header(id, world);
        match &mut self.tls_stream {
            // The server may send nothing before it has the PROXY header.
            Some(_) if !self.proxy_header.is_empty() => {
                match world.read(id, Side::Client, buffer)? {
                    0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => Err(io::ErrorKind::InvalidData.into()),
                }
            }
            Some(tls_stream) => tls_stream.read(id, world, buffer),
            None => world.read(id, Side::Client, buffer),
        }
    }

    pub(super) fn write(
        &mut self,
        id: ConnectionId,
        world: &mut World,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.send_proxy_header(id, world);
        match &mut self.tls_stream {
            _ if !self.proxy_header.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            Some(tls_stream) => tls_stream.write(id, world, bytes),
            None => world.write(id, Side::Client, bytes),
        }
    }

    pub(super) fn flush(&mut self, id: ConnectionId, world: &mut World) {
        self.send_proxy_header(id, world);
        if let Some(tls_stream) = self
            .tls_stream
            .as_mut()
            .filter(|_| self.proxy_header.is_empty())
        {
            tls_stream.flush(id, world).ok();
        }
    }

    /// Errors are left to the next read.
    fn send_proxy_header(&mut self, id: ConnectionId, world: &mut World) {
        while !self.proxy_header.is_empty() {
            match world.write(id, Side::Client, &self.proxy_header) {
                Ok(count) => drop(self.proxy_header.drain(..count)),
                Err(_) => return,
            }
        }
    }
}

impl FtpClient {
    /// The first commands: the login, and AUTH before or after it.
    pub(super) fn opening_lines(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.control_tls.tls_config.is_none() || self.config.control_only {
            return self.login_lines();
        }
        match self.profile.tls_mode {
            TlsMode::None => {}
            TlsMode::Explicit => {
                lines.push(self.auth_line());
                lines.extend(self.protection_lines());
            }
            TlsMode::Late => {
                lines.extend(self.login_lines());
                lines.push(self.auth_line());
                lines.extend(self.protection_lines());
            }
            TlsMode::Implicit => {
                if self.rng.one_in(2) {
                    lines.extend(self.protection_lines());
                }
            }
        }
        lines.extend(self.login_lines());
        lines
    }

    fn auth_line(&mut self) -> Line {
        if self.profile.role == Role::Inspector {
            return Line::new(CommandKind::Auth, "AUTH TLS").must(234);
        }
        if self.profile.tls_start == TlsStart::CommandBehindAuth {
            return Line::new(CommandKind::AuthAndMore, "AUTH TLS\r\nNOOP");
        }
        match self.rng.below(4) {
            0 => Line::new(CommandKind::AuthPrivate, "AUTH SSL"),
            1 => Line::new(CommandKind::Auth, "auth tls-c"),
            _ => Line::new(CommandKind::Auth, "AUTH TLS"),
        }
    }

    fn protection_lines(&mut self) -> Vec<Line> {
        let size = Line::new(CommandKind::Pbsz, "PBSZ 0");
        if self.profile.role == Role::Inspector {
            return vec![
                size.must(200),
                Line::new(CommandKind::ProtPrivate, "PROT P").must(200),
            ];
        }
        let level = match self.rng.below(8) {
            0 => Line::new(CommandKind::ProtClear, "PROT C"),
            1 => Line::new(CommandKind::Garbage, "PROT S"),
            2 => return vec![Line::new(CommandKind::ProtPrivate, "PROT P")],
            _ => Line::new(CommandKind::ProtPrivate, "PROT P"),
        };
        vec![size, level]
    }

    /// Security commands in the middle of a session with TLS.
    pub(super) fn security_lines(&mut self) -> Vec<Line> {
        match self.rng.below(6) {
            0 => vec![Line::new(CommandKind::Ccc, "CCC")],
            1 => vec![Line::new(CommandKind::Auth, "AUTH TLS")],
            2 => vec![Line::new(CommandKind::Garbage, "AUTH KERBEROS_V5")],
            _ => self.protection_lines(),
        }
    }

    /// Whether the client must wait for a reply or a handshake before it may send.
    pub(super) fn is_switching(&self) -> bool {
        let awaits = self.conversation.awaits_switch();
        awaits || self.control_tls.is_clearing || self.control_tls.is_handshaking()
    }

    /// Starts TLS: 234 has arrived, or the connection uses implicit TLS.
    pub(super) fn start_tls(&mut self, world: &World) {
        let Some(tls_config) = &self.control_tls.tls_config else {
            return;
        };
        self.control_tls.bad_hello_since = world.now;
        self.unsent.clear();
        let hello = tls_config.hello();
        let part = |count: usize| hello[..count.min(hello.len() - 1)].to_vec();
        match self.profile.tls_start {
            TlsStart::Proper => {
                return self.control_tls.tls_stream = Some(tls_config.for_control());
            }
            // The server may refuse; with implicit TLS there is no AUTH to pipeline behind.
            TlsStart::CommandBehindAuth if self.profile.tls_mode != TlsMode::Implicit => {
                return self.control_tls.tls_stream = Some(tls_config.for_control());
            }
            TlsStart::CommandBehindAuth => {}
            TlsStart::Garbage => self.unsent = b"USER ann\r\nPASS secret\r\nQUIT\r\n".to_vec(),
            TlsStart::Stops(count) | TlsStart::Resets(count) | TlsStart::HalfCloses(count) => {
                self.unsent = part(count);
            }
        }
        self.control_tls.has_begun_badly = true;
        self.state = ClientState::BadHandshake;
    }

    /// Passes bytes behind the 234 to TLS.
    pub(super) fn pass_rest_to_tls(&mut self, world: &mut World) {
        match &mut self.control_tls.tls_stream {
            Some(tls_stream) => tls_stream.prepend_received(self.conversation.take_rest()),
            None if self.state == ClientState::BadHandshake => {
                let rest = self.conversation.take_rest();
                self.check_alert(&rest, world);
            }
            None => {}
        }
    }

    fn check_alert(&mut self, bytes: &[u8], world: &mut World) {
        if let Some(violation) = self.control_tls.alert_check.receive(bytes) {
            self.report(&violation, world);
        }
    }

    /// Sends the invalid `ClientHello`; receives at most an alert, then the end.
    pub(super) fn run_bad_handshake(&mut self, world: &mut World) {
        let Some(id) = self.control else {
            return;
        };
        self.flush(world);
        let mut buffer = [0; 64];
        loop {
            match world.read(id, Side::Client, &mut buffer) {
                Ok(0) => break self.check_bad_handshake_time(world),
                Ok(count) => self.check_alert(&buffer[..count], world),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let is_up = world
                        .connection(id)
                        .is_some_and(|connection| connection.client.link == world::LinkState::Up);
                    if !is_up || !self.unsent.is_empty() {
                        return;
                    }
                    match self.profile.tls_start {
                        TlsStart::Resets(_) => {
                            world.reset_by_client(id);
                            break;
                        }
                        TlsStart::HalfCloses(_) => drop(world.shutdown(id, Side::Client)),
                        _ => {}
                    }
                    return;
                }
                Err(_) => break,
            }
        }
        self.disconnect_now(world);
    }

    /// A client without a valid `ClientHello` is disconnected within the handshake time-out.
    fn check_bad_handshake_time(&self, world: &mut World) {
        let took = world.now.saturating_sub(self.control_tls.bad_hello_since);
        let most = self.config.timings.handshake + FaultPlan::PROMPT_LIMIT;
        if self.config.fault_plan.is_prompt() && took > most {
            self.report(
                &format!("a handshake that never was lasted {took:?}"),
                world,
            );
        }
    }

    /// CCC: the server has sent `close_notify`. Returns whether the client's own is sent.
    pub(super) fn finish_clearing(&mut self, id: ConnectionId, world: &mut World) -> bool {
        let Some(tls_stream) = &mut self.control_tls.tls_stream else {
            return true;
        };
        match tls_stream.send_close_notify(id, world) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            _ => {}
        }
        let rest = tls_stream.take_rest();
        self.control_tls.tls_stream = None;
        self.control_tls.is_clearing = false;
        world.note(|| format!("client {} goes on in the clear", self.number));
        if !rest.is_empty() {
            self.receive_replies(&rest, world);
        }
        true
    }

    /// A command in the clear behind AUTH must prevent the handshake.
    pub(super) fn check_tls_start(&self, world: &mut World) {
        let has_begun = self.control_tls.tls_stream.is_some() && !self.control_tls.is_handshaking();
        if has_begun && self.profile.tls_start == TlsStart::CommandBehindAuth {
            self.report(
                "TLS started in spite of a pipelined command in the clear",
                world,
            );
        }
    }

    /// The connection failed: a TLS error is always a violation, whatever the fault plan.
    pub(super) fn check_break(&self, id: ConnectionId, error: &io::Error, world: &mut World) {
        match error.kind() {
            io::ErrorKind::InvalidData if self.profile.tls_start == TlsStart::CommandBehindAuth => {
            }
            io::ErrorKind::InvalidData => self.report(&format!("TLS: {error}"), world),
            io::ErrorKind::UnexpectedEof => self.check_end(id, ObservedEnd::Unannounced, world),
            io::ErrorKind::ConnectionReset => self.check_end(id, ObservedEnd::Reset, world),
            _ => {}
        }
    }
}
