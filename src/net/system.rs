//! The operating system's network: the epoll instance behind [`Network`].
//!
//! It owns the poller, the waker and the signal pipe, and makes sockets. Each socket is
//! registered once, for everything, edge triggered (epoll(7)); nothing is armed or disarmed
//! later, so that a command costs one `epoll_wait`, one read and one write. It knows no
//! connections: a token is a number that comes back.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mio::{Interest, Poll, Registry};
use rustix::io::Errno;
use rustix::net as sys;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use super::end_order::EndOrder;
use super::sockets::{canonical, connecting_socket, listening_socket, set_inherited_options};
use super::stream::SystemStream;
use super::{EndWatch, Ends, Event, Listener, Network, Readiness, Stream, Token, Waker};

const WAKER: mio::Token = mio::Token(usize::MAX);
const SIGNALS: mio::Token = mio::Token(usize::MAX - 1);

/// How many events one poll takes from the kernel; the rest come with the next.
const EVENTS_PER_POLL: usize = 256;

/// The production [`Network`]: Linux sockets, the system's clocks and signals.
pub struct SystemNetwork {
    poll: Poll,
    ready: mio::Events,
    // Shared with the listeners: what they accept is registered without the network's help.
    registry: Arc<Registry>,
    waker: Arc<mio::Waker>,
    signals: Option<Signals>,
    end_order: EndOrder,
}

impl SystemNetwork {
    /// A poller with nothing registered but its own waker.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = Arc::new(poll.registry().try_clone()?);
        let waker = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
        Ok(Self {
            poll,
            ready: mio::Events::with_capacity(EVENTS_PER_POLL),
            registry,
            waker,
            signals: None,
            end_order: EndOrder::new()?,
        })
    }

    /// From now on SIGTERM, SIGINT and SIGHUP do not end the process: [`poll`](Network::poll)
    /// reports each as its [`Event`]. (The same signal twice between two polls is one.)
    pub fn hear_signals(&mut self) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        self.poll
            .registry()
            .register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }

    fn watch(
        &self,
        socket: TcpListener,
        options: Options,
        token: Token,
    ) -> io::Result<Box<dyn Listener>> {
        let local = socket.local_addr()?;
        let mut socket = mio::net::TcpListener::from_std(socket);
        let interest = Interest::READABLE;
        self.registry
            .register(&mut socket, token.into(), interest)?;
        Ok(Box::new(SystemListener {
            socket,
            local,
            options,
            registry: Arc::clone(&self.registry),
        }))
    }
}

/// For a socket that says nothing (RFC 863).
const DISCARD_PORT: u16 = 9;

impl Network for SystemNetwork {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix_time(&self) -> i64 {
        let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => seconds(since),
            Err(before) => -seconds(before.duration()),
        }
    }

    fn listen(&mut self, address: SocketAddr, token: Token) -> io::Result<Box<dyn Listener>> {
        self.watch(listening_socket(address)?, Options::Copied, token)
    }

    fn adopt(&mut self, socket: TcpListener, token: Token) -> io::Result<Box<dyn Listener>> {
        socket.set_nonblocking(true)?;
        set_inherited_options(&socket)?;
        self.watch(socket, Options::Missing, token)
    }

    /// What this host says to itself comes from where it goes to. Nothing is sent.
    fn is_own(&self, address: IpAddr) -> bool {
        let any = match address {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let from = UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.connect((address, DISCARD_PORT))?;
            socket.local_addr()
        });
        from.is_ok_and(|from| from.ip() == address)
    }

    fn connect(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        token: Token,
    ) -> io::Result<Box<dyn Stream>> {
        let socket = connecting_socket(from, to)?;
        match sys::connect(&socket, &to) {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let socket = mio::net::TcpStream::from_std(socket.into());
        register(&self.registry, socket, token)
    }

    fn poll(&mut self, timeout: Option<Duration>, events: &mut Vec<Event>) -> io::Result<()> {
        match self.poll.poll(&mut self.ready, timeout) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in &self.ready {
            match event.token() {
                WAKER => {}
                SIGNALS => {
                    let pending = self.signals.iter_mut().flat_map(Signals::pending);
                    events.extend(pending.map(|signal| match signal {
                        SIGHUP => Event::ReloadSignal,
                        _ => Event::StopSignal,
                    }));
                }
                mio::Token(token) => events.push(Event::Ready(Token(token), readiness(event))),
            }
        }
        Ok(())
    }

    fn watch_ends(&mut self, pair: [(&dyn Stream, Token); 2]) -> io::Result<EndWatch> {
        self.end_order.watch(pair)
    }

    fn ends(&mut self, watch: &EndWatch) -> Ends {
        self.end_order.of(watch)
    }

    fn forget_ends(&mut self, watch: EndWatch) {
        self.end_order.forget(&watch);
    }

    fn waker(&self) -> Waker {
        let waker = Arc::clone(&self.waker);
        // An eventfd that is ours cannot refuse a write that matters: full means already awake.
        Arc::new(move || drop(waker.wake()))
    }
}

/// A listening socket and where to register what it accepts.
struct SystemListener {
    socket: mio::net::TcpListener,
    local: SocketAddr,
    options: Options,
    registry: Arc<Registry>,
}

/// Whether connections have the options of a listening socket that Linux copies to them.
enum Options {
    /// All of them.
    Copied,
    /// Those have not that were there before the options were set.
    Missing,
}

impl Listener for SystemListener {
    fn accept(&mut self, token: Token) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let (socket, peer) = self.socket.accept()?;
        if let Options::Missing = self.options {
            // A client that is gone already is found out by whoever reads.
            let _ = set_inherited_options(&socket);
        }
        let stream = register(&self.registry, socket, token)?;
        Ok((stream, canonical(peer)))
    }

    fn local_address(&self) -> SocketAddr {
        self.local
    }
}

/// The one registration of a stream's life.
fn register(
    registry: &Registry,
    mut socket: mio::net::TcpStream,
    token: Token,
) -> io::Result<Box<dyn Stream>> {
    let everything = Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
    registry.register(&mut socket, token.into(), everything)?;
    Ok(Box::new(SystemStream::new(socket)))
}

/// What the kernel said, in our words. After an error both directions are tried, so that the
/// ordinary read or write meets it and there is no second path for failures.
fn readiness(event: &mio::event::Event) -> Readiness {
    let failed = event.is_error();
    Readiness {
        readable: event.is_readable() || event.is_read_closed() || failed,
        writable: event.is_writable() || event.is_write_closed() || failed,
        drain: event.is_read_closed() || event.is_write_closed() || event.is_priority() || failed,
    }
}

impl From<Token> for mio::Token {
    fn from(token: Token) -> Self {
        Self(token.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sockets::new_socket;
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const DEADLINE: Duration = Duration::from_secs(10);

    /// Polls until `found` says so.
    fn poll_until(network: &mut SystemNetwork, mut found: impl FnMut(Event) -> bool) {
        let end = Instant::now() + DEADLINE;
        let mut events = Vec::new();
        while Instant::now() < end {
            network.poll(Some(DEADLINE), &mut events).unwrap();
            if events.drain(..).any(&mut found) {
                return;
            }
        }
        panic!("the event did not come");
    }

    fn is_ready(event: Event, token: Token, what: impl Fn(Readiness) -> bool) -> bool {
        matches!(event, Event::Ready(ready, readiness) if ready == token && what(readiness))
    }

    /// A client's socket and what the listener made of it, as token 2.
    fn pair(network: &mut SystemNetwork) -> (TcpStream, Box<dyn Stream>) {
        let mut listener = network.listen((LOOPBACK, 0).into(), Token(1)).unwrap();
        let client = TcpStream::connect(listener.local_address()).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        poll_until(network, |event| is_ready(event, Token(1), |r| r.readable));
        let (stream, peer) = listener.accept(Token(2)).unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        (client, stream)
    }

    #[test]
    fn an_address_of_this_host_is_its_own_and_others_are_not() {
        let network = SystemNetwork::new().unwrap();
        let is_own = |address: &str| network.is_own(address.parse().unwrap());
        assert_eq!(["127.0.0.1", "::1"].map(&is_own), [true; 2]);
        let others = ["192.0.2.1", "2001:db8::1", "0.0.0.0", "::"];
        assert_eq!(others.map(&is_own), [false; 4]);
    }

    #[test]
    fn an_address_of_this_host_is_told_from_others() {
        let network = SystemNetwork::new().unwrap();
        assert!(network.is_own(LOOPBACK));
        // Of a network for documentation, be there a way to it or none (RFC 5737).
        assert!(!network.is_own("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn bytes_go_both_ways_and_the_end_is_marked() {
        let mut network = SystemNetwork::new().unwrap();
        let (mut client, mut stream) = pair(&mut network);
        assert_eq!(stream.write(b"220 \r\n").unwrap(), 6);
        let mut buffer = [0; 16];
        assert_eq!(client.read(&mut buffer).unwrap(), 6);
        client.write_all(b"QUIT").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        poll_until(&mut network, |event| is_ready(event, Token(2), |r| r.drain));
        assert_eq!(stream.read(&mut buffer).unwrap(), 4);
        assert_eq!(stream.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn who_came_before_a_listener_was_adopted_is_served_like_others() {
        let mut network = SystemNetwork::new().unwrap();
        let socket = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let mut listener = network.adopt(socket, Token(1)).unwrap();
        poll_until(&mut network, |event| {
            is_ready(event, Token(1), |r| r.readable)
        });
        let (mut stream, _) = listener.accept(Token(2)).unwrap();
        // Urgent data is in line only where that option is set.
        sys::send(&client, b"\xf2", sys::SendFlags::OOB).unwrap();
        poll_until(&mut network, |event| is_ready(event, Token(2), |r| r.drain));
        let mut buffer = [0; 16];
        assert_eq!(stream.read(&mut buffer).unwrap(), 1);
    }

    #[test]
    fn a_connect_ends_established_or_refused() {
        let mut network = SystemNetwork::new().unwrap();
        let anywhere = SocketAddr::new(LOOPBACK, 0);
        let listener = TcpListener::bind(anywhere).unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = network.connect(anywhere, address, Token(3)).unwrap();
        poll_until(&mut network, |event| {
            is_ready(event, Token(3), |r| r.writable)
        });
        stream.connected().unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, stream.local_address().unwrap());

        // Bound but not listening: the port is nobody else's, and refuses.
        let closed = new_socket(address).unwrap();
        sys::bind(&closed, &SocketAddr::from((LOOPBACK, 0))).unwrap();
        let closed: TcpListener = closed.into();
        let address = closed.local_addr().unwrap();
        let refused = network
            .connect(anywhere, address, Token(4))
            .and_then(|mut stream| {
                poll_until(&mut network, |event| is_ready(event, Token(4), |r| r.drain));
                stream.connected()
            });
        assert_eq!(
            refused.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn a_wake_from_another_thread_ends_the_poll() {
        let mut network = SystemNetwork::new().unwrap();
        let waker = network.waker();
        let thread = std::thread::spawn(move || waker());
        let mut events = Vec::new();
        network.poll(Some(DEADLINE), &mut events).unwrap();
        assert_eq!(events, []);
        thread.join().unwrap();
    }

    #[test]
    fn each_signal_is_an_event() {
        let mut network = SystemNetwork::new().unwrap();
        network.hear_signals().unwrap();
        for (signal, expected) in [
            (SIGTERM, Event::StopSignal),
            (SIGHUP, Event::ReloadSignal),
            (SIGINT, Event::StopSignal),
            (SIGTERM, Event::StopSignal),
        ] {
            signal_hook::low_level::raise(signal).unwrap();
            poll_until(&mut network, |event| event == expected);
        }
    }
}
