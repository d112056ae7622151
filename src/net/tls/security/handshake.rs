//! The handshake, in the two halves of a step: what moves records, and what computes. RFC 8446 §4.
//!
//! The event loop does the first half, which costs some system calls, and a worker the second, which may
//! cost a signature. A worker that has the socket as well does both. A step is computed when a record or its
//! header is complete, since rustls can do nothing before.

use std::io;

use super::{Security, TlsState};
use crate::limits::TLS_READS_PER_CALL;
use crate::net::tls::Computation;
use crate::net::tls::failure::closed_in_handshake;
use crate::net::tls::wire::RecordPosition;
use crate::net::{HandshakeStep, Stream};

impl Security {
    /// See [`Channel::handshake`](crate::net::Channel::handshake).
    pub fn handshake(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        for _ in 0..TLS_READS_PER_CALL {
            match self.exchange(socket)? {
                HandshakeStep::Finished => return Ok(()),
                HandshakeStep::Compute(_) => self.compute()?,
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// See [`Channel::exchange`](crate::net::Channel::exchange).
    pub fn exchange(&mut self, socket: &mut dyn Stream) -> io::Result<HandshakeStep> {
        self.flush(socket)?;
        if self.state == TlsState::Checked {
            self.state = TlsState::Established;
        }
        if !self.is_handshaking() {
            return Ok(HandshakeStep::Finished);
        }
        for _ in 0..TLS_READS_PER_CALL {
            let is_whole = self.peer_closed || self.position.is_between_records();
            if self.is_computable && is_whole {
                return Ok(HandshakeStep::Compute(Computation));
            }
            if self.peer_closed {
                // A version is chosen only when a whole ClientHello was received.
                let has_hello = self.tls.protocol_version().is_some();
                let is_partial = self.position != RecordPosition::default();
                let why = closed_in_handshake(has_hello || is_partial);
                return Err(self.failed(why, io::ErrorKind::UnexpectedEof));
            }
            match self.receive(socket) {
                // What has come is computed first. It may be the header of a record that has no end, which
                // fills the buffer of rustls.
                Err(_) if self.is_computable => return Ok(HandshakeStep::Compute(Computation)),
                received => received?,
            };
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Computes the step of the handshake for which [`exchange`](Self::exchange) has received records. It may
    /// take a signature, and so is not for the event loop.
    ///
    /// # Errors
    /// The peer violated TLS, or is not accepted.
    pub fn compute(&mut self) -> io::Result<()> {
        let plaintext = self.decrypt()?;
        if !self.tls.is_handshaking() {
            self.check_session()?;
            self.check_client()?;
            self.state = TlsState::Checked;
            // What came with the end of the handshake: the socket will not report it.
            self.more_pending = plaintext > 0;
        }
        Ok(())
    }
}
