//! When a command may get another reply than the state of its session prescribes. This table is complete,
//! except for connections that end without a last reply (see `excuses`).
//!
//! | circumstance | excuses | checked by |
//! |---|---|---|
//! | the device failed or a storage call panicked after it was sent | 451 | [`has_failed`](ReplyContext::has_failed) |
//! | the device was full after it was sent | 452 to writes | [`was_full`](ReplyContext::was_full) |
//! | usage was being counted after it was sent | writes: 450, 552, and 426 after ABOR or an end | [`was_uncounted`](ReplyContext::was_uncounted) |
//! | the quota was exhausted after it was sent | 552 to writes | [`was_beyond_quota`](ReplyContext::was_beyond_quota) |
//! | `EMFILE` after it was sent | 425 | [`lacked_descriptor`](ReplyContext::lacked_descriptor) |
//! | the single passive port was not free for its address in time, or until ABOR | 425 to PASV and EPSV | [`lacked_port`](ReplyContext::lacked_port) |
//! | the passive port was kept from a refusal, or timed out | 425; 226 and 225 to ABOR | [`may_be_lost`](SessionModel::may_be_lost) |
//! | a reload came between the command and its reply | the replies under either rules | [`permissions`](super::login_state::LoginState::permissions) |
//! | other clients change `/misc/d0` to `/misc/d3` and `/shared` | 550 or 553, and success | the rules of these names |
//! | the data connection was cut, late or missing | 425, 426, 522 | `transfer_ends` |
//! | a stop signal, or a reload that revokes something of this client | 421, 425, 426 | [`is_being_ended`](FtpClient::is_being_ended) |
//! | a ban may have begun, or a limit may be reached, unobserved | 421 or the greeting | `world::admission` |
//! | the fault plan has long delays | lateness, up to the time-outs | [`is_prompt`](crate::fault_plan::FaultPlan::is_prompt) |

use std::time::Duration;

use super::conversation::PendingCommand;
use super::ftp_client::FtpClient;
use super::session_model::{DataSetup, ReplyContext, SessionModel};
use crate::world::World;

impl ReplyContext<'_> {
    /// Whether the device failed, or a storage call panicked, after `since`.
    pub(super) fn has_failed(&self, since: Duration) -> bool {
        self.last_faults.device.is_some_and(|at| at >= since)
    }

    pub(super) fn was_full(&self, since: Duration) -> bool {
        self.last_faults.full.is_some_and(|at| at >= since)
    }

    pub(super) fn was_uncounted(&self, since: Duration) -> bool {
        self.last_faults.uncounted.is_some_and(|at| at >= since)
    }

    pub(super) fn was_beyond_quota(&self, since: Duration) -> bool {
        self.last_faults.quota.is_some_and(|at| at >= since)
    }

    pub(super) fn lacked_descriptor(&self, since: Duration) -> bool {
        self.last_faults.descriptor.is_some_and(|at| at >= since)
    }

    /// Whether it has waited in vain for the only port of the range.
    pub(super) fn lacked_port(&self, since: Duration) -> bool {
        let waited = self.now.saturating_sub(since);
        self.config.has_range && waited >= self.config.timings.data_connect
    }

    /// These codes, and 451 if the disk failed.
    pub(super) fn on_disk(&self, command: &PendingCommand, mut codes: Vec<u16>) -> Vec<u16> {
        if self.has_failed(command.since) {
            codes.push(451);
        }
        codes
    }
}

impl SessionModel {
    /// Whether the passive port may be closed by now: data arrived on a kept connection, or no connection
    /// came in time.
    pub(super) fn may_be_lost(&self, context: &ReplyContext<'_>) -> bool {
        match self.data_setup() {
            DataSetup::Kept => true,
            DataSetup::Passive(since) => {
                context.now.saturating_sub(since) >= context.config.timings.data_connect
            }
            DataSetup::Nothing | DataSetup::Active => false,
        }
    }
}

impl FtpClient {
    /// Whether the server may end its session or transfer for a stop or a reload.
    pub(super) fn is_being_ended(&self, world: &World) -> bool {
        let reload = self.config.reload.as_ref();
        let has_come = reload.is_some_and(|one| one.has_come(world.now));
        !world.stops.is_empty() || has_come && self.may_be_revoked()
    }
}
