//! The network abstraction: the operating system's sockets and clocks behind three small traits.
//!
//! The reactor uses the network only through [`Network`], [`Listener`] and [`Stream`]; a [`Channel`] adds
//! TLS to any stream. [`SystemNetwork`] is the implementation on mio and rustix; the simulator has one on
//! virtual time. All calls except [`Network::poll`] are non-blocking and fail with
//! [`io::ErrorKind::WouldBlock`]. Nothing here knows sessions or commands.

mod address_rules;
mod channel;
mod end_order;
#[cfg_attr(not(feature = "systemd"), path = "no_inherited.rs")]
mod inherited;
mod listener;
#[cfg_attr(not(feature = "status"), path = "no_local.rs")]
pub(crate) mod local;
mod passive_address;
mod passive_ports;
mod sockets;
mod stream;
mod system;
/// The size of the box of a stream, for the memory of a connection.
#[cfg(test)]
pub(crate) const STREAM_BYTES: usize = size_of::<stream::SystemStream>();
#[cfg(test)]
pub(crate) mod testing;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
pub mod tls;

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use address_rules::AddressRules;
pub use channel::{Channel, ClientCertStatus, DataSession, HandshakeStep};
pub use inherited::{InheritedListener, inherited_listeners};
pub use passive_address::{
    LOOKS_UP_NAMES, PassiveAddresses, PassiveHost, PassiveHostError, is_private,
};
pub use passive_ports::PassivePorts;
pub use system::SystemNetwork;

use crate::clock::Instant;
use crate::event_loop::Interest;
pub use crate::event_loop::{Readiness, Token};
pub use crate::protocol::cidr::{Cidr, CidrError};
use crate::storage::File;

/// An event that [`Network::poll`] returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The socket registered under the token may be ready.
    Ready(Token, Readiness),
    /// The process received SIGTERM or SIGINT.
    StopSignal,
    /// The process received SIGHUP: reload the configuration.
    ReloadSignal,
    /// The process received SIGUSR1: log a summary.
    ReportSignal,
}

/// Identifies a pair of streams that [`Network::watch_ends`] watches.
#[derive(Debug)]
pub struct EndWatch(pub u64);

/// The peers of a watched pair that have ended their sides, by FIN or reset, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Neither.
    Neither,
    /// The peer of this stream.
    Only(Token),
    /// Both, the peer of this stream first.
    Both(Token),
}

impl Ends {
    /// Adds a peer that has ended its side.
    #[must_use]
    pub fn and(self, token: Token) -> Self {
        match self {
            Self::Neither => Self::Only(token),
            Self::Only(first) if first != token => Self::Both(first),
            ends => ends,
        }
    }
}

/// Interrupts [`Network::poll`] from another thread. Wake-ups coalesce.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// Who may connect to a Unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalAccess {
    /// The permission bits of its file.
    pub mode: u32,
    /// The group of its file; `None`: that of the process.
    pub group: Option<u32>,
}

/// What [`Network::poll`] reports of a stream, edge-triggered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Nothing: the stream is not registered.
    #[default]
    None,
    /// That there is something to read: bytes, an end or an error.
    Readable,
    /// That there is room to write, that a connect has finished, or an error.
    Writable,
    /// Both, and urgent data.
    Both,
}

impl From<Interest> for Registration {
    fn from(interest: Interest) -> Self {
        match interest {
            Interest::Now => Self::None,
            Interest::Readable => Self::Readable,
            Interest::Writable => Self::Writable,
        }
    }
}

/// The operating system's network and clocks.
///
/// A listener is registered, edge-triggered, for as long as it exists; a stream as its owner
/// [says](Stream::register).
pub trait Network: Send {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// The wall clock in whole seconds since 1970-01-01 UTC. It may jump.
    fn unix_time(&self) -> i64;

    /// Binds, listens and registers. Accepted streams inherit `TCP_NODELAY` and `SO_OOBINLINE`; an IPv6
    /// listener accepts IPv6 only.
    fn listen(&mut self, address: SocketAddr, token: Token) -> io::Result<Box<dyn Listener>>;

    /// As [`listen`](Self::listen), at a Unix socket. A socket there without a server is replaced; the new
    /// one is removed with the listener. The peers of its streams have no address.
    ///
    /// # Errors
    /// `AddrInUse` if a server listens there, `Unsupported` if the implementation has no Unix sockets.
    fn listen_local(
        &mut self,
        path: &Path,
        access: LocalAccess,
        token: Token,
    ) -> io::Result<Box<dyn Listener>> {
        let _ = (path, access, token);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Registers an inherited listening socket, with the options of [`listen`](Self::listen).
    ///
    /// # Errors
    /// `Unsupported` if the implementation has no system sockets.
    fn adopt(&mut self, socket: TcpListener, token: Token) -> io::Result<Box<dyn Listener>> {
        let _ = (socket, token);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Names a connection that another program has accepted `token`, with the options of
    /// [`listen`](Self::listen); it is not registered yet. Returns the address of the peer.
    ///
    /// # Errors
    /// `Unsupported` if the implementation has no system sockets.
    fn take_over(
        &mut self,
        socket: TcpStream,
        token: Token,
    ) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let _ = (socket, token);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Whether this host has the address.
    fn is_own(&self, address: IpAddr) -> bool;

    /// Starts a connection from a local address to `to`; [`Stream::connected`] tells when it is complete.
    /// Port 0 in `from` is any port. The stream is named `token`, and not registered yet.
    ///
    /// # Errors
    /// `AddrInUse` if another socket holds the port, `AddrNotAvailable` if a connection between these two
    /// addresses exists, `PermissionDenied` if the port is privileged.
    fn connect(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        token: Token,
    ) -> io::Result<Box<dyn Stream>>;

    /// Appends events to `events`, and blocks at most `timeout` (`None`: without limit) for the first.
    /// May return early without an event, after a signal or a wake-up.
    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()>;

    /// Starts to record the order in which the peers of two streams end their sides. The first stream may
    /// still be part of a pair that was [forgotten](Self::forget_ends). Streams whose peers have
    /// ended already count in the order of `pair`.
    ///
    /// # Errors
    /// `Unsupported` if the implementation cannot tell the order; the system's error otherwise.
    fn watch_ends(&mut self, pair: [(&dyn Stream, Token); 2]) -> io::Result<EndWatch> {
        let _ = pair;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The peers of the pair that have ended their sides by now.
    fn ends(&mut self, watch: &EndWatch) -> Ends {
        let _ = watch;
        Ends::Neither
    }

    /// Stops watching a pair.
    fn forget_ends(&mut self, watch: EndWatch) {
        let _ = watch;
    }

    /// Returns a handle that makes [`poll`](Self::poll) return early.
    fn waker(&self) -> Waker;
}

/// A listening socket. Dropping it closes it.
pub trait Listener: Send {
    /// Accepts one connection and names it `token`; it is not registered yet. The peer's address is never an
    /// IPv4-mapped IPv6 address.
    ///
    /// # Errors
    /// `WouldBlock` if the backlog is empty; the error of `accept4` otherwise.
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)>;

    /// The bound address, with the actual port if it was bound to port 0.
    fn local_address(&self) -> SocketAddr;
}

/// Waits until the stream is ready, for `at_most`. False if it is not, or has no descriptor to wait for.
/// Blocks, and so must not be called on the event loop.
pub fn wait(stream: &dyn Stream, interest: Interest, at_most: Duration) -> bool {
    let flags = match interest {
        Interest::Now => return true,
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    };
    let Some(socket) = stream.descriptor() else {
        return false;
    };
    let timeout = Timespec::try_from(at_most).ok();
    poll(
        &mut [PollFd::from_borrowed_fd(socket, flags)],
        timeout.as_ref(),
    ) == Ok(1)
}

/// A connected or connecting byte stream. Dropping it closes it.
pub trait Stream: Send {
    /// Has [`Network::poll`] report this of the stream from now on, under its token. What is the case already
    /// is reported by the next poll, so that nothing is missed that comes before the call; what was reported
    /// before is not reported again if the registration stays as it is.
    ///
    /// # Errors
    /// When the system has no memory for it; the registration stays as it was.
    fn register(&mut self, registration: Registration) -> io::Result<()>;

    /// What is reported of it now.
    fn registration(&self) -> Registration;

    /// Names the stream anew. It must not be registered.
    fn rename(&mut self, token: Token);

    /// Reads available bytes; 0 is the end of the stream.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// As [`read`](Self::read), and leaves the bytes where they are.
    ///
    /// # Errors
    /// `Unsupported` if the implementation cannot.
    fn peek(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let _ = buffer;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Writes as many bytes as the socket buffer has room for.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// As [`write`](Self::write), from several buffers. It may write only the first.
    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        match buffers.iter().find(|buffer| !buffer.is_empty()) {
            Some(buffer) => self.write(buffer),
            None => Ok(0),
        }
    }

    /// Sends up to `count` bytes of `file` from `offset`, with `sendfile(2)` if possible; 0 means that the
    /// file ends at `offset`. May block on the disk, never on the network.
    fn send_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize>;

    /// The state of an outgoing connection: `WouldBlock` while it is connecting, `Ok` once it is connected.
    ///
    /// # Errors
    /// The reason that it failed.
    fn connected(&mut self) -> io::Result<()>;

    /// The local address of the connection.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// Half-closes the stream: the peer reads the end of the stream after the bytes written so far.
    ///
    /// # Errors
    /// `WouldBlock` if output is pending (such as a TLS alert): call again once the stream is writable.
    fn shutdown(&mut self) -> io::Result<()>;

    /// Makes the close a reset (`SO_LINGER` 0), so that the peer cannot mistake an aborted transfer for a
    /// complete one. Unsent bytes are discarded.
    fn reset_on_close(&mut self);

    /// The file descriptor, if the stream has one.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
