//! The client of transfers: downloads, uploads and listings over one control connection.
//!
//! The same for all contenders. It counts the bytes, and waits for the 226. Owns the buffer.

use std::io::{self, Read, Write};

use rustls::client::Resumption;

use crate::connection::Connection;
use crate::control::Control;
use crate::field::Contender;
use crate::identity::{Client, Identity};

/// The most that a loopback socket has ready at once.
const BUFFER: usize = 256 * 1024;

/// The capacity of a client's TLS session cache; a client needs one session.
pub(crate) const SESSIONS: usize = 16;

/// A logged-in client.
pub(crate) struct Session {
    control: Control,
    buffer: Vec<u8>,
}

impl Session {
    /// Connects to a contender, and logs in.
    pub(crate) fn open(contender: &Contender) -> io::Result<Self> {
        Self::log_in(contender, Control::connect(contender.subject.address)?)
    }

    /// The same over TLS, with protected data connections that resume the session of the first.
    pub(crate) fn open_protected(contender: &Contender, identity: &Identity) -> io::Result<Self> {
        let client = identity.client(Resumption::in_memory_sessions(SESSIONS))?;
        Self::open_with(contender, &client)
    }

    fn open_with(contender: &Contender, client: &Client) -> io::Result<Self> {
        let control = Control::connect(contender.subject.address)?.secure(client)?;
        let mut session = Self::log_in(contender, control)?;
        session.control.protect_data(client)?;
        Ok(session)
    }

    fn log_in(contender: &Contender, mut control: Control) -> io::Result<Self> {
        control.log_in(contender.who.user())?;
        control.select_binary()?;
        let buffer = vec![b'x'; BUFFER];
        Ok(Self { control, buffer })
    }

    /// Changes the directory.
    pub(crate) fn enter(&mut self, directory: &str) -> io::Result<()> {
        self.control
            .ask(format!("CWD {directory}\r\n").as_bytes(), b"250")
    }

    /// Downloads `file`, which must have this length.
    pub(crate) fn retrieve(&mut self, length: usize) -> io::Result<()> {
        let mut received = 0;
        self.receive("RETR file", |piece| received += piece.len())?;
        expect(received, length, "bytes")
    }

    /// Lists the directory by LIST or MLSD; it must have at least this number of entries.
    pub(crate) fn list(&mut self, command: &str, entries: usize) -> io::Result<()> {
        let mut lines = 0;
        self.receive(command, |piece| {
            lines += piece
                .iter()
                .map(|byte| usize::from(*byte == b'\n'))
                .sum::<usize>();
        })?;
        // Some list `.` and `..` too.
        expect(lines.min(entries), entries, "lines")
    }

    fn receive(&mut self, command: &str, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut data = self.begin(command)?;
        loop {
            match data.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(count) => take(self.buffer.get(..count).unwrap_or_default()),
                // Some peers do not end TLS: the 226 tells.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        drop(data);
        self.control.expect(b"226")
    }

    /// Uploads a file of this length.
    pub(crate) fn store(&mut self, path: &str, length: usize) -> io::Result<()> {
        let mut data = self.begin(&format!("STOR {path}"))?;
        let mut missing = length;
        while missing > 0 {
            let piece = self.buffer.get(..missing).unwrap_or(&self.buffer);
            data.write_all(piece)?;
            missing -= piece.len();
        }
        data.end_output()?;
        loop {
            match data.read(&mut [0; 256]) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                Err(error) => return Err(error),
            }
        }
        self.control.expect(b"226")
    }

    /// EPSV, connect, the command and its 150.
    fn begin(&mut self, command: &str) -> io::Result<Connection> {
        let data = self.control.open_data()?;
        self.control
            .ask(format!("{command}\r\n").as_bytes(), b"1")?;
        Ok(data)
    }

    /// The control connection, between transfers.
    pub(crate) fn control(&mut self) -> &mut Control {
        &mut self.control
    }
}

fn expect(received: usize, wanted: usize, what: &str) -> io::Result<()> {
    if received == wanted {
        return Ok(());
    }
    let message = format!("received {received} of {wanted} {what}");
    Err(io::Error::other(message))
}
