//! TLS on the control connection: AUTH, implicit TLS, CCC.
//!
//! A client that opens TLS incorrectly sends no FTP afterwards, and may receive only an alert and the end.

use std::io;

use mioftpd::{DataSession, SecurityPolicy};

use super::RunConfig;
use super::connection_ends::ObservedEnd;
use super::conversation::CommandKind;
use super::ftp_client::{ClientState, FtpClient};
use super::grammar::Line;
use super::profile::{Role, TlsMode, TlsStart};
use crate::fault_plan::FaultPlan;
use crate::world::{ConnectionId, Side, World};

/// The server's TLS settings. Plain data.
#[derive(Clone, Debug)]
pub(crate) struct TlsSetup {
    pub(crate) data_session: DataSession,
    pub(crate) policy: SecurityPolicy,
}

impl RunConfig {
    /// Whether a protected data connection must resume the session of its control connection.
    pub(crate) fn must_resume(&self) -> bool {
        let policy = self.tls.as_ref().map(|tls| tls.data_session);
        policy == Some(DataSession::Require)
    }
}

impl FtpClient {
    /// The first commands: the login, and AUTH before or after it.
    pub(super) fn opening_lines(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        if !self.control.has_tls() || self.config.control_only {
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
        awaits || self.control.is_clearing() || self.control.is_handshaking()
    }

    /// Starts TLS: 234 has arrived, or the connection uses implicit TLS.
    pub(super) fn start_tls(&mut self, world: &World) {
        if !self.control.start_tls(self.profile.tls_start, world.now) {
            self.enter(ClientState::BadHandshake);
        }
    }

    /// Passes bytes behind the 234 to TLS.
    pub(super) fn pass_rest_to_tls(&mut self, world: &mut World) {
        if self.control.is_encrypted() {
            let rest = self.conversation.take_rest();
            self.control.prepend_received(rest);
        } else if self.state() == ClientState::BadHandshake {
            let rest = self.conversation.take_rest();
            self.check_alert(&rest, world);
        }
    }

    fn check_alert(&mut self, bytes: &[u8], world: &mut World) {
        if let Some(violation) = self.control.alert_violation(bytes) {
            self.report(&violation, world);
        }
    }

    /// Sends the invalid `ClientHello`; receives at most an alert, then the end.
    pub(super) fn run_bad_handshake(&mut self, world: &mut World) {
        let Some(id) = self.control.id() else {
            return;
        };
        self.control.flush(world);
        let mut buffer = [0; 64];
        loop {
            match world.read(id, Side::Client, &mut buffer) {
                Ok(0) => break self.check_bad_handshake_time(world),
                Ok(count) => self.check_alert(&buffer[..count], world),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.control.is_all_sent(world) {
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
        let since = self.control.bad_hello_since().unwrap_or(world.now);
        let took = world.now.saturating_sub(since);
        let most = self.config.timings.handshake + FaultPlan::PROMPT_LIMIT;
        if self.config.fault_plan.is_prompt() && took > most {
            let violation = format!("a handshake that never was lasted {took:?}");
            self.report(&violation, world);
        }
    }

    /// CCC: the server has sent `close_notify`. Returns whether the client's own is sent.
    pub(super) fn finish_clearing(&mut self, world: &mut World) -> bool {
        let Some(rest) = self.control.finish_clearing(world) else {
            return false;
        };
        world.note(|| format!("client {} goes on in the clear", self.number));
        if !rest.is_empty() {
            self.receive_replies(&rest, world);
        }
        true
    }

    /// A command in the clear behind AUTH must prevent the handshake.
    pub(super) fn check_tls_start(&self, world: &mut World) {
        let has_begun = self.control.is_encrypted() && !self.control.is_handshaking();
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
