//! The floor of secured transfers: a bare rustls loop on a blocking socket.
//!
//! A thread a connection, and in it what everybody writes first: read the file, write it into
//! `rustls::Stream`, and back. The upload ends as the server's does, with a rename over the old
//! file, because freeing that one is most of the work of replacing it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::tls;

/// Which way the bytes go.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    /// The file to the client.
    Send,
    /// What the client sends, into the file.
    Receive,
}

/// What the loop is to do.
#[derive(Clone)]
pub(crate) struct Task {
    /// Where to listen.
    pub(crate) address: SocketAddr,
    /// Which way.
    pub(crate) direction: Direction,
    /// The file.
    pub(crate) file: PathBuf,
    /// Certificate and key.
    pub(crate) identity: [PathBuf; 2],
}

type Secured = StreamOwned<ServerConnection, TcpStream>;

/// As much as rustls takes in one call.
const BUFFER: usize = 64 * 1024;

/// Serves until it is killed.
pub(crate) fn run(task: &Task) -> io::Result<()> {
    let config = tls::server(task.identity.clone())?;
    let listener = TcpListener::bind(task.address)?;
    for socket in listener.incoming() {
        let (socket, config, task) = (socket?, Arc::clone(&config), task.clone());
        // The client counts the bytes, so an error needs no other witness.
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

fn send(mut stream: Secured, file: &Path) -> io::Result<()> {
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
    // Until the client is gone: a close with its last words unread would be a reset.
    io::copy(&mut stream.sock, &mut io::sink()).map(drop)
}

fn receive(mut stream: Secured, file: &Path) -> io::Result<()> {
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
