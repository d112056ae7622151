//! The floor of transfers over TLS: a plain rustls loop on a blocking socket.
//!
//! A thread per connection with the simplest possible loop: read from the file, write to a rustls
//! stream, or the reverse. An upload ends with a rename over the old file like the server's, because
//! freeing the old file is most of the cost of replacing it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::tls;

/// The direction of the transfers.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    /// Send the file to the client.
    Send,
    /// Receive from the client into the file.
    Receive,
}

/// The parameters of the floor process.
#[derive(Clone)]
pub(crate) struct Task {
    /// The address to listen on.
    pub(crate) address: SocketAddr,
    /// The direction of the transfers.
    pub(crate) direction: Direction,
    /// The file.
    pub(crate) file: PathBuf,
    /// Paths of the certificate and the key.
    pub(crate) identity: [PathBuf; 2],
}

type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// The size of rustls' send buffer: the maximum that one write accepts.
const BUFFER: usize = 64 * 1024;

/// Serves until it is killed.
pub(crate) fn run(task: &Task) -> io::Result<()> {
    let config = tls::server(task.identity.clone())?;
    let listener = TcpListener::bind(task.address)?;
    for socket in listener.incoming() {
        let (socket, config, task) = (socket?, Arc::clone(&config), task.clone());
        // Errors are ignored: the client counts the bytes.
        thread::spawn(move || serve(socket, config, &task));
    }
    Ok(())
}

fn serve(socket: TcpStream, config: Arc<ServerConfig>, task: &Task) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let stream = StreamOwned::new(tls, socket);
    match task.direction {
        Direction::Send => send(stream, &task.file),
        Direction::Receive => receive(stream, &task.file),
    }
}

fn send(mut stream: TlsStream, file: &Path) -> io::Result<()> {
    let mut file = File::open(file)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        stream.write_all(buffer.get(..count).unwrap_or_default())?;
    }
    stream.conn.send_close_notify();
    stream.flush()?;
    stream.sock.shutdown(Shutdown::Write)?;
    // Linger until the client closes: closing with unread data would send a reset.
    io::copy(&mut stream.sock, &mut io::sink()).map(drop)
}

fn receive(mut stream: TlsStream, file: &Path) -> io::Result<()> {
    let temporary = file.with_extension("part");
    let mut part = File::create(&temporary)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        part.write_all(buffer.get(..count).unwrap_or_default())?;
    }
    fs::rename(temporary, file)?;
    stream.conn.send_close_notify();
    stream.flush()
}
