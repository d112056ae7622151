//! How a client ends its session.

use std::time::Duration;

use super::conversation::CommandKind;
use super::file_model::UploadFate;
use super::ftp_client::{ClientState, FtpClient};
use super::grammar::Line;
use super::profile::Disconnect;
use super::transfer::Transfer;
use crate::rng::Odds;
use crate::world::{Side, World};

impl FtpClient {
    pub(super) fn start_disconnect(&mut self, world: &mut World) {
        world.note(|| format!("client {}: {:?}", self.number, self.profile.disconnect));
        self.enter(ClientState::Leaving);
        match self.profile.disconnect {
            Disconnect::Quit => {
                self.send_line(Line::new(CommandKind::Quit, "QUIT"), world);
                self.maybe_send_behind_quit(world);
            }
            Disconnect::QuitAndHalfClose => {
                self.send_line(Line::new(CommandKind::Quit, "QUIT"), world);
                // Unsent TLS records would be lost.
                if !self.control.has_queued() && !self.control.is_encrypted() {
                    self.control.half_close(false, world);
                }
            }
            Disconnect::GoSilent => {}
            Disconnect::HalfClose if !self.control.has_unsent() => self.half_close(world),
            Disconnect::HalfClose => self.enter(ClientState::Active),
            Disconnect::StopReading => self.stop_reading(world),
            Disconnect::Close | Disconnect::Kill => self.close_all(world),
            Disconnect::Reset => self.disconnect_now(world),
            Disconnect::Vanish => {
                self.leave_upload_open(UploadFate::Unknown);
                let data = self.data_id();
                for id in self.control.id().into_iter().chain(data) {
                    world.vanish(id);
                }
                self.enter(ClientState::Gone);
            }
        }
        if self.state() == ClientState::Active {
            self.wake_at(world.now + Duration::from_millis(100), world);
        }
    }

    /// Commands behind QUIT are ignored; they must not cost the client its 221.
    fn maybe_send_behind_quit(&mut self, world: &mut World) {
        if self.rng.one_in(3) {
            self.control.queue(b"NOOP\r\nPWD\r\n");
            self.control.flush(world);
        }
    }

    /// A client that is killed or half-closes usually does so during an upload; one that closes does so
    /// right after its upload.
    pub(super) fn maybe_disconnect_early(&mut self, world: &mut World) {
        let is_early =
            self.transfer
                .as_ref()
                .is_some_and(|transfer| match self.profile.disconnect {
                    Disconnect::Kill | Disconnect::QuitAndHalfClose | Disconnect::HalfClose => {
                        transfer.is_half_sent() && self.rng.one_in(3)
                    }
                    Disconnect::Close => {
                        transfer.has_begun()
                            && transfer.payload().is_all_sent()
                            && !transfer.is_answered()
                    }
                    _ => false,
                });
        // Nothing may be sent behind AUTH and CCC.
        if self.state() == ClientState::Active && is_early && !self.is_switching() {
            self.start_disconnect(world);
        }
    }

    /// Closes both connections, in either order.
    fn close_all(&mut self, world: &mut World) {
        let is_killed = self.profile.disconnect == Disconnect::Kill;
        // With nothing else to read, the server sees the end of the control connection at once.
        let is_seen = !self.profile.pipelines
            && !self.control.has_queued()
            && self.conversation.pending().len() <= 1;
        // Where `close_notify` is required, an early FIN does not complete the upload.
        let is_announced = self
            .transfer
            .as_ref()
            .is_some_and(|transfer| transfer.connection.must_announce());
        let is_broken = is_announced || (is_killed && is_seen);
        let is_own = self.upload().is_some();
        self.leave_upload_open(if !is_killed && self.must_be_whole(world) {
            UploadFate::MustBeWhole
        } else {
            UploadFate::Unknown
        });
        let data = self.data_id();
        // A truncated file in `/shared` would break the check of the others.
        if let Some(id) = data.filter(|_| !is_own && !is_broken) {
            world.reset_on_close(id, Side::Client);
        }
        match self.control.id() {
            Some(control) if is_killed => world.kill(control, data),
            control => {
                data.inspect(|id| world.close(*id, Side::Client));
                if let Some((control, data)) = control.zip(data) {
                    world.deliver_after(control, data);
                }
                control.inspect(|id| world.close(*id, Side::Client));
            }
        }
        self.enter(ClientState::Gone);
    }

    /// Whether the upload must be committed: all is sent, the server holds and takes the data connection, and
    /// no fault can affect it.
    fn must_be_whole(&self, world: &World) -> bool {
        let fault_plan = &self.config.fault_plan;
        let none = Odds(0);
        let is_kind = fault_plan.is_prompt()
            && [
                fault_plan.reset,
                fault_plan.disk_error,
                fault_plan.disk_full,
                fault_plan.uncounted,
                fault_plan.panic,
            ] == [none; 5];
        let has_room = self.config.quota.is_none();
        let is_served = !self.may_be_ended() && !self.config.is_proxied;
        let transfer = self.transfer.as_ref();
        let must_resume = self.config.must_resume();
        is_kind
            && has_room
            && is_served
            && transfer.is_some_and(|transfer| {
                transfer.has_begun()
                    && !transfer.has_aborted()
                    && transfer.payload().is_all_sent()
                    && transfer.connection.is_held(world)
                    && !transfer.connection.is_refused(must_resume)
            })
    }

    /// Ends TLS only, with a last command just before it, or half-closes the connection.
    fn half_close(&mut self, world: &mut World) {
        let announces = self.control.is_encrypted() && self.profile.sends_close_notify;
        if announces {
            self.send_line(Line::new(CommandKind::Noop, "NOOP"), world);
            if self.control.has_queued() {
                // The socket has no room for it yet.
                self.enter(ClientState::Active);
                return;
            }
        }
        self.control.half_close(announces, world);
    }

    pub(super) fn stop_reading(&mut self, world: &mut World) {
        self.leave_upload_open(UploadFate::Unknown);
        self.enter(ClientState::NotReading);
        let capacity = self.config.fault_plan.capacity;
        let lines = if self.rng.one_in(2) {
            capacity.min(30_000) / 8
        } else {
            0
        };
        for _ in 0..lines {
            self.control.queue(b"NOOP\r\n");
        }
        if self.transfer.is_none() {
            let burst: &[u8] = self.rng.pick(&[b"", b"EPSV\r\nRETR /pub/2\r\n"]);
            self.control.queue(burst);
            if !burst.is_empty() {
                self.note_request(b"RETR /pub/2");
            }
        }
        self.control.flush(world);
    }

    /// Resets all remaining connections.
    pub(super) fn disconnect_now(&mut self, world: &mut World) {
        self.leave_upload_open(UploadFate::Unknown);
        self.enter(ClientState::Gone);
        if let Some(mut transfer) = self.transfer.take() {
            if let Some(id) = transfer.connection.id() {
                world.reset_on_close(id, Side::Client);
            }
            transfer.hang_up(world);
        }
        if let Some(id) = self.control.take_id() {
            if self.profile.disconnect == Disconnect::Reset {
                world.reset_by_client(id);
            } else {
                world.close(id, Side::Client);
            }
        }
    }

    /// No reply will tell the result of the upload.
    pub(super) fn leave_upload_open(&mut self, fate: UploadFate) {
        let upload_facts = self.upload_facts();
        let transfer = self.transfer.as_mut();
        if let Some(upload) = transfer.and_then(Transfer::take_upload) {
            self.file_model.set_unanswered(upload, upload_facts, fate);
        }
    }
}
