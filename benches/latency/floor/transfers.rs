//! The floor of transfers: a blocking thread for each client, which believes every command.
//!
//! RETR is a loop of `sendfile`, STOR a loop of `recv` and `write` into the file itself, and a listing a
//! loop of `getdents` and `statx` with lines of fixed text. Over TLS they are loops over a rustls stream.
//! One listener serves all data connections of a client.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustix::fs::{AtFlags, StatxFlags, statx};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{GOODBYE, GREETING, REPLY};
use crate::connection::Either;
use crate::identity;

/// The buffer between socket and file: the most that a loopback socket has ready at once.
const BUFFER: usize = 256 * 1024;
/// The same over TLS: rustls' send buffer accepts no more in one write.
const TLS_BUFFER: usize = 64 * 1024;

/// What a line of a listing has beside the name: as much as the servers send.
const LINE_START: &[u8] = b"-rw-r--r--   1 ftp      ftp             0 Nov 30 03:00 ";

/// Serves until it is killed.
pub(super) fn run(
    address: SocketAddr,
    root: &Path,
    identity: Option<&[PathBuf; 2]>,
) -> io::Result<()> {
    let tls = identity.cloned().map(identity::server).transpose()?;
    let listener = TcpListener::bind(address)?;
    for control in listener.incoming() {
        let (control, tls, directory) = (control?, tls.clone(), root.to_owned());
        // Errors are ignored: the client checks replies and counts bytes.
        thread::spawn(move || serve(control, directory, tls.as_ref()));
    }
    Ok(())
}

/// The floor's end of a connection.
type Stream = Either<StreamOwned<ServerConnection, TcpStream>>;

fn serve(
    socket: TcpStream,
    mut directory: PathBuf,
    tls: Option<&Arc<ServerConfig>>,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let listener = TcpListener::bind((socket.local_addr()?.ip(), 0))?;
    let passive = format!("229 (|||{}|)\r\n", listener.local_addr()?.port());
    let mut control = BufReader::new(Stream::Plain(socket));
    control.get_mut().write_all(GREETING)?;
    let mut protected = false;
    let mut line = String::new();
    loop {
        line.clear();
        if control.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.trim_end();
        let (verb, argument) = command.split_once(' ').unwrap_or((command, ""));
        let path = directory.join(argument);
        match verb {
            "QUIT" => return control.get_mut().write_all(GOODBYE),
            "EPSV" => control.get_mut().write_all(passive.as_bytes())?,
            "USER" => control.get_mut().write_all(b"230 Logged in.\r\n")?,
            "CWD" => {
                directory = path;
                control.get_mut().write_all(b"250 Okay.\r\n")?;
            }
            "AUTH" => {
                control.get_mut().write_all(b"234 Go on.\r\n")?;
                control = BufReader::new(control.into_inner().secure(tls)?);
            }
            "RETR" | "STOR" | "LIST" | "MLSD" => {
                control.get_mut().write_all(b"150 Here it comes.\r\n")?;
                let mut data = Stream::Plain(listener.accept()?.0);
                if protected {
                    data = data.secure(tls)?;
                }
                match verb {
                    "RETR" => data.send(&File::open(path)?)?,
                    "STOR" => data.receive(&mut File::create(path)?)?,
                    _ => data.write_all(&list(&directory)?)?,
                }
                data.finish()?;
                control.get_mut().write_all(b"226 Done.\r\n")?;
            }
            _ => {
                protected |= verb == "PROT";
                control.get_mut().write_all(REPLY)?;
            }
        }
    }
}

/// The names of a directory, for each of which `statx` is called.
fn list(directory: &Path) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    let handle = File::open(directory)?;
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        statx(
            &handle,
            &name,
            AtFlags::SYMLINK_NOFOLLOW,
            StatxFlags::BASIC_STATS,
        )?;
        lines.extend_from_slice(LINE_START);
        lines.extend_from_slice(name.as_bytes());
        lines.extend_from_slice(b"\r\n");
    }
    Ok(lines)
}

impl Stream {
    fn secure(self, tls: Option<&Arc<ServerConfig>>) -> io::Result<Self> {
        let (Self::Plain(socket), Some(tls)) = (self, tls) else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        socket.set_nodelay(true)?;
        let connection = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(StreamOwned::new(connection, socket))))
    }

    fn send(&mut self, mut file: &File) -> io::Result<()> {
        const CHUNK: usize = 1 << 30;
        match self {
            Self::Plain(socket) => while rustix::fs::sendfile(&*socket, file, None, CHUNK)? > 0 {},
            Self::Tls(stream) => {
                let mut buffer = vec![0; TLS_BUFFER];
                loop {
                    let count = file.read(&mut buffer)?;
                    if count == 0 {
                        break;
                    }
                    stream.write_all(buffer.get(..count).unwrap_or_default())?;
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, file: &mut File) -> io::Result<()> {
        let size = match self {
            Self::Plain(_) => BUFFER,
            Self::Tls(_) => TLS_BUFFER,
        };
        let mut buffer = vec![0; size];
        loop {
            let count = self.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            file.write_all(buffer.get(..count).unwrap_or_default())?;
        }
    }

    /// Ends a data connection. Over TLS it lingers until the client closes: closing with unread data
    /// would send a reset.
    fn finish(self) -> io::Result<()> {
        let Self::Tls(mut stream) = self else {
            return Ok(());
        };
        stream.conn.send_close_notify();
        stream.flush()?;
        stream.sock.shutdown(Shutdown::Write)?;
        io::copy(&mut stream.sock, &mut io::sink()).map(drop)
    }
}
