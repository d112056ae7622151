//! Whether an upload is whole when its connections end: decided here, and nowhere else.
//!
//! In MODE S without TLS the end of the data connection is the end of the file (RFC 959 §3.4), and the
//! system of a client that is killed ends both connections in order too. A client that is killed was
//! waiting for room, and then its control connection ends first, because the data connection has bytes
//! to send before; or it was waiting for its next bytes, and then both end together (Linux closes
//! the younger, the data connection, first) a while after the last of them. A client that is done ends the
//! data connection at once behind the last byte, and may end the control connection in the same moment.
//! So what counts is the order of the two ends, and, where both are there, the pause before:
//!
//! | data connection | control connection | the upload |
//! |---|---|---|
//! | announces its end: TLS `close_notify`, MODE B, MODE Z, STRU R | any | whole |
//! | ends without that announcement, or by a reset | any | cut |
//! | ends without `close_notify`, where that is allowed | any | as one without TLS that ends in order |
//! | ends in order | stands; later than [`END_PAUSE`] after the last byte, for as long again | whole |
//! | ends in order, within [`END_PAUSE`] after its last byte | ends or is reset behind it | whole |
//! | ends in order | has said QUIT, and ends in order, before or behind it | whole |
//! | ends in order, later than that | ends or is reset behind it | cut |
//! | ends in order | has ended or was reset before | cut |
//! | has not ended, and will announce its end | has ended | goes on |
//! | has not ended, and cannot announce its end | has ended, with no QUIT | cut at once |
//!
//! The order is the one in which the kernel has heard of the ends, watched from before the 150 leaves. It
//! may hear of them in another order than they came in where they are microseconds apart (a segment
//! waits while its connection is in a call) or the machine is overloaded. Where the order is not known
//! (the client connected and ended everything before its connection was accepted), an upload whose
//! control connection has ended is cut. Nothing of this is proof: a client that is killed within the
//! pause looks as if it were done. TLS and MODE B are. What of a cut upload is kept is not decided here.

use std::time::{Duration, Instant};

use log::Level;

use super::connection::{Connection, Phase};
use super::context::LoopContext;
use super::data::{Link, Motion};
use super::key::SocketRole;
use crate::cause::cause;
use crate::limits::END_PAUSE;
use crate::net::{EndWatch, Ends, Stream, Token};
use crate::session::{Repeated, SessionEvent};
use crate::transfer::Transfer;

/// How the end of an upload can be known.
#[derive(Default)]
pub(super) enum UploadEnd {
    /// There is no upload.
    #[default]
    None,
    /// The data connection announces it.
    Announced,
    /// By the order in which its connections end, and the pause before.
    Watched(EndWatch, Pause),
    /// By the control connection's still being there.
    Unwatched,
}

/// The time in which nothing has come over the data connection.
///
/// ```text
///   None ──all is read──▶ Since ──there is something to read──▶ Over ──all is read──▶ Since …
/// ```
#[derive(Clone, Copy)]
pub(super) enum Pause {
    /// There was none yet.
    None,
    /// After so many bytes, since then.
    Since(u64, Instant),
    /// After so many bytes there was one as long as this.
    Over(u64, Duration),
    /// The last was too long, and the control connection has had its time to end too.
    Confirmed,
}

/// What an upload is whose data connection has ended in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Whole,
    Cut,
    /// What the control connection has received must be read first.
    Later,
    /// In a moment it is seen whether the control connection ends too.
    Confirm,
}

impl UploadEnd {
    /// All is read that has come, which is so many bytes.
    pub(super) const fn has_drained(&mut self, moved: u64, now: Instant) {
        if let Self::Watched(_, pause) = self {
            *pause = Pause::Since(moved, now);
        }
    }

    /// The control connection has had its time to end too.
    pub(super) const fn has_waited(&mut self) {
        if let Self::Watched(_, pause) = self {
            *pause = Pause::Confirmed;
        }
    }

    /// There is something to read again: bytes, or the end.
    pub(super) fn has_heard(&mut self, now: Instant) {
        if let Self::Watched(_, pause) = self
            && let Pause::Since(moved, since) = *pause
        {
            *pause = Pause::Over(moved, now.saturating_duration_since(since));
        }
    }
}

impl Pause {
    /// Whether the end came at once behind the last of so many bytes.
    fn is_short(self, moved: u64) -> bool {
        match self {
            Self::Over(before, time) => before != moved || time <= END_PAUSE,
            Self::None | Self::Since(..) => true,
            Self::Confirmed => false,
        }
    }
}

impl Connection {
    /// An upload that was begun has its data connection, or is about to: watches how they end.
    pub(super) fn watch_ends(&mut self, context: &mut LoopContext) {
        let key = self.key();
        let is_protected = self.session.protects_data();
        let may_be_unclean = self.allows_unclean_end(context);
        let Some(data) = self.data.as_deref_mut() else {
            return;
        };
        let Motion::Begun(source) = &data.motion else {
            return;
        };
        let is_watched = matches!(data.end, UploadEnd::Announced | UploadEnd::Watched(..));
        if is_watched || !source.is_inbound() {
            return;
        }
        let stream: &dyn Stream = match &data.link {
            _ if source.announces_end() || (is_protected && !may_be_unclean) => {
                data.end = UploadEnd::Announced;
                return;
            }
            Link::Connecting(stream) => stream.as_ref(),
            Link::Open(channel) => channel,
            Link::Absent | Link::Listening(..) | Link::Target(_) | Link::Failed => {
                data.end = UploadEnd::Unwatched;
                return;
            }
        };
        let control: (&dyn Stream, _) = (&self.stream, SocketRole::Control(key).to_token());
        let pair = [control, (stream, SocketRole::Data(key).to_token())];
        data.end = match context.network.watch_ends(pair) {
            Ok(watch) => UploadEnd::Watched(watch, Pause::None),
            Err(error) => {
                let error = cause(&error);
                log::debug!("{}: Cannot watch the ends of an upload: {error}", self.peer);
                UploadEnd::Unwatched
            }
        };
    }

    /// Whether an upload over TLS may end without `close_notify`. Such a one is watched as if it had no
    /// TLS, for the case that it does.
    pub(super) fn allows_unclean_end(&self, context: &LoopContext) -> bool {
        let key = self.session.allows_unclean_end(&context.settings);
        key.is_some()
    }

    /// The data connection of an upload has ended in order: over TLS it has announced that, or did not
    /// have to.
    pub(super) fn hear_upload_end(&mut self, transfer: &Transfer, context: &mut LoopContext) {
        if transfer.has_unclean_end() {
            self.notify(SessionEvent::EndedUnclean, context);
        } else if self.session.protects_data() {
            self.forget_ends(context);
            self.data().end = UploadEnd::Announced;
        }
    }

    /// A transfer has failed: where that was for an end of an upload that could have been allowed, the
    /// log says by what. Only uploads read, and so meet one.
    pub(super) fn tell_of_wrong_end(&mut self, transfer: &Transfer) {
        if transfer.has_wrong_end() {
            let text = format_args!(
                "{}: The client ended the data connection of an upload without close_notify, so it \
                 may have been cut; tls.unclean-uploads or account.unclean-uploads would allow that",
                self.peer
            );
            self.session
                .log_once(Repeated::UncleanEnd, Level::Warn, text);
        }
    }

    /// An upload has its last byte, which is so many, and its data connection has ended in order.
    pub(super) fn decide_on_upload(&mut self, moved: u64, context: &mut LoopContext) -> Decision {
        let control_ended = match self.data.as_deref().map(|data| &data.end) {
            Some(UploadEnd::Announced) => return Decision::Whole,
            Some(UploadEnd::Watched(watch, pause)) => match context.network.ends(watch) {
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
        // Its event may not have come yet.
        self.ready.readable |= control_ended;
        match self.phase {
            Phase::Open if self.ready.readable && self.wants_input() => Decision::Later,
            Phase::Open if control_ended => Decision::Cut,
            Phase::Open => Decision::Whole,
            // Behind a QUIT nothing is read any more that would tell of a reset.
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
        let has_stream = match &data.motion {
            Motion::Here(..)
            | Motion::Resting(..)
            | Motion::Away(_)
            | Motion::Received(_)
            | Motion::Confirming(_) => true,
            Motion::Begun(_) => matches!(data.link, Link::Open(_)),
            Motion::Idle
            | Motion::Refused
            | Motion::Opening
            | Motion::Opened(_)
            | Motion::Sent(_)
            | Motion::Recalled(_)
            | Motion::Discarding(..) => false,
        };
        let may_announce = self.session.protects_data();
        has_stream
            && match &data.end {
                UploadEnd::None => false,
                UploadEnd::Unwatched => may_announce,
                UploadEnd::Announced => true,
                UploadEnd::Watched(..) if may_announce => true,
                UploadEnd::Watched(watch, _) => match context.network.ends(watch) {
                    Ends::Only(token) | Ends::Both(token) => is_data(token),
                    Ends::Neither => false,
                },
            }
    }

    /// Whether an upload has all its bytes, and waits for what the control connection does.
    pub(super) fn confirms_an_end(&self) -> bool {
        let data = self.data.as_deref();
        data.is_some_and(|data| matches!(data.motion, Motion::Confirming(_)))
    }

    /// The transfer is over.
    pub(super) fn forget_ends(&mut self, context: &mut LoopContext) {
        let data = self.data();
        if let UploadEnd::Watched(watch, _) = std::mem::take(&mut data.end) {
            context.network.forget_ends(watch);
        }
    }
}

fn is_data(token: Token) -> bool {
    matches!(SocketRole::from_token(token), SocketRole::Data(_))
}
