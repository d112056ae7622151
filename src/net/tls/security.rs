//! TLS over one socket: what goes in is encrypted, what comes out was, and nothing waits.
//!
//! It owns rustls' state machine and knows neither commands nor files: it moves records between
//! that machine and the socket, as far as the socket goes. What it has encrypted counts as
//! written only when the socket has all of it, so that its callers need no second bookkeeping.
//! An end of the connection that TLS did not announce is an error (RFC 8446 §6.1).

mod bulk;
mod peer_check;
mod unclean_end;

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use rustls::ServerConnection;
use rustls::server::danger::ClientCertVerifier;

use super::ClientCertificates;
use super::failure::{Start, UNKNOWN, closed, words};
use super::sessions::Binding;
use super::wire::{Incoming, Place, Record, Wire};
use crate::limits::{CHUNK_BYTES, TLS_BULK_BYTES, TLS_READS_PER_CALL};
use crate::net::{DataSession, Stream};
use crate::storage::{File, Wait};
use unclean_end::UncleanEnd;

/// What TLS keeps for one connection.
pub struct Security {
    tls: ServerConnection,
    binding: Arc<Binding>,
    /// Of a data connection: whether it must resume.
    data_session: DataSession,
    /// Of a control connection: who decides on its client's certificate.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    stage: Stage,
    /// Bytes that were encrypted and are not reported as written yet: some of their records may
    /// still be here.
    owed: usize,
    /// The peer has said that it ends, or the socket has.
    ended: bool,
    /// Of the records that have come.
    place: Place,
    unclean_end: UncleanEnd,
    /// The last read stopped before the socket was drained.
    unfinished: bool,
    /// Of a connection that goes on in the clear: what has come of the record that is awaited.
    last_records: Record,
    /// Bytes of a file on their way; made for the first one.
    chunk: Vec<u8>,
    remark: Option<String>,
}

/// How far it is.
///
/// ```text
///   Handshaking ──made, sent, and looked at──▶ Established ──we say that we end──▶ Ending
///        └────────────────┴── the peer says what cannot be ──▶ Failed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshaking,
    Established,
    /// What comes now is not looked at any more.
    Ending,
    /// Nor here, behind what cannot be. An alert says so, and is the last that is said.
    Failed,
}

impl Security {
    pub(super) fn new(
        tls: ServerConnection,
        binding: Arc<Binding>,
        data_session: DataSession,
        clients: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Self {
        Self {
            tls,
            binding,
            data_session,
            clients,
            stage: Stage::Handshaking,
            owed: 0,
            ended: false,
            place: Place::default(),
            unclean_end: UncleanEnd::default(),
            unfinished: false,
            last_records: Record::default(),
            chunk: Vec::new(),
            remark: None,
        }
    }

    /// Whether the handshake is still to be made, or TLS has failed.
    pub const fn is_handshaking(&self) -> bool {
        matches!(self.stage, Stage::Handshaking | Stage::Failed)
    }

    /// See [`Channel::has_failed`](crate::net::Channel::has_failed).
    pub const fn has_failed(&self) -> bool {
        matches!(self.stage, Stage::Failed)
    }

    /// See [`Channel::handshake`](crate::net::Channel::handshake).
    pub fn handshake(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        for _ in 0..TLS_READS_PER_CALL {
            self.flush(socket)?;
            if !self.tls.is_handshaking() {
                self.check_session()?;
                self.check_client()?;
                self.stage = Stage::Established;
                return Ok(());
            }
            if self.ended {
                // No version is chosen before a whole hello has come.
                let has_greeted = self.tls.protocol_version().is_some();
                let why = closed(has_greeted || self.place != Place::default());
                return Err(self.failed(why, io::ErrorKind::UnexpectedEof));
            }
            self.fill(socket)?;
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// See [`Channel::unsecure`](crate::net::Channel::unsecure). The records are read one by
    /// one, because behind the last of them the next byte is clear text already. There are
    /// clients that end TLS without saying so: then their first byte is what this gives.
    pub fn end(&mut self, socket: &mut dyn Stream) -> io::Result<Option<u8>> {
        self.announce_end();
        for _ in 0..TLS_READS_PER_CALL {
            self.flush(socket)?;
            if self.ended {
                return Ok(None);
            }
            match self.last_records.read_from(socket)? {
                Incoming::Record(record) => self.fill_from(&mut record.as_slice())?,
                Incoming::Text(first) => return Ok(Some(first)),
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Says that we end (`close_notify`), or what has failed, and takes what the peer has said until
    /// now: closing a socket over bytes that nobody has read resets it, and what was sent is lost.
    pub fn say_end(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        self.announce_end();
        self.flush(socket)?;
        let mut nowhere = [0; 256];
        for _ in 0..TLS_READS_PER_CALL {
            if !matches!(socket.read(&mut nowhere), Ok(1..)) {
                break;
            }
        }
        Ok(())
    }

    /// See [`Channel::has_unread`](crate::net::Channel::has_unread): a read gives everything
    /// but the news that this was all.
    pub const fn has_unread(&self) -> bool {
        self.ended || self.unfinished
    }

    /// See [`Channel::has_unsent`](crate::net::Channel::has_unsent).
    pub fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    /// See [`Channel::flush_some`](crate::net::Channel::flush_some).
    pub fn flush_some(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        if self.tls.wants_write() && self.tls.write_tls(&mut Wire::over(socket))? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        Ok(())
    }

    fn flush(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        while self.has_unsent() {
            self.flush_some(socket)?;
        }
        Ok(())
    }

    /// See [`Channel::take_remark`](crate::net::Channel::take_remark).
    pub const fn take_remark(&mut self) -> Option<String> {
        self.remark.take()
    }

    /// Version and suite, as in `TLSv1_3 TLS13_AES_128_GCM_SHA256, resumed`.
    pub fn protocol(&self) -> String {
        let version = self.tls.protocol_version();
        let suite = self.tls.negotiated_cipher_suite();
        let version = version.map_or_else(String::new, |version| format!("{version:?}"));
        let suite = suite.map_or_else(String::new, |suite| format!(" {:?}", suite.suite()));
        let resumed = if self.is_resumed() { ", resumed" } else { "" };
        format!("{version}{suite}{resumed}")
    }

    /// The account that the client's certificate names, if it has shown one that was verified.
    pub fn client_name(&self) -> Option<Vec<u8>> {
        ClientCertificates::name_of(self.tls.peer_certificates()?)
    }

    /// Reads what is there; 0 is the end that the peer has announced.
    ///
    /// # Errors
    /// `UnexpectedEof` where the socket has ended without that, unless this [is
    /// allowed](Self::allow_unclean_end).
    pub fn read(&mut self, socket: &mut dyn Stream, buffer: &mut [u8]) -> io::Result<usize> {
        if matches!(self.stage, Stage::Ending | Stage::Failed) {
            return read_to_nowhere(socket, buffer);
        }
        if buffer.len() >= TLS_BULK_BYTES {
            return self.read_in_bulk(socket, buffer);
        }
        self.unfinished = false;
        let mut count = 0;
        let mut is_drained = false;
        for _ in 0..TLS_READS_PER_CALL {
            let room = buffer.get_mut(count..).unwrap_or_default();
            if room.is_empty() {
                return Ok(count);
            }
            match self.drain_plaintext(room) {
                Ok(Some(0)) => return Ok(count),
                Ok(Some(more)) => {
                    count += more;
                    continue;
                }
                Ok(None) => {}
                Err(_) if count > 0 => return Ok(count),
                Err(error) => return self.read_failed(error),
            }
            // Stop at a drained socket only with data in hand: an end behind half a record, received
            // together with it, raises no second event.
            if is_drained && count > 0 {
                return Ok(count);
            }
            match self.fill(socket) {
                Ok(drained) => is_drained = drained,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return or_would_block(count);
                }
                Err(error) => return Err(error),
            }
        }
        // Many small records, or such that hold nothing.
        self.unfinished = true;
        if count == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(count)
    }

    /// Encrypts and writes. What is encrypted and not taken by the socket is finished with the
    /// next call, which must begin with the same bytes.
    pub fn write(&mut self, socket: &mut dyn Stream, bytes: &[u8]) -> io::Result<usize> {
        if self.owed == 0 {
            self.flush(socket)?;
            let part = bytes.get(..bytes.len().min(CHUNK_BYTES));
            self.owed = self.tls.writer().write(part.unwrap_or_default())?;
        }
        self.flush(socket)?;
        Ok(self.settle_debt(bytes.len()))
    }

    /// As [`write`](Self::write), with bytes that are read from the file where it must.
    pub fn send_file(
        &mut self,
        socket: &mut dyn Stream,
        file: &dyn File,
        offset: u64,
        count: usize,
    ) -> io::Result<usize> {
        if self.owed == 0 {
            self.flush(socket)?;
            self.chunk.resize(CHUNK_BYTES, 0);
            let room = self.chunk.get_mut(..count.min(CHUNK_BYTES));
            let length = file
                .read_at(room.unwrap_or_default(), offset, Wait::Allowed)
                .map_err(io::Error::other)?;
            let bytes = self.chunk.get(..length).unwrap_or_default();
            self.owed = self.tls.writer().write(bytes)?;
        }
        self.flush(socket)?;
        Ok(self.settle_debt(count))
    }

    fn settle_debt(&mut self, most: usize) -> usize {
        let count = self.owed.min(most);
        self.owed -= count;
        count
    }

    fn announce_end(&mut self) {
        if !matches!(self.stage, Stage::Ending | Stage::Failed) {
            self.stage = Stage::Ending;
            self.tls.send_close_notify();
        }
    }

    /// Reads from the socket once and decrypts. Returns whether that drained the socket.
    fn fill(&mut self, socket: &mut dyn Stream) -> io::Result<bool> {
        let mut wire = Wire::following(socket, &mut self.place);
        let taken = self.tls.read_tls(&mut wire);
        let (was_short, start) = (wire.was_short(), wire.start());
        if taken? == 0 {
            self.ended = true;
        }
        self.decrypt(start)?;
        Ok(was_short)
    }

    /// As [`fill`](Self::fill), from a record in memory.
    fn fill_from(&mut self, record: &mut &[u8]) -> io::Result<()> {
        while !record.is_empty() && self.tls.read_tls(record)? > 0 {}
        self.decrypt(UNKNOWN)
    }

    /// Takes plaintext from rustls: `None` if it has none, `Some(0)` at an announced end.
    fn drain_plaintext(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        match self.tls.reader().read(room) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has rustls process the records that it was given; the last read began with `start`.
    ///
    /// # Errors
    /// `InvalidData`. The alert for the peer is then [unsent](Self::has_unsent).
    fn decrypt(&mut self, start: Start) -> io::Result<()> {
        match self.tls.process_new_packets() {
            Ok(state) => {
                self.ended |= state.peer_has_closed();
                Ok(())
            }
            Err(error) => {
                self.stage = Stage::Failed;
                Err(self.failed(&words(&error, start), io::ErrorKind::InvalidData))
            }
        }
    }

    fn failed(&mut self, why: &str, kind: io::ErrorKind) -> io::Error {
        self.remark = Some(format!("TLS failed: {why}"));
        kind.into()
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Security({})", self.protocol())
    }
}

/// Behind the end of all that is looked at; 0 is the socket's own end.
fn read_to_nowhere(socket: &mut dyn Stream, buffer: &mut [u8]) -> io::Result<usize> {
    match socket.read(buffer)? {
        0 => Ok(0),
        _ => Err(io::ErrorKind::Interrupted.into()),
    }
}

fn or_would_block(count: usize) -> io::Result<usize> {
    match count {
        0 => Err(io::ErrorKind::WouldBlock.into()),
        count => Ok(count),
    }
}
