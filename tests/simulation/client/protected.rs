//! A data connection over TLS: how it begins, well or badly, and what the final reply to it may be.
//!
//! The bytes themselves are moved by the [`haul`](super::haul), as in the clear. RFC 4217 §9.

use std::io;
use std::time::Duration;

use mioftpd::net::DataSession;

use super::haul::{End, EndRule, Goods, Haul, Manner};
use super::secret::{Keys, Secret};
use super::verdict_of_upload::Ending;
use crate::world::{Side, WireId, World};

impl Haul {
    /// Its data connection is arranged, and will be secured with these keys.
    pub(crate) fn arranged(&mut self, keys: Option<Keys>, end_rule: EndRule, is_mean: bool) {
        let is_of_tls = matches!(
            self.manner,
            Manner::Truncates | Manner::Garbles | Manner::Halts(_) | Manner::Breaks(_)
        );
        if keys.is_none() && is_of_tls {
            self.manner = Manner::Prompt;
        }
        // Half of those that could announce their end do not, where they need not; or are mean.
        if keys.is_some()
            && (end_rule == EndRule::Unclean || is_mean)
            && self.manner == Manner::Prompt
            && matches!(&self.goods, Goods::Send { wire, .. } if wire.len() % 2 == 1)
        {
            self.manner = Manner::Truncates;
        }
        self.keys = keys;
        self.end_rule = end_rule;
        self.is_arranged = true;
    }

    /// Whether its data connection is secured.
    pub(crate) const fn is_private(&self) -> bool {
        self.keys.is_some()
    }

    /// Whether an end that it does not announce is none.
    pub(crate) fn must_announce(&self) -> bool {
        self.is_private() && self.end_rule == EndRule::Announced
    }

    /// The data connection stands: TLS begins, if it is to.
    pub(super) fn begin_secrecy(&mut self) {
        let Some(keys) = self.keys.clone().filter(|_| self.secret.is_none()) else {
            return;
        };
        if self.foul.is_some() {
            return;
        }
        let hello = keys.hello();
        self.foul = match self.manner {
            Manner::Garbles => Some(b"whole 1 2\nnot a hello at all".to_vec()),
            Manner::Halts(count) | Manner::Breaks(count) => {
                Some(hello[..count.min(hello.len() - 1)].to_vec())
            }
            _ => {
                self.secret = Some(keys.for_data());
                None
            }
        };
    }

    /// Says what is no hello; hears an alert, at the most.
    pub(super) fn spoil(&mut self, id: WireId, world: &mut World) -> Option<Duration> {
        let foul = self.foul.as_mut()?;
        while !foul.is_empty() {
            match world.write(id, Side::Client, foul) {
                Ok(count) => drop(foul.drain(..count)),
                Err(_) => break,
            }
        }
        let is_said = foul.is_empty();
        if is_said && !matches!(self.manner, Manner::Halts(_)) {
            self.note_the_end(world);
        }
        if is_said && matches!(self.manner, Manner::Breaks(_)) {
            self.end = Some(End::Broken);
            world.reset_by_client(id);
            return None;
        }
        let mut buffer = [0; 64];
        match world.read(id, Side::Client, &mut buffer) {
            Ok(count @ 1..) => {
                if let Some(fault) = self.reproach.hear(&buffer[..count]) {
                    world.violate(fault);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => {
                self.end = Some(End::Broken);
                world.close(id, Side::Client);
            }
        }
        None
    }

    /// What is wrong with the final reply, as far as TLS is concerned.
    pub(crate) fn fault_of_security(
        &self,
        code: u16,
        policy: Option<DataSession>,
        is_excused: bool,
    ) -> Option<&'static str> {
        let is_resumed = self.secret.as_deref().and_then(Secret::is_resumed);
        let must_resume = policy == Some(DataSession::Require);
        match code {
            226 if self.foul.is_some() => Some("226 without a handshake"),
            226 if self.manner == Manner::Truncates && self.is_upload() && self.must_announce() => {
                Some("226 for an end that was not announced")
            }
            226 if must_resume && is_resumed == Some(false) => {
                Some("226 for a data connection that resumed no session")
            }
            // The refusal of one that would not be secured.
            522 if !self.begun && !self.is_private() => None,
            522 if !self.begun => Some("522 before the 150 for what would be secured"),
            522 if !self.is_private() => Some("522 for a data connection in the clear"),
            522 if is_excused || (must_resume && is_resumed != Some(true)) => None,
            522 => Some("522 for no reason"),
            _ => None,
        }
    }

    /// Every byte is sent, and now the end: whether the server can take it for one.
    pub(super) fn end_upload(&mut self, id: WireId, world: &mut World) -> bool {
        let Some(secret) = &mut self.secret else {
            return world.shutdown(id, Side::Client).is_ok();
        };
        if secret.is_handshaking() {
            return false;
        }
        if self.manner == Manner::Truncates {
            let is_ended =
                secret.flush(id, world).is_ok() && world.shutdown(id, Side::Client).is_ok();
            if is_ended && self.must_announce() {
                self.note_the_end(world);
            }
            return is_ended && !self.must_announce();
        }
        let is_announced = secret.say_end(id, world).is_ok();
        // Who has heard the announcement does not wait for this, which many clients leave out.
        let says_more = matches!(&self.goods, Goods::Send { wire, .. } if wire.len() % 3 > 0);
        if is_announced && says_more {
            world.shutdown(id, Side::Client).ok();
        }
        is_announced
    }

    /// How its data connection says that the file ends.
    pub(super) fn ending(&self) -> Ending {
        match (&self.keys, self.manner) {
            (None, _) => Ending::Plain,
            (Some(_), manner) if manner != Manner::Truncates && self.is_all_sent() => {
                Ending::Announced
            }
            (Some(_), _) => Ending::Unannounced {
                is_allowed: self.end_rule == EndRule::Unclean,
            },
        }
    }

    /// It will not be whole, and the server can know.
    pub(super) fn note_the_end(&mut self, world: &World) {
        let can_know = self.is_upload() || self.foul.is_some();
        if can_know && self.begun {
            self.gave_up.get_or_insert(world.now);
        }
    }

    /// Since when the server could have known that it will not be whole.
    pub(crate) const fn gave_up(&self) -> Option<Duration> {
        self.gave_up
    }

    /// Whether it is an upload of which a part is sent.
    pub(crate) const fn is_half_sent(&self) -> bool {
        let sent = match &self.goods {
            Goods::Send { sent, finished, .. } if !*finished => *sent,
            _ => 0,
        };
        sent > 0 && self.begun
    }

    pub(super) const fn is_upload(&self) -> bool {
        matches!(self.goods, Goods::Send { .. })
    }
}

/// What is heard by one who said no proper hello: an alert, in the clear, and nothing else.
#[derive(Default)]
pub(super) struct Reproach {
    heard: Vec<u8>,
}

impl Reproach {
    /// What is wrong with it.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Option<String> {
        self.heard.extend_from_slice(bytes);
        let begins = self.heard.first().is_none_or(|&first| first == ALERT);
        let is_alert = begins && self.heard.len() <= ALERT_BYTES;
        let shown = self.heard.escape_ascii();
        (!is_alert).then(|| format!("{shown} where TLS should begin"))
    }
}

const ALERT: u8 = 21;

/// The header of its record, its level and what it is.
const ALERT_BYTES: usize = 5 + 2;

pub(super) fn is_blocked(read: &io::Result<usize>) -> bool {
    let blocked = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    read.as_ref().is_err_and(blocked)
}

/// What is not TLS where it should be is excused by no weather.
pub(super) fn complain_of(read: &io::Result<usize>, world: &mut World) {
    if let Err(error) = read
        && error.kind() == io::ErrorKind::InvalidData
    {
        world.violate(format!("on a data connection: {error}"));
    }
}
