//! How a transfer ended, held to what was done to its data connection.

use std::time::Duration;

use super::guest::Guest;
use super::session_model::needed_for;
use crate::weather::Weather;
use crate::world::World;

impl Guest {
    /// Its final reply has come: whether it may be this one, and now.
    pub(super) fn check_ending(&self, code: u16, since: Duration, text: &str, world: &mut World) {
        let is_being_ended = self.is_being_ended(world);
        let arranged = self.model.arranged_since;
        let lacked_descriptor = world.struck().descriptor.is_some_and(|at| at >= arranged);
        let Some(haul) = &self.haul else {
            return;
        };
        // Where accepting has not failed, only the time-out of one who never came can say so.
        let accepts = !lacked_descriptor && haul.port.is_none();
        let is_early = world.now.saturating_sub(since) < self.place.timings.data_connect;
        // Behind a proxy it is accepted before it is known.
        let is_at_once = !self.place.is_proxied && !haul.is_private();
        let was_known = is_at_once && haul.was_accepted(world);
        let is_its_own = haul.begun || !self.has_aborted;
        let is_undisturbed = haul.is_undisturbed(world);
        // What has come over a connection that was kept may have closed it.
        let is_there = !haul.is_kept() || is_undisturbed;
        let is_reason = haul.begun && is_early || was_known && is_there;
        if code == 425 && accepts && is_its_own && is_reason && !is_being_ended {
            self.complain("425 for no reason", world);
        }
        let is_calm = self.place.weather.is_prompt() && !is_being_ended;
        let is_left_alone = self.half_closed.is_none() && !self.has_aborted;
        // However long the disk takes.
        let is_served = self.place.weather.is_smooth() && !is_being_ended;
        if code == 426 && is_served && is_left_alone && is_undisturbed {
            self.complain("an undisturbed transfer was cut", world);
        }
        if text.starts_with("Connection closed") && is_undisturbed {
            self.complain("a data connection that stands was taken for closed", world);
        }
        let lost = self.model.lost_since(needed_for(haul.kind), &self.place);
        let late = lost.map(|lost| world.now.saturating_sub(lost));
        let is_late = late.is_some_and(|late| late > Weather::PROMPTLY);
        if code == 226 && is_late && self.place.weather.is_prompt() {
            self.complain(&format!("226, and its right was lost {late:?} ago"), world);
        }
        let secure = self.place.secure.as_ref().map(|secure| secure.data_session);
        let is_excused = !is_calm || !is_left_alone || !is_undisturbed;
        if let Some(fault) = haul.fault_of_security(code, secure, is_excused) {
            self.complain(fault, world);
        }
        let since = haul.gave_up().map(|since| world.now.saturating_sub(since));
        // Behind a proxy who is gone may never have been known: then another one is awaited, until
        // the time for it is over or the client says so.
        let is_told = code != 425 && is_left_alone || !self.place.is_proxied;
        if is_calm && is_told && since.is_some_and(|since| since > Weather::PROMPTLY) {
            self.complain(&format!("{code} came {since:?} after the end"), world);
        }
    }
}
