//! Whether an upload is whole when its connections end: decided here, and nowhere else.
//!
//! In MODE S without TLS the end of the data connection is the end of the file (RFC 959 §3.4), and the
//! kernel of a client that is killed ends both connections in order, too. A client that is killed was
//! waiting for room to send, and then its control connection ends first, because the data connection has
//! bytes to send before; or it was waiting for its next bytes, and then both end together (Linux closes the
//! younger, the data connection, first) a while after the last of them. A client that is done ends the data
//! connection at once behind the last byte, and may end the control connection in the same moment. So the
//! order of the two ends decides, and, where both are there, the pause before:
//!
//! | data connection | control connection | the upload |
//! |---|---|---|
//! | announces its end: TLS `close_notify`, MODE B, MODE Z, STRU R | any | whole |
//! | ends without that announcement, or by a reset | any | cut |
//! | ends without `close_notify`, where that is allowed | any | as one without TLS that ends in order |
//! | ends in order | stands; later than [`UPLOAD_END_PAUSE`] after the last byte, for as long again | whole |
//! | ends in order, within [`UPLOAD_END_PAUSE`] after its last byte | ends or is reset behind it | whole |
//! | ends in order | has said QUIT, and ends in order, before or behind it | whole |
//! | ends in order, later than that | ends or is reset behind it | cut |
//! | ends in order | has ended or was reset before | cut |
//! | has not ended, and will announce its end | has ended | goes on |
//! | has not ended, and cannot announce its end | has ended, with no QUIT | cut at once |
//!
//! The order is the one in which the kernel saw the ends, watched from before the 150 leaves. It may see
//! them in another order than they were sent if they are microseconds apart (a segment waits while its
//! connection is in a call) or the machine is overloaded. Where the order is not known (the client
//! connected and ended everything before its connection was accepted), an upload whose control connection
//! has ended is cut. None of this is proof: a client that is killed within the pause looks like one that is
//! done. TLS and MODE B are proof. What is kept of a cut upload is not decided here.
//!
//! [`UPLOAD_END_PAUSE`]: crate::limits::UPLOAD_END_PAUSE

use log::Level;

use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::data::{Link, TransferState};
use super::socket_role::SocketRole;
use super::upload_end::{Pause, UploadEnd};
use crate::cause::cause;
use crate::event_loop::Token;
use crate::net::{Ends, Stream};
use crate::session::{Repeated, SessionEvent};
use crate::transfer::Transfer;

/// What to do with an upload whose data connection has ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Commit it.
    Whole,
    Cut,
    /// Read first what the control connection has received.
    Later,
    /// Wait [`UPLOAD_END_PAUSE`](crate::limits::UPLOAD_END_PAUSE) for the control connection to end as well.
    Confirm,
}

impl Connection {
    /// Begins to watch the ends of an upload's connections, once the data connection is there or being made.
    pub(super) fn watch_ends(&mut self, context: &mut LoopContext) {
        let key = self.key();
        let is_protected = self.session.protects_data();
        let may_be_unclean = self.allows_unclean_end(context);
        let Some(data) = self.data.as_deref_mut() else {
            return;
        };
        let TransferState::AwaitingLink(source) = data.state() else {
            return;
        };
        let is_watched = matches!(data.end, UploadEnd::Announced | UploadEnd::Watched(..));
        if is_watched || !source.is_inbound() {
            return;
        }
        let stream: &dyn Stream = match data.link() {
            _ if source.announces_end() || (is_protected && !may_be_unclean) => {
                data.end = UploadEnd::Announced;
                return;
            }
            Link::Connecting(stream) => stream.as_ref(),
            Link::Open(channel) | Link::Computing(channel, _) => channel,
            Link::Absent | Link::Passive(_) | Link::Target(_) | Link::Failed => {
                data.end = UploadEnd::Unwatched;
                return;
            }
        };
        let control: (&dyn Stream, _) = (&self.stream, SocketRole::Control(key).to_token());
        let pair = [control, (stream, SocketRole::Data(key).to_token())];
        data.end = match context.io.network.watch_ends(pair) {
            Ok(watch) => UploadEnd::Watched(watch, Pause::None),
            Err(error) => {
                let error = cause(&error);
                log::debug!(
                    "{}: Cannot watch the ends of an upload: {error}",
                    self.session.peer()
                );
                UploadEnd::Unwatched
            }
        };
    }

    /// Whether an upload over TLS may end without `close_notify`. It is then watched like one without TLS.
    pub(super) fn allows_unclean_end(&self, context: &LoopContext) -> bool {
        let key = self.session.allows_unclean_end(&context.policy.settings);
        key.is_some()
    }

    /// The data connection of an upload has ended in order: with `close_notify` if it is over TLS, or
    /// without it where that is allowed.
    pub(super) fn data_connection_ended(&mut self, transfer: &Transfer, context: &mut LoopContext) {
        if transfer.has_accepted_unclean_end() {
            self.notify(SessionEvent::EndedUnclean, context);
        } else if self.session.protects_data() {
            self.forget_ends(context);
            self.data().end = UploadEnd::Announced;
        }
    }

    /// Logs which key would have allowed a failed upload to end as it did.
    pub(super) fn log_unclean_end(&mut self, transfer: &Transfer) {
        if transfer.has_rejected_unclean_end() {
            let text = format_args!(
                "The client ended the data connection of an upload without close_notify, so it \
                 may have been cut; tls.unclean-uploads or account.unclean-uploads would allow that"
            );
            self.log_once(Repeated::UncleanEnd, Level::Warn, text);
        }
    }

    /// Decides on an upload of `moved` bytes whose data connection has ended in order.
    pub(super) fn decide_on_upload(&mut self, moved: u64, context: &mut LoopContext) -> Decision {
        let control_ended = match self.data.as_deref().map(|data| &data.end) {
            Some(UploadEnd::Announced) => return Decision::Whole,
            Some(UploadEnd::Watched(watch, pause)) => match context.io.network.ends(watch) {
                Ends::Only(token) if is_data(token) => {
                    let is_open = !pause.is_short(moved) && !matches!(pause, Pause::Confirmed);
                    return if is_open {
                        Decision::Confirm
                    } else {
                        Decision::Whole
                    };
                }
                Ends::Both(token) if is_data(token) && pause.is_short(moved) => {
                    return Decision::Whole;
                }
                Ends::Only(_) | Ends::Both(_) => true,
                Ends::Neither => false,
            },
            _ => false,
        };
        if control_ended {
            // The commands in front of its end count, and its event may not have come yet.
            self.data().require_control_probe();
        }
        match self.phase {
            Phase::Open if self.wants_read() => Decision::Later,
            Phase::Open if control_ended => Decision::Cut,
            Phase::Open => Decision::Whole,
            // Behind a QUIT nothing is read that would show a reset.
            Phase::HalfOpen if self.has_quit() && self.stream.connected().is_ok() => {
                Decision::Whole
            }
            _ => Decision::Cut,
        }
    }

    /// The control connection has ended or was reset: whether an upload goes on without it, because
    /// its data connection has ended before, or will announce its end.
    pub(super) fn upload_outlives_control(&self, context: &mut LoopContext) -> bool {
        let Some(data) = self.data.as_deref() else {
            return false;
        };
        let has_stream = match data.state() {
            TransferState::OnLoop(..)
            | TransferState::Paused(..)
            | TransferState::OnWorker(..)
            | TransferState::AwaitingCommit(..)
            | TransferState::ConfirmingEnd(_) => true,
            TransferState::AwaitingLink(_) => {
                matches!(data.link(), Link::Open(_) | Link::Computing(..))
            }
            TransferState::Idle
            | TransferState::Refused
            | TransferState::Opening
            | TransferState::FileOpen(_)
            | TransferState::AwaitingClose(_)
            | TransferState::CancelRequested(_)
            | TransferState::Discarding(..) => false,
        };
        let may_announce = self.session.protects_data();
        has_stream
            && match &data.end {
                UploadEnd::None => false,
                UploadEnd::Unwatched => may_announce,
                UploadEnd::Announced => true,
                UploadEnd::Watched(..) if may_announce => true,
                UploadEnd::Watched(watch, _) => match context.io.network.ends(watch) {
                    Ends::Only(token) | Ends::Both(token) => is_data(token),
                    Ends::Neither => false,
                },
            }
    }

    /// Stops watching the ends: the transfer is over, or its end is announced.
    pub(super) fn forget_ends(&mut self, context: &mut LoopContext) {
        let data = self.data();
        if let UploadEnd::Watched(watch, _) = std::mem::take(&mut data.end) {
            context.io.network.forget_ends(watch);
        }
    }
}

fn is_data(token: Token) -> bool {
    matches!(SocketRole::from_token(token), SocketRole::Data(_))
}
