//! A TLS handshake on a data connection that the client begins before its command. RFC 4217 §7.
//!
//! The loop moves its records and workers compute its [steps](super::handshake_step), as on the control
//! connection. A transfer that begins meanwhile waits for the step, and then takes the handshake over: its
//! slices are a worker's.

use std::io;

use super::connection::Connection;
use super::context::LoopContext;
use super::data::TransferState;
use crate::net::{Channel, HandshakeStep, Stream as _};

impl Connection {
    /// The direction of the transfer is not known yet, so the stricter limits of one that sends apply.
    pub(super) fn early_handshake_turn(&mut self, context: &mut LoopContext) {
        let Some(channel) = self.data().take_channel() else {
            return;
        };
        match self.protected(channel, true, context) {
            Ok(mut channel) => {
                let step = channel.exchange();
                self.go_on_with_early_handshake(channel, step, context);
            }
            Err(error) => {
                self.log_insecure(&error);
                self.data().fail_link();
            }
        }
    }

    /// Acts on what the socket, or a worker, has done for the handshake. A client that leaves because its
    /// command was refused is no failure.
    pub(super) fn go_on_with_early_handshake(
        &mut self,
        mut channel: Channel,
        step: io::Result<HandshakeStep>,
        context: &mut LoopContext,
    ) {
        let step = step.map_err(|error| error.kind());
        let was_refused = matches!(self.data().state(), TransferState::Refused);
        let has_left = matches!(
            step,
            Err(io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
        );
        if was_refused && has_left {
            return self.lose_link(context);
        }
        if let Some(remark) = channel.take_diagnostic() {
            self.log_diagnostic(&remark);
        }
        let ready = &mut self.data().ready;
        match step {
            // Records that came with its end are in the TLS buffer, not in the kernel's.
            Ok(HandshakeStep::Finished) => ready.readable = true,
            Ok(HandshakeStep::Compute(_)) => return self.await_early_step(channel, context),
            Err(io::ErrorKind::WouldBlock) => ready.clear(channel.handshake_interest()),
            Err(io::ErrorKind::Interrupted) => {}
            Err(_) => {
                // Sends the alert if there is room; nothing waits for that.
                let _ = channel.shutdown();
                return self.data().fail_link();
            }
        }
        self.data().reopen(channel);
    }
}
