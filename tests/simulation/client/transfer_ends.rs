//! Checks the end of a transfer against what happened to its data connection.

use std::time::Duration;

use mioftpd::internals::limits::PASSIVE_TURN;

use super::ftp_client::FtpClient;
use super::session_model::needed_for;
use super::transfer::{Behaviour, Transfer};
use crate::fault_plan::FaultPlan;
use crate::world::World;

impl Transfer {
    /// The violation in the final reply, as far as TLS is concerned.
    fn tls_violation(
        &self,
        code: u16,
        must_resume: bool,
        is_excused: bool,
    ) -> Option<&'static str> {
        let is_resumed = self.connection.is_resumed();
        match code {
            226 if self.connection.has_bad_hello() => Some("226 without a handshake"),
            226 if self.behaviour() == Behaviour::OmitsCloseNotify
                && self.payload().is_upload()
                && self.connection.must_announce() =>
            {
                Some("226 for a FIN without close_notify")
            }
            226 if must_resume && is_resumed == Some(false) => {
                Some("226 for a data connection that resumed no session")
            }
            // Refused because PROT P is required.
            522 if !self.has_begun() && !self.connection.is_protected() => None,
            522 if !self.has_begun() => {
                Some("522 before the 150, though the data connection would use TLS")
            }
            522 if !self.connection.is_protected() => {
                Some("522 for a data connection in the clear")
            }
            522 if is_excused || self.connection.is_refused(must_resume) => None,
            522 => Some("522 for no reason"),
            _ => None,
        }
    }
}

impl FtpClient {
    /// Checks code and time of the final reply.
    pub(super) fn check_ending(&self, code: u16, since: Duration, text: &str, world: &mut World) {
        let is_being_ended = self.is_being_ended(world);
        let data_setup = self.model.data_setup_since();
        let lacked_descriptor = world
            .last_faults()
            .descriptor
            .is_some_and(|at| at >= data_setup);
        let Some(transfer) = &self.transfer else {
            return;
        };
        // Unless accept(2) failed, 425 needs the time-out of a client that never connected.
        let accepts = !lacked_descriptor && !transfer.connection.is_active();
        // Less if others may wait for the only port.
        let time = self.config.timings.data_connect;
        let is_early = if self.config.has_range {
            world.now.saturating_sub(data_setup) < time.min(PASSIVE_TURN)
        } else {
            world.now.saturating_sub(since) < time
        };
        // Behind a proxy the client is unknown at accept time.
        let is_at_once = !self.config.is_proxied && !transfer.connection.is_protected();
        let was_known = is_at_once && transfer.connection.was_accepted(world);
        let is_its_own = transfer.has_begun() || !transfer.has_aborted();
        let is_undisturbed = transfer.is_undisturbed(world);
        // Data on a kept connection may have closed it.
        let is_there = !transfer.is_kept() || is_undisturbed;
        let is_reason = transfer.has_begun() && is_early || was_known && is_there;
        if code == 425 && accepts && is_its_own && is_reason && !is_being_ended {
            self.report("425 for no reason", world);
        }
        let is_calm = self.config.fault_plan.is_prompt() && !is_being_ended;
        let is_left_alone = self.control.half_closed().is_none() && !transfer.has_aborted();
        // This holds however slow the disk is. Over TLS a chunk counts when it is written as a whole, for
        // which a narrow window may take until the time-out.
        let fault_plan = &self.config.fault_plan;
        let is_narrow = transfer.connection.is_protected() && fault_plan.capacity < 2_000;
        let is_served = fault_plan.is_timely() && !is_narrow && !is_being_ended;
        if code == 426 && is_served && is_left_alone && is_undisturbed {
            self.report("an undisturbed transfer was cut", world);
        }
        if text.starts_with("Connection closed") && is_undisturbed {
            self.report("an open data connection was reported as closed", world);
        }
        let login_state = self.model.login_state();
        let lost = login_state.lost_since(needed_for(transfer.kind()), &self.config);
        let late = lost.map(|lost| world.now.saturating_sub(lost));
        let is_late = late.is_some_and(|late| late > FaultPlan::PROMPT_LIMIT);
        if code == 226 && is_late && self.config.fault_plan.is_prompt() {
            let violation = format!("226, though its permission was revoked {late:?} ago");
            self.report(&violation, world);
        }
        let must_resume = self.config.must_resume();
        let is_excused = !is_calm || !is_left_alone || !is_undisturbed;
        if let Some(violation) = transfer.tls_violation(code, must_resume, is_excused) {
            self.report(violation, world);
        }
        let since = transfer
            .gave_up()
            .map(|since| world.now.saturating_sub(since));
        // Behind a proxy, or where sessions of one address share a port, a client that left may never have
        // been identified: the server then waits for another connection, until the time-out or an ABOR.
        let is_unknown = self.config.is_proxied || self.config.has_range && must_resume;
        let is_told = code != 425 && is_left_alone || !is_unknown;
        if is_calm && is_told && since.is_some_and(|since| since > FaultPlan::PROMPT_LIMIT) {
            self.report(&format!("{code} came {since:?} after the end"), world);
        }
    }
}
