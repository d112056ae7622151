//! The network seam: the operating system's sockets behind three small traits.
//!
//! The reactor reaches the network through [`Network`], [`Listener`] and [`Stream`] and
//! nothing else; a [`Channel`] puts TLS over any stream. Production is [`SystemNetwork`] (mio and
//! rustix); the simulator has its own, on virtual time. Nothing here knows FTP, sessions or files.
//!
//! Every call answers at once; what would have to wait says [`io::ErrorKind::WouldBlock`].

mod address_rules;
mod channel;
mod end_order;
mod inherited;
mod passive_address;
mod passive_ports;
mod sockets;
mod stream;
mod system;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
pub mod tls;

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use address_rules::AddressRules;
pub use channel::{Channel, ClientCertStatus, DataSession};
pub use inherited::{InheritedListener, inherited_listeners};
pub use passive_address::{PassiveAddresses, PassiveHost, PassiveHostError};
pub use passive_ports::{PassivePorts, PortLease};
pub use system::SystemNetwork;

pub use crate::event_loop::{Readiness, Token};
pub use crate::protocol::cidr::{Cidr, CidrError};
use crate::storage::File;

/// One thing that [`Network::poll`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The socket registered under the token may be ready.
    Ready(Token, Readiness),
    /// The process was asked to stop (SIGTERM or SIGINT).
    StopSignal,
    /// The process was asked to read its files again (SIGHUP).
    ReloadSignal,
}

/// A pair of streams of which [`Network::ends`] tells which has ended first.
#[derive(Debug)]
pub struct EndWatch(pub u64);

/// Which peers of a watched pair have ended their sides, by FIN or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Neither.
    Neither,
    /// That of this stream.
    Only(Token),
    /// Both, and this one first.
    Both(Token),
}

impl Ends {
    /// With one more.
    #[must_use]
    pub fn and(self, token: Token) -> Self {
        match self {
            Self::Neither => Self::Only(token),
            Self::Only(first) if first != token => Self::Both(first),
            ends => ends,
        }
    }
}

/// Interrupts a [`Network::poll`] from another thread; wakes coalesce.
pub type Waker = Arc<dyn Fn() + Send + Sync>;

/// The operating system's network and clocks.
///
/// Sockets are registered once, for both directions, edge triggered, and leave the poller
/// when they are dropped.
pub trait Network: Send {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// The wall clock in whole seconds since 1970-01-01 UTC; may jump.
    fn unix_time(&self) -> i64;

    /// Binds, listens and registers. Accepted streams inherit `TCP_NODELAY` and in-line
    /// urgent data; an IPv6 listener takes IPv6 only.
    fn listen(&mut self, address: SocketAddr, token: Token) -> io::Result<Box<dyn Listener>>;

    /// Registers a socket that listens already, as one of [`listen`](Self::listen).
    ///
    /// # Errors
    /// `Unsupported` where there are no sockets of the system's.
    fn adopt(&mut self, socket: TcpListener, token: Token) -> io::Result<Box<dyn Listener>> {
        let _ = (socket, token);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Whether an address is one of this host.
    fn is_own(&self, address: IpAddr) -> bool;

    /// Starts to connect from a local address to `to`; [`Stream::connected`] says when it is done.
    /// Port 0 of `from` is any.
    ///
    /// # Errors
    /// `AddrInUse` where another socket holds the port, `AddrNotAvailable` where there is a connection
    /// between these two addresses already, `PermissionDenied` where the process may not have the port.
    fn connect(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        token: Token,
    ) -> io::Result<Box<dyn Stream>>;

    /// Appends events to `events`; waits at most `timeout` (`None`: for ever) for the first.
    /// A signal or a wake may end it early with no event.
    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()>;

    /// From now on watches in which order the peers of two streams end their sides. The first may
    /// be watched already, for a pair that was [forgotten](Self::forget_ends). A stream that has
    /// ended before counts as ending now, the first before the second.
    ///
    /// # Errors
    /// `Unsupported` where nothing can tell; what the system says otherwise.
    fn watch_ends(&mut self, pair: [(&dyn Stream, Token); 2]) -> io::Result<EndWatch> {
        let _ = pair;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Which of the pair have ended by now.
    fn ends(&mut self, watch: &EndWatch) -> Ends {
        let _ = watch;
        Ends::Neither
    }

    /// The pair is not asked for any more.
    fn forget_ends(&mut self, watch: EndWatch) {
        let _ = watch;
    }

    /// A handle that ends [`poll`](Self::poll) early.
    fn waker(&self) -> Waker;
}

/// A listening socket; dropped, it is closed.
pub trait Listener: Send {
    /// Takes one connection and registers it under `token`; the peer's address is
    /// canonical (never an IPv4-mapped IPv6 address).
    ///
    /// # Errors
    /// `WouldBlock` when none waits; what `accept4` says otherwise.
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)>;

    /// The address it is bound to, with the port that the system chose.
    fn local_address(&self) -> SocketAddr;
}

/// A connected, or connecting, byte stream; dropped, it is closed.
pub trait Stream: Send {
    /// Reads what is there; 0 is the end of the peer's side.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Writes what there is room for.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// As [`write`](Self::write), from several pieces; it may stop behind the first.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces.iter().find(|piece| !piece.is_empty()) {
            Some(piece) => self.write(piece),
            None => Ok(0),
        }
    }

    /// Sends up to `count` bytes of `file` from `offset` without copying them through
    /// this process where the system can; 0 means the file ends at `offset`.
    /// May wait for the disk, never for the network.
    fn send_file(&mut self, file: &dyn File, offset: u64, count: usize) -> io::Result<usize>;

    /// Whether an outgoing connection stands: `WouldBlock` until it does, then `Ok`, or
    /// why it failed.
    fn connected(&mut self) -> io::Result<()>;

    /// The local address of the connection.
    fn local_address(&self) -> io::Result<SocketAddr>;

    /// Half-close: no more output; the peer reads an end after what was written.
    ///
    /// # Errors
    /// `WouldBlock` where something must be written first: then again, when there is room.
    fn shutdown(&mut self) -> io::Result<()>;

    /// Makes the coming close a reset that throws away what the peer has not read, so that
    /// a cut transfer cannot be taken for a whole one.
    fn reset_on_close(&mut self);

    /// The descriptor behind it, where there is one.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
