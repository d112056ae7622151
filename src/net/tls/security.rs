//! TLS over one non-blocking socket.
//!
//! It owns the state machine of rustls and moves records between it and the socket, as far as the
//! socket allows. Bytes count as written only when the socket has taken all of their records, so that
//! callers need no bookkeeping for them. An end of the socket without `close_notify` is an error
//! (RFC 8446 §6.1). It knows neither commands nor replies.

mod bulk;
mod handshake;
mod peer_check;
mod unclean_end;

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;

use rustls::ServerConnection;
use rustls::server::danger::ClientCertVerifier;

use super::ClientCertificates;
use super::failure::{FirstBytes, UNKNOWN, describe};
use super::sessions::Binding;
use super::wire::{RecordOrText, RecordPosition, RecordReader, Wire};
use crate::limits::{CHUNK_BYTES, TLS_BULK_BYTES, TLS_READS_PER_CALL};
use crate::net::{DataSession, Stream};
use crate::storage::{Error, File, Wait};
use unclean_end::UncleanEnd;

/// The TLS state of one connection.
pub struct Security {
    tls: ServerConnection,
    binding: Arc<Binding>,
    /// Whether a data connection must resume a session; `Off` for a control connection.
    data_session: DataSession,
    /// Verifies client certificates; only for a control connection.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
    state: TlsState,
    /// Plaintext bytes that were encrypted and not yet reported as written: the socket may not have
    /// taken all of their records.
    unreported: usize,
    /// The peer has sent `close_notify`, or the socket has ended.
    peer_closed: bool,
    /// Where the received bytes end in the stream of records.
    position: RecordPosition,
    unclean_end: UncleanEnd,
    /// The last read stopped before the socket was drained.
    more_pending: bool,
    /// Reads the last records before clear text.
    record_reader: RecordReader,
    /// Records were received that rustls has not processed.
    is_computable: bool,
    /// What the record that was received last begins with.
    first_bytes: FirstBytes,
    /// Buffer for `send_file`; allocated by the first call.
    file_chunk: Vec<u8>,
    /// The message for [`take_diagnostic`](Self::take_diagnostic).
    diagnostic: Option<String>,
}

/// ```text
///   Handshaking ──computed──▶ Checked ──written──▶ Established ──close_notify sent──▶ Closing
///        └───────────────────────────────────────────────┴──protocol violation by the peer──▶ Failed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TlsState {
    Handshaking,
    /// The handshake is finished and accepted, and its last records are to be written.
    Checked,
    Established,
    /// Received data is discarded.
    Closing,
    /// Received data is discarded; the alert is the last thing that is sent.
    Failed,
}

impl Security {
    pub(super) fn new(
        tls: ServerConnection,
        binding: Arc<Binding>,
        data_session: DataSession,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Self {
        Self {
            tls,
            binding,
            data_session,
            verifier,
            state: TlsState::Handshaking,
            unreported: 0,
            peer_closed: false,
            position: RecordPosition::default(),
            unclean_end: UncleanEnd::default(),
            more_pending: false,
            record_reader: RecordReader::default(),
            is_computable: false,
            first_bytes: UNKNOWN,
            file_chunk: Vec::new(),
            diagnostic: None,
        }
    }

    /// Whether the handshake is not finished, or TLS has failed.
    pub const fn is_handshaking(&self) -> bool {
        matches!(
            self.state,
            TlsState::Handshaking | TlsState::Checked | TlsState::Failed
        )
    }

    /// See [`Channel::has_failed`](crate::net::Channel::has_failed).
    pub const fn has_failed(&self) -> bool {
        matches!(self.state, TlsState::Failed)
    }

    /// See [`Channel::unsecure`](crate::net::Channel::unsecure). Records are read one at a time,
    /// because clear text follows the last one. Some clients send clear text without `close_notify`:
    /// returns the first byte of it, which had to be read.
    pub fn unsecure(&mut self, socket: &mut dyn Stream) -> io::Result<Option<u8>> {
        self.queue_close_notify();
        for _ in 0..TLS_READS_PER_CALL {
            self.flush(socket)?;
            if self.peer_closed {
                return Ok(None);
            }
            match self.record_reader.read_from(socket)? {
                RecordOrText::Record(record) => self.fill_from(&mut record.as_slice())?,
                RecordOrText::Text(first) => return Ok(Some(first)),
            }
        }
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Sends `close_notify` or the alert of a failure, and discards what the peer has sent so far:
    /// closing a socket with unread bytes resets it, and the peer may lose what was sent.
    pub fn shutdown(&mut self, socket: &mut dyn Stream) -> io::Result<()> {
        self.queue_close_notify();
        self.flush(socket)?;
        let mut discarded = [0; 256];
        for _ in 0..TLS_READS_PER_CALL {
            if !matches!(socket.read(&mut discarded), Ok(1..)) {
                break;
            }
        }
        Ok(())
    }

    /// See [`Channel::has_unread`](crate::net::Channel::has_unread).
    pub const fn has_unread(&self) -> bool {
        self.peer_closed || self.more_pending || self.is_computable
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

    /// See [`Channel::take_diagnostic`](crate::net::Channel::take_diagnostic).
    pub const fn take_diagnostic(&mut self) -> Option<String> {
        self.diagnostic.take()
    }

    /// Version and cipher suite, such as `TLSv1_3 TLS13_AES_128_GCM_SHA256, resumed`.
    pub fn protocol(&self) -> String {
        let version = self.tls.protocol_version();
        let suite = self.tls.negotiated_cipher_suite();
        let version = version.map_or_else(String::new, |version| format!("{version:?}"));
        let suite = suite.map_or_else(String::new, |suite| format!(" {:?}", suite.suite()));
        let resumed = if self.is_resumed() { ", resumed" } else { "" };
        format!("{version}{suite}{resumed}")
    }

    /// The account that the client's verified certificate names, if it has presented one.
    pub fn client_name(&self) -> Option<Vec<u8>> {
        ClientCertificates::name_of(self.tls.peer_certificates()?)
    }

    /// Reads plaintext; 0 is the end that the peer announced by `close_notify`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the socket ends without `close_notify`, unless that [is
    /// allowed](Self::allow_unclean_end). `Interrupted` if the budget of reads gave no plaintext.
    pub fn read(&mut self, socket: &mut dyn Stream, buffer: &mut [u8]) -> io::Result<usize> {
        if matches!(self.state, TlsState::Closing | TlsState::Failed) {
            return read_and_discard(socket, buffer);
        }
        if buffer.len() >= TLS_BULK_BYTES {
            return self.read_in_bulk(socket, buffer);
        }
        self.more_pending = false;
        let mut count = 0;
        let mut is_drained = false;
        for _ in 0..TLS_READS_PER_CALL {
            debug_assert!(count <= buffer.len());
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
        // Many small or empty records.
        self.more_pending = true;
        if count == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(count)
    }

    /// Encrypts and writes. When the socket takes only a part of the records, the call fails with
    /// `WouldBlock`, and the next call, which must begin with the same bytes, writes the rest.
    pub fn write(&mut self, socket: &mut dyn Stream, bytes: &[u8]) -> io::Result<usize> {
        if self.unreported == 0 {
            self.flush(socket)?;
            let part = bytes.get(..CHUNK_BYTES).unwrap_or(bytes);
            self.unreported = self.tls.writer().write(part)?;
        }
        self.flush(socket)?;
        Ok(self.report_written(bytes.len()))
    }

    /// As [`write`](Self::write), with bytes of a file. Reads the file only when the records of the
    /// last call are written; may wait for the disk.
    pub fn send_file(
        &mut self,
        socket: &mut dyn Stream,
        file: &dyn File,
        offset: u64,
        count: usize,
    ) -> io::Result<usize> {
        if self.unreported == 0 {
            self.flush(socket)?;
            let missing = CHUNK_BYTES.saturating_sub(self.file_chunk.len());
            let room = self.file_chunk.try_reserve_exact(missing);
            room.map_err(|_| io::Error::other(Error::Exhausted))?;
            self.file_chunk.resize(CHUNK_BYTES, 0);
            // In range: that is the length.
            let room = self.file_chunk.get_mut(..count.min(CHUNK_BYTES));
            let length = file
                .read_at(room.unwrap_or_default(), offset, Wait::Allowed)
                .map_err(io::Error::other)?;
            debug_assert!(length <= count.min(CHUNK_BYTES));
            let bytes = self.file_chunk.get(..length).unwrap_or_default();
            self.unreported = self.tls.writer().write(bytes)?;
        }
        self.flush(socket)?;
        Ok(self.report_written(count))
    }

    fn report_written(&mut self, most: usize) -> usize {
        let count = self.unreported.min(most);
        self.unreported -= count;
        count
    }

    fn queue_close_notify(&mut self) {
        if !matches!(self.state, TlsState::Closing | TlsState::Failed) {
            self.state = TlsState::Closing;
            self.tls.send_close_notify();
        }
    }

    /// Reads from the socket once and decrypts. Returns whether that drained the socket.
    fn fill(&mut self, socket: &mut dyn Stream) -> io::Result<bool> {
        let was_short = self.receive(socket)?;
        self.decrypt()?;
        Ok(was_short)
    }

    /// Reads from the socket once, and computes nothing. Returns whether that drained the socket.
    fn receive(&mut self, socket: &mut dyn Stream) -> io::Result<bool> {
        let is_beginning = self.position.is_between_records();
        let mut wire = Wire::tracking(socket, &mut self.position);
        let taken = self.tls.read_tls(&mut wire);
        self.is_computable |= wire.is_computable();
        if is_beginning {
            self.first_bytes = wire.first_bytes();
        }
        let was_short = wire.was_short();
        if taken? == 0 {
            self.peer_closed = true;
        }
        Ok(was_short)
    }

    /// As [`fill`](Self::fill), from a record in memory.
    fn fill_from(&mut self, record: &mut &[u8]) -> io::Result<()> {
        while !record.is_empty() && self.tls.read_tls(record)? > 0 {}
        self.first_bytes = UNKNOWN;
        self.decrypt().map(drop)
    }

    /// Takes plaintext from rustls: `None` if it has none, `Some(0)` at an announced end.
    fn drain_plaintext(&mut self, room: &mut [u8]) -> io::Result<Option<usize>> {
        match self.tls.reader().read(room) {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has rustls process the records that it was given. Returns the bytes of plaintext to read.
    ///
    /// # Errors
    /// `InvalidData`. The alert for the peer is then [unsent](Self::has_unsent).
    fn decrypt(&mut self) -> io::Result<usize> {
        self.is_computable = false;
        match self.tls.process_new_packets() {
            Ok(state) => {
                self.peer_closed |= state.peer_has_closed();
                Ok(state.plaintext_bytes_to_read())
            }
            Err(error) => {
                self.state = TlsState::Failed;
                let why = describe(&error, self.first_bytes);
                Err(self.failed(&why, io::ErrorKind::InvalidData))
            }
        }
    }

    fn failed(&mut self, why: &str, kind: io::ErrorKind) -> io::Error {
        self.diagnostic = Some(format!("TLS failed: {why}"));
        kind.into()
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Security({})", self.protocol())
    }
}

/// Reads and discards; 0 is the end of the socket.
fn read_and_discard(socket: &mut dyn Stream, buffer: &mut [u8]) -> io::Result<usize> {
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
