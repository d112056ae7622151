//! Why a command may get another reply than the one that its session's state has: all circumstances that
//! there are, but for those in which a connection ends without a word (see `excuses`).
//!
//! | circumstance | excuses | asked of |
//! |---|---|---|
//! | the device failed, or a storage call panicked, since it was said | 451 | [`has_failed`](ReplyContext::has_failed) |
//! | the device was full since | 452 to what writes | [`was_full`](ReplyContext::was_full) |
//! | files were being counted since | 450, 552, and 426 with an ABOR or an end, to what writes | [`was_uncounted`](ReplyContext::was_uncounted) |
//! | the quota was used up since | 552 to what writes | [`was_beyond_quota`](ReplyContext::was_beyond_quota) |
//! | there was no descriptor since | 425 | [`lacked_descriptor`](ReplyContext::lacked_descriptor) |
//! | the one port of the range was in use since | 425 to PASV and EPSV | [`lacked_port`](ReplyContext::lacked_port) |
//! | what was arranged was kept from a refusal, or nobody came in time | 425; 226 and 225 to ABOR | [`may_be_lost`](SessionModel::may_be_lost) |
//! | a reload came between what was said and what was heard | the replies by either rules | [`permissions`](SessionModel::permissions) |
//! | other clients change `/misc/d0` to `/misc/d3` and `/shared` | 550 or 553, and success | the rules of these names |
//! | the data connection was cut, never came, or came late | 425, 426, 522 | the haul |
//! | a signal to stop, or a reload that takes something from this client, has come | 421, 425, 426 | [`is_being_ended`](FtpClient::is_being_ended) |
//! | a ban may have begun, or a limit may be reached, while nobody could see it | 421 or the greeting | the gate of the world |
//! | the weather is slow | lateness, up to the times of the configuration | [`is_prompt`](crate::fault_plan::FaultPlan::is_prompt) |

use std::time::Duration;

use super::conversation::PendingCommand;
use super::ftp_client::FtpClient;
use super::session_model::{DataSetup, ReplyContext, SessionModel};
use crate::world::World;

impl ReplyContext<'_> {
    /// The device has failed, or a call has panicked, since a command was said.
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

    /// A passive port was another's at some time since: of a range of one there is no other.
    pub(super) fn lacked_port(&self, since: Duration) -> bool {
        self.config.has_range && self.last_faults.port.is_some_and(|at| at >= since)
    }

    /// These, or 451 where the disk has failed.
    pub(super) fn on_disk(&self, command: &PendingCommand, mut codes: Vec<u16>) -> Vec<u16> {
        if self.has_failed(command.since) {
            codes.push(451);
        }
        codes
    }
}

impl SessionModel {
    /// Whether what was arranged may be closed by now: it was kept, and something has come over it; or
    /// nobody has come to the port in time.
    pub(super) fn may_be_lost(&self, context: &ReplyContext<'_>) -> bool {
        match self.data_setup {
            DataSetup::Kept => true,
            DataSetup::Passive(since) => {
                context.now.saturating_sub(since) >= context.config.timings.data_connect
            }
            DataSetup::Nothing | DataSetup::Active => false,
        }
    }
}

impl FtpClient {
    /// Whether its session, or what it does, may be ended by now without its own doing.
    pub(super) fn is_being_ended(&self, world: &World) -> bool {
        let reload = self.config.reload.as_ref();
        let has_come = reload.is_some_and(|one| one.has_come(world.now));
        !world.stops.is_empty() || has_come && self.may_lose()
    }
}
