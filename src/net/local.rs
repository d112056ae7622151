//! [`Listener`] over a Unix socket, whose file says who may connect.
//!
//! It owns the socket and its file, and removes the file at the end if it is still its own. Accepted streams
//! are [`SystemStream`]s like those of TCP; their peers have no address.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustix::fs::{AtFlags, CWD, FlockOperation, Gid, Mode, OFlags, chownat, flock, open};
use rustix::io::Errno;
use rustix::net::{self as sys, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::stream::SystemStream;
use super::{Listener, LocalAccess, Stream, Token};

/// Connections that the kernel holds before they are accepted.
const BACKLOG: i32 = 64;

/// Sets the mode of the socket file itself: whoever may write to its directory could have put a link in its
/// place, to a file that only root may change. The kernel has no such call before 6.6.
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = fs::File::from(open(path, flags, Mode::empty())?);
    if !file.metadata()?.file_type().is_socket() {
        return Err(io::Error::other("another file has taken its place"));
    }
    let itself = format!("/proc/self/fd/{}", file.as_raw_fd());
    let set = fs::set_permissions(itself, fs::Permissions::from_mode(mode));
    set.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other("its mode cannot be set without /proc"),
        _ => error,
    })
}

/// The address of a peer that has none.
const NO_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

struct LocalListener {
    /// Removed with the listener, and before its socket is closed: until then no other server replaces it.
    _file: SocketFile,
    socket: OwnedFd,
    registry: Arc<Registry>,
}

/// The file of a socket. Dropping it removes the file.
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

/// Held while a socket is created. Otherwise a server that starts at the same time could find it between
/// bind(2) and listen(2), when it refuses connections as that of a dead server, and replace it.
struct CreationLock {
    path: PathBuf,
    /// Closing it unlocks it.
    _file: fs::File,
}

impl CreationLock {
    /// Does not wait: the server that holds it is about to have the socket.
    fn take(socket: &Path) -> io::Result<Self> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let flags = OFlags::CREATE | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let file = fs::File::from(open(&path, flags, Mode::RUSR | Mode::WUSR)?);
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) => return Err(io::ErrorKind::AddrInUse.into()),
                locked => locked?,
            }
            // Its last owner may have removed it before it was locked: then others lock another file.
            let found = file.metadata()?;
            if id_of(&path).is_ok_and(|id| id == (found.dev(), found.ino())) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for CreationLock {
    fn drop(&mut self) {
        // What stays does no harm: its next owner removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// See [`Network::listen_local`](super::Network::listen_local).
pub(super) fn listen(
    path: &Path,
    access: LocalAccess,
    registry: &Arc<Registry>,
    token: Token,
) -> io::Result<Box<dyn Listener>> {
    let socket = new_socket()?;
    let address = SocketAddrUnix::new(path)?;
    let _lock = CreationLock::take(path)?;
    match sys::bind(&socket, &address) {
        Err(Errno::ADDRINUSE) => {
            remove_stale(path, &address)?;
            sys::bind(&socket, &address)?;
        }
        bound => bound?,
    }
    let file = SocketFile {
        path: path.to_owned(),
        id: id_of(path)?,
    };
    if let Some(group) = access.group {
        let group = Some(Gid::from_raw(group));
        chownat(CWD, path, None, group, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    set_mode(path, access.mode)?;
    // Only from here on can anything connect.
    sys::listen(&socket, BACKLOG)?;
    registry.register(
        &mut SourceFd(&socket.as_raw_fd()),
        token.into(),
        Interest::READABLE,
    )?;
    Ok(Box::new(LocalListener {
        socket,
        _file: file,
        registry: Arc::clone(registry),
    }))
}

fn new_socket() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    sys::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}

/// Removes the socket of a server that was killed: nothing accepts connections there.
fn remove_stale(path: &Path, address: &SocketAddrUnix) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if accepts(address)? {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    fs::remove_file(path)
}

/// Whether a server has this socket.
fn accepts(address: &SocketAddrUnix) -> io::Result<bool> {
    match sys::connect(&new_socket()?, address) {
        // Its backlog is full.
        Ok(()) | Err(Errno::AGAIN) => Ok(true),
        Err(Errno::CONNREFUSED) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a server is known to have the socket at this path. The server sees a connection that ends at once.
pub(crate) fn is_served(path: &Path) -> bool {
    SocketAddrUnix::new(path).is_ok_and(|address| accepts(&address).unwrap_or(false))
}

/// Device and inode.
fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id_of(&self.path).is_ok_and(|id| id == self.id) {
            // Without permission it stays, and the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Listener for LocalListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = sys::accept_with(&self.socket, flags)?;
        // The type of the standard library for stream sockets; it does not look at their family.
        let socket = mio::net::TcpStream::from_std(TcpStream::from(socket));
        let stream = SystemStream::new(socket, Arc::clone(&self.registry), token);
        Ok((Box::new(stream), NO_ADDRESS))
    }

    fn local_address(&self) -> SocketAddr {
        NO_ADDRESS
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::sync::Barrier;
    use std::time::Duration;

    use super::*;
    use crate::net::{Event, Network as _, Registration, SystemNetwork};

    const OWNER: LocalAccess = LocalAccess {
        mode: 0o600,
        group: None,
    };

    fn listen_at(path: &Path) -> io::Result<(SystemNetwork, Box<dyn Listener>)> {
        let mut network = SystemNetwork::new()?;
        let listener = network.listen_local(path, OWNER, Token(1))?;
        Ok((network, listener))
    }

    #[test]
    fn stream_carries_bytes_both_ways() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let (mut network, mut listener) = listen_at(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let mut client = UnixStream::connect(&path).unwrap();
        let mut events = Vec::new();
        while events.is_empty() {
            let time = Some(Duration::from_secs(10));
            network.poll(time, &mut events).unwrap();
        }
        assert!(matches!(events[..], [Event::Ready(Token(1), _)]));
        let (mut stream, _) = listener.accept(Token(2)).unwrap();
        stream.register(Registration::Both).unwrap();
        client.write_all(b"ping").unwrap();
        let mut buffer = [0; 8];
        assert_eq!(stream.read(&mut buffer).unwrap(), 4);
        assert_eq!(stream.write(b"pong").unwrap(), 4);
        stream.shutdown().unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "pong");
        drop(client);
        assert_eq!(stream.read(&mut buffer).unwrap(), 0);
        let none = listener.accept(Token(3)).map(drop).unwrap_err();
        assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn mode_is_never_that_of_another_file() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&target, "").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for path in [&link, &target] {
            assert!(set_mode(path, 0o666).is_err());
        }
        let mode = fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let socket = directory.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        set_mode(&socket, 0o621).unwrap();
        let mode = fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o621);
    }

    /// Each of them finds the socket of a dead one.
    #[test]
    fn one_of_the_servers_that_start_at_once_listens() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        for _ in 0..100 {
            drop(UnixListener::bind(&path).unwrap());
            let barrier = Barrier::new(4);
            let start = || {
                barrier.wait();
                listen_at(&path)
            };
            let listening: Vec<_> = std::thread::scope(|scope| {
                let servers: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
                servers
                    .into_iter()
                    .filter_map(|one| one.join().unwrap().ok())
                    .collect()
            });
            assert_eq!(listening.len(), 1);
            UnixStream::connect(&path).unwrap();
            drop(listening);
            let left: Vec<_> = fs::read_dir(&directory).unwrap().collect();
            assert!(left.is_empty(), "{left:?}");
        }
    }

    #[test]
    fn only_the_socket_of_a_dead_server_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let alive = listen_at(&path).unwrap();
        let refused = listen_at(&path).map(drop).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        // Another one has taken its place: it is not ours to remove.
        fs::remove_file(&path).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        drop(alive);
        assert!(path.exists());
        drop(other);
        let file = directory.path().join("file");
        fs::write(&file, "precious").unwrap();
        let refused = listen_at(&file).map(drop).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&file).unwrap(), b"precious");
    }
}
