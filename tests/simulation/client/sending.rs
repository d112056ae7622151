//! When a client sends its commands: one by one, pipelined, or during a transfer.

use std::time::Duration;

use super::conversation::CommandKind;
use super::ftp_client::{ClientState, FtpClient};
use super::grammar::Line;
use crate::rng::Odds;
use crate::world::World;

/// Most commands during transfers.
const INTERRUPTIONS: usize = 12;

/// When a client may send.
#[derive(Default)]
pub(super) struct Pacing {
    next_send_at: Duration,
    interruptions: usize,
}

impl Pacing {
    pub(super) const fn pause_until(&mut self, at: Duration) {
        self.next_send_at = at;
    }
}

impl FtpClient {
    pub(super) fn send_commands(&mut self, world: &mut World) {
        let may_send = self.state() == ClientState::Active && self.conversation.was_greeted();
        if !may_send || self.is_switching() {
            return;
        }
        if self.pacing.next_send_at > world.now {
            return self.wake_at(self.pacing.next_send_at, world);
        }
        let is_owed = self.conversation.pending().len() > 0;
        let is_busy = is_owed || self.transfer.is_some();
        if !self.script.is_empty() {
            if self.profile.pipelines {
                while let Some(line) = self.script.next_line() {
                    let is_switch = line.kind.is_switch();
                    self.send_line(line, world);
                    if is_switch {
                        return;
                    }
                }
            } else if !is_owed {
                let pause = self.script.take_pause();
                if pause.is_zero() {
                    if let Some(line) = self.script.next_line() {
                        self.send_line(line, world);
                    }
                } else {
                    self.pacing.next_send_at = world.now + pause;
                }
            }
        } else if !self.script.has_groups_left() && (!is_busy || self.profile.leaves_early) {
            return self.start_disconnect(world);
        } else if self.script.has_groups_left() && (!is_busy || self.profile.pipelines) {
            if self.conversation.pending().len() < 20 {
                self.start_group();
            }
        } else {
            self.interrupt(world);
        }
        let pause = self.rng.time(self.profile.think_time);
        // Bounds the polling of a client that is waiting.
        let longest = Duration::from_millis(if is_busy { 40 } else { 0 });
        let least = self.rng.time(longest).max(longest / 40);
        let pacing = &mut self.pacing;
        pacing.next_send_at = pacing.next_send_at.max(world.now + pause.max(least));
        let may_interrupt =
            pacing.interruptions < INTERRUPTIONS && self.profile.interrupts != Odds(0);
        if !is_busy || self.profile.pipelines || may_interrupt {
            self.wake_at(self.pacing.next_send_at, world);
        }
    }

    fn interrupt(&mut self, world: &mut World) {
        let may =
            self.pacing.interruptions < INTERRUPTIONS && self.conversation.pending().len() < 5;
        if may && self.rng.chance(self.profile.interrupts) {
            self.pacing.interruptions += 1;
            let line = self.interruption();
            self.send_line(line, world);
        }
    }

    pub(super) fn send_line(&mut self, line: Line, world: &mut World) {
        let text = line.bytes.trim_ascii_end();
        let shown = &text[..text.len().min(60)];
        world.note(|| format!("client {} sends {}", self.number, shown.escape_ascii()));
        if let Some(transfer) = line.transfer {
            let mut transfer = *transfer;
            if let Some((at, port)) = line.port {
                transfer.connection.listen_on(at);
                if let Some(port) = port {
                    world.open_client_port(at, port);
                }
            }
            self.transfer = Some(transfer);
        }
        // The server acts on `ABOR now` before it refuses it.
        let is_abort = line.kind == CommandKind::Abor
            || line.kind == CommandKind::Garbage && line.bytes.starts_with(b"ABOR");
        if is_abort && let Some(transfer) = &mut self.transfer {
            transfer.abort_sent();
        }
        if let Some(path) = line.removes {
            self.file_model.removal_sent(path);
        }
        if line.urgent {
            // Telnet IP and Synch (RFC 959 §4.1.3): the urgent mark is on the Data Mark.
            self.control.queue(b"\xff\xf4\xff");
            self.control.flush(world);
            if let Some(id) = self.control.id().filter(|_| !self.control.has_queued()) {
                world.mark_urgent(id);
            }
            self.control.queue(b"\xf2");
        }
        if line.kind.is_transfer() {
            self.note_request(&line.bytes);
        }
        self.control.queue(&line.bytes);
        self.note_login_sent(line.kind, world);
        self.conversation
            .command_sent(line.kind, &line.bytes, line.must, world.now);
        self.control.flush(world);
    }
}
