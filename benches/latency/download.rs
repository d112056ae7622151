//! Repeated downloads of one file, from the server by RETR or from a floor.
//!
//! Owns the receiving side, which is the same for both, and checks the number of bytes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use tempfile::TempDir;

use crate::connection::Connection;
use crate::control::{Control, prepare};

/// The maximum that a loopback socket has ready at once.
pub(crate) const BUFFER: usize = 256 * 1024;

/// A temporary directory with one file.
pub(crate) struct Sample {
    /// The directory.
    pub(crate) directory: TempDir,
    /// The length of the file in bytes.
    pub(crate) length: usize,
}

impl Sample {
    /// Writes the file, which stays in the page cache, and syncs it, so that no write-back runs
    /// during the measurement.
    pub(crate) fn new(length: usize) -> io::Result<Self> {
        let directory = TempDir::new()?;
        let mut file = File::create(directory.path().join("file"))?;
        let block = vec![b'x'; 1 << 20];
        let mut missing = length;
        while missing > 0 {
            let piece = block.get(..missing).unwrap_or(&block);
            file.write_all(piece)?;
            missing -= piece.len();
        }
        file.sync_all()?;
        Ok(Self { directory, length })
    }

    /// The path of the file.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("file")
    }
}

/// A client that downloads the sample.
pub(crate) struct Downloader {
    peer: Peer,
    length: usize,
    buffer: Vec<u8>,
}

/// The other end of transfers: how one begins and ends.
pub(crate) enum Peer {
    /// The server, with an open control connection.
    Server(Box<Control>),
    /// A floor, which begins a transfer on every connection.
    Floor(Connect),
}

/// Connects to a floor.
pub(crate) type Connect = Box<dyn Fn() -> io::Result<Connection> + Send>;

impl Peer {
    /// Opens the data connection of a transfer: EPSV, connect, the command and 150 for the server,
    /// only connect for a floor.
    pub(crate) fn begin(&mut self, command: &[u8]) -> io::Result<Connection> {
        match self {
            Self::Server(control) => {
                let data = control.open_data()?;
                control.ask(command, b"150")?;
                Ok(data)
            }
            Self::Floor(connect) => connect(),
        }
    }

    /// Waits for the 226 of the server.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Server(control) => control.expect(b"226"),
            Self::Floor(_) => Ok(()),
        }
    }
}

impl Downloader {
    /// Connects to the server that serves `sample`, and logs in.
    pub(crate) fn from_server(address: SocketAddr, sample: &Sample) -> io::Result<Self> {
        let mut control = Control::connect(address)?;
        control.log_in()?;
        Ok(Self::new(Peer::Server(Box::new(control)), sample))
    }

    /// Uses the floor at this address.
    pub(crate) fn from_floor(address: SocketAddr, sample: &Sample) -> Self {
        let connect = move || connect(address).map(Connection::Plain);
        Self::new(Peer::Floor(Box::new(connect)), sample)
    }

    /// Downloads `sample` from this peer.
    pub(crate) fn new(peer: Peer, sample: &Sample) -> Self {
        Self {
            peer,
            length: sample.length,
            buffer: vec![0; BUFFER],
        }
    }

    /// Downloads the file once.
    pub(crate) fn fetch(&mut self) -> io::Result<()> {
        let data = self.peer.begin(b"RETR file\r\n")?;
        let received = drain(data, &mut self.buffer)?;
        self.peer.end()?;
        if received == self.length {
            return Ok(());
        }
        let message = format!("received {received} of {} bytes", self.length);
        Err(io::Error::other(message))
    }
}

/// Connects to a floor.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    prepare(&stream)?;
    Ok(stream)
}

/// Reads to the end and returns the number of bytes.
fn drain(mut data: Connection, buffer: &mut [u8]) -> io::Result<usize> {
    let mut received = 0;
    loop {
        match data.read(buffer)? {
            0 => return Ok(received),
            count => received += count,
        }
    }
}
