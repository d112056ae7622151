//! TLS on a data connection: the handshake, valid or not, and the legal final replies.
//!
//! [`transfer`](super::transfer) moves the bytes, as in the clear. RFC 4217 §9.

use std::io;
use std::time::Duration;

use mioftpd::DataSession;

use super::tls_stream::{TlsConfig, TlsStream};
use super::transfer::{Behaviour, DataEnd, EofRule, Payload, Transfer};
use super::upload_oracle::EofSignal;
use crate::world::{ConnectionId, Side, World};

impl Transfer {
    /// The reply to PASV, EPSV, PORT or EPRT has arrived: fixes TLS and the rule for the end.
    pub(crate) fn set_security(
        &mut self,
        tls_config: Option<TlsConfig>,
        eof_rule: EofRule,
        misbehaves: bool,
    ) {
        let is_of_tls = matches!(
            self.behaviour,
            Behaviour::OmitsCloseNotify
                | Behaviour::NoHello
                | Behaviour::StallsInHello(_)
                | Behaviour::ResetsInHello(_)
        );
        if tls_config.is_none() && is_of_tls {
            self.behaviour = Behaviour::Prompt;
        }
        // Half of the uploads omit `close_notify`, where it is optional or the client misbehaves.
        if tls_config.is_some()
            && (eof_rule == EofRule::FinSuffices || misbehaves)
            && self.behaviour == Behaviour::Prompt
            && matches!(&self.payload, Payload::Send { bytes, .. } if bytes.len() % 2 == 1)
        {
            self.behaviour = Behaviour::OmitsCloseNotify;
        }
        self.tls_config = tls_config;
        self.eof_rule = eof_rule;
        self.is_arranged = true;
    }

    /// Whether its data connection uses TLS.
    pub(crate) const fn is_protected(&self) -> bool {
        self.tls_config.is_some()
    }

    /// Whether the upload is incomplete without `close_notify`.
    pub(crate) fn must_announce(&self) -> bool {
        self.is_protected() && self.eof_rule == EofRule::CloseNotify
    }

    /// Starts TLS on the established data connection, if it uses TLS.
    pub(super) fn start_tls(&mut self) {
        let Some(tls_config) = self
            .tls_config
            .clone()
            .filter(|_| self.tls_stream.is_none())
        else {
            return;
        };
        if self.bad_hello.is_some() {
            return;
        }
        let hello = tls_config.hello();
        self.bad_hello = match self.behaviour {
            Behaviour::NoHello => Some(b"whole 1 2\nnot a hello at all".to_vec()),
            Behaviour::StallsInHello(count) | Behaviour::ResetsInHello(count) => {
                Some(hello[..count.min(hello.len() - 1)].to_vec())
            }
            _ => {
                self.tls_stream = Some(tls_config.for_data());
                None
            }
        };
    }

    /// Sends the invalid `ClientHello`; receives at most an alert.
    pub(super) fn send_bad_hello(
        &mut self,
        id: ConnectionId,
        world: &mut World,
    ) -> Option<Duration> {
        let bad_hello = self.bad_hello.as_mut()?;
        while !bad_hello.is_empty() {
            match world.write(id, Side::Client, bad_hello) {
                Ok(count) => drop(bad_hello.drain(..count)),
                Err(_) => break,
            }
        }
        let is_said = bad_hello.is_empty();
        if is_said && !matches!(self.behaviour, Behaviour::StallsInHello(_)) {
            self.note_the_end(world);
        }
        if is_said && matches!(self.behaviour, Behaviour::ResetsInHello(_)) {
            self.end = Some(DataEnd::Broken);
            world.reset_by_client(id);
            return None;
        }
        let mut buffer = [0; 64];
        match world.read(id, Side::Client, &mut buffer) {
            Ok(count @ 1..) => {
                if let Some(violation) = self.alert_check.receive(&buffer[..count]) {
                    world.violate(violation);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => {
                self.end = Some(DataEnd::Broken);
                world.close(id, Side::Client);
            }
        }
        None
    }

    /// The violation in the final reply, as far as TLS is concerned.
    pub(crate) fn tls_violation(
        &self,
        code: u16,
        policy: Option<DataSession>,
        is_excused: bool,
    ) -> Option<&'static str> {
        let is_resumed = self.tls_stream.as_deref().and_then(TlsStream::is_resumed);
        let must_resume = policy == Some(DataSession::Require);
        match code {
            226 if self.bad_hello.is_some() => Some("226 without a handshake"),
            226 if self.behaviour == Behaviour::OmitsCloseNotify
                && self.is_upload()
                && self.must_announce() =>
            {
                Some("226 for a FIN without close_notify")
            }
            226 if must_resume && is_resumed == Some(false) => {
                Some("226 for a data connection that resumed no session")
            }
            // Refused because PROT P is required.
            522 if !self.begun && !self.is_protected() => None,
            522 if !self.begun => {
                Some("522 before the 150, though the data connection would use TLS")
            }
            522 if !self.is_protected() => Some("522 for a data connection in the clear"),
            522 if is_excused || (must_resume && is_resumed != Some(true)) => None,
            522 => Some("522 for no reason"),
            _ => None,
        }
    }

    /// Sends the end of an upload; returns whether the server may accept it.
    pub(super) fn end_upload(&mut self, id: ConnectionId, world: &mut World) -> bool {
        let Some(tls_stream) = &mut self.tls_stream else {
            return world.shutdown(id, Side::Client).is_ok();
        };
        if tls_stream.is_handshaking() {
            return false;
        }
        if self.behaviour == Behaviour::OmitsCloseNotify {
            let is_ended =
                tls_stream.flush(id, world).is_ok() && world.shutdown(id, Side::Client).is_ok();
            if is_ended && self.must_announce() {
                self.note_the_end(world);
            }
            return is_ended && !self.must_announce();
        }
        let is_announced = tls_stream.send_close_notify(id, world).is_ok();
        // A server that has `close_notify` does not wait for the FIN, which many clients omit.
        let says_more = matches!(&self.payload, Payload::Send { bytes, .. } if bytes.len() % 3 > 0);
        if is_announced && says_more {
            world.shutdown(id, Side::Client).ok();
        }
        is_announced
    }

    /// What marks the end of its file.
    pub(super) fn ending(&self) -> EofSignal {
        match (&self.tls_config, self.behaviour) {
            (None, _) => EofSignal::Fin,
            (Some(_), behaviour)
                if behaviour != Behaviour::OmitsCloseNotify && self.is_all_sent() =>
            {
                EofSignal::CloseNotify
            }
            (Some(_), _) => EofSignal::FinOnly {
                is_allowed: self.eof_rule == EofRule::FinSuffices,
            },
        }
    }

    /// The transfer is interrupted in a way that the server can detect.
    pub(super) fn note_the_end(&mut self, world: &World) {
        let can_know = self.is_upload() || self.bad_hello.is_some();
        if can_know && self.begun {
            self.gave_up.get_or_insert(world.now);
        }
    }

    /// Since when the server can detect the interruption.
    pub(crate) const fn gave_up(&self) -> Option<Duration> {
        self.gave_up
    }

    /// Whether it is a partly sent upload.
    pub(crate) const fn is_half_sent(&self) -> bool {
        let sent = match &self.payload {
            Payload::Send { sent, finished, .. } if !*finished => *sent,
            _ => 0,
        };
        sent > 0 && self.begun
    }

    pub(super) const fn is_upload(&self) -> bool {
        matches!(self.payload, Payload::Send { .. })
    }
}

/// What a client without a valid `ClientHello` may receive: one alert in the clear.
#[derive(Default)]
pub(super) struct AlertCheck {
    received: Vec<u8>,
}

impl AlertCheck {
    /// Adds received bytes; returns the violation, if any.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Option<String> {
        self.received.extend_from_slice(bytes);
        let begins = self.received.first().is_none_or(|&first| first == ALERT);
        let is_alert = begins && self.received.len() <= ALERT_BYTES;
        let shown = self.received.escape_ascii();
        (!is_alert).then(|| format!("{shown} instead of a TLS alert"))
    }
}

const ALERT: u8 = 21;

/// Record header, level and description.
const ALERT_BYTES: usize = 5 + 2;

pub(super) fn is_blocked(read: &io::Result<usize>) -> bool {
    let blocked = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    read.as_ref().is_err_and(blocked)
}

/// Bytes that are not TLS are a violation under every fault plan.
pub(super) fn report_tls_error(read: &io::Result<usize>, world: &mut World) {
    if let Err(error) = read
        && error.kind() == io::ErrorKind::InvalidData
    {
        world.violate(format!("on a data connection: {error}"));
    }
}
