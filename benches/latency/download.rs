//! One file fetched again and again: from the server by RETR, or from the bare floor.
//!
//! Owns the receiving side, which is the same for both, and checks that every byte came.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;

use tempfile::TempDir;

use crate::connection::Connection;
use crate::control::{Control, prepare};

/// As large as a loopback socket ever has ready.
pub(crate) const BUFFER: usize = 256 * 1024;

/// A directory with one file in it, gone when dropped.
pub(crate) struct Sample {
    /// The directory.
    pub(crate) directory: TempDir,
    /// How long the file is.
    pub(crate) length: usize,
}

impl Sample {
    /// Writes the file, which leaves it in the page cache, and waits until the device has it
    /// too: nothing is to be written back while something is measured.
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

    /// The file.
    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("file")
    }
}

/// Who fetches, and how.
pub(crate) struct Downloader {
    way: Way,
    length: usize,
    buffer: Vec<u8>,
}

/// How a transfer is begun, and how one knows that it was whole.
pub(crate) enum Way {
    /// By FTP, over a control connection that stands.
    Ftp(Box<Control>),
    /// By connecting to a floor, which begins at once.
    Bare(Connect),
}

/// Connects to a floor.
pub(crate) type Connect = Box<dyn Fn() -> io::Result<Connection> + Send>;

impl Way {
    /// The data connection of one transfer: EPSV, connect, the command, 150; or a connection.
    pub(crate) fn begin(&mut self, command: &[u8]) -> io::Result<Connection> {
        match self {
            Self::Ftp(control) => {
                let data = control.open_data()?;
                control.ask(command, b"150")?;
                Ok(data)
            }
            Self::Bare(connect) => connect(),
        }
    }

    /// Takes the 226, where there is one to take.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Ftp(control) => control.expect(b"226"),
            Self::Bare(_) => Ok(()),
        }
    }
}

impl Downloader {
    /// Logs in to the server that serves `sample`.
    pub(crate) fn ftp(address: SocketAddr, sample: &Sample) -> io::Result<Self> {
        let mut control = Control::connect(address)?;
        control.log_in()?;
        Ok(Self::new(Way::Ftp(Box::new(control)), sample))
    }

    /// Will connect to the floor, which sends the file at once.
    pub(crate) fn bare(address: SocketAddr, sample: &Sample) -> Self {
        let connect = move || connect(address).map(Connection::Clear);
        Self::new(Way::Bare(Box::new(connect)), sample)
    }

    /// Fetches `sample` in this way.
    pub(crate) fn new(way: Way, sample: &Sample) -> Self {
        Self {
            way,
            length: sample.length,
            buffer: vec![0; BUFFER],
        }
    }

    /// Fetches the file once.
    pub(crate) fn fetch(&mut self) -> io::Result<()> {
        let data = self.way.begin(b"RETR file\r\n")?;
        let received = drain(data, &mut self.buffer)?;
        self.way.end()?;
        if received == self.length {
            return Ok(());
        }
        let message = format!("{received} bytes came of {}", self.length);
        Err(io::Error::other(message))
    }
}

/// Connects to a floor.
pub(crate) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    prepare(&stream)?;
    Ok(stream)
}

fn drain(mut data: Connection, buffer: &mut [u8]) -> io::Result<usize> {
    let mut received = 0;
    loop {
        match data.read(buffer)? {
            0 => return Ok(received),
            count => received += count,
        }
    }
}
