//! [`Network`] over the operating system: epoll, sockets, clocks and signals.
//!
//! It owns the poller, the waker and the signal pipe. Sockets are registered edge-triggered (epoll(7)); a
//! control connection stays registered and is never re-armed, so a command costs one `epoll_wait`, one read
//! and one write. It knows no connections; a token is an opaque number.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mio::{Interest, Poll, Registry};
use rustix::io::Errno;
use rustix::net as sys;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook_mio::v1_0::Signals;

use super::end_order::EndOrder;
use super::listener::{AcceptedOptions, SystemListener};
use super::local;
use super::sockets::{canonical, connecting_socket, listening_socket, set_inherited_options};
use super::stream::SystemStream;
use super::{
    EndWatch, Ends, Event, Listener, LocalAccess, Network, Readiness, Stream, Token, Waker,
};
use crate::clock::Instant;
use crate::clock::wall_clock;

const WAKER: mio::Token = mio::Token(usize::MAX);
const SIGNALS: mio::Token = mio::Token(usize::MAX - 1);

/// Events fetched by one poll; the next poll fetches the rest.
const EVENTS_PER_POLL: usize = 256;

/// The production [`Network`]: Linux sockets, the system's clocks and signals.
pub struct SystemNetwork {
    poll: Poll,
    ready: mio::Events,
    // Shared with the streams, which register themselves.
    registry: Arc<Registry>,
    waker: Arc<mio::Waker>,
    signals: Option<Signals>,
    end_order: EndOrder,
}

impl SystemNetwork {
    /// Creates a poller with only its waker registered.
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

    /// Handles SIGTERM, SIGINT, SIGHUP and SIGUSR1: [`poll`](Network::poll) reports each as an [`Event`], and
    /// they no longer end the process. Repeats of one signal between two polls coalesce.
    pub fn enable_signals(&mut self) -> io::Result<()> {
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
        self.poll
            .registry()
            .register(&mut signals, SIGNALS, Interest::READABLE)?;
        self.signals = Some(signals);
        Ok(())
    }
}

/// The discard service (RFC 863): any port serves, since nothing is sent.
const DISCARD_PORT: u16 = 9;

impl Network for SystemNetwork {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn unix_time(&self) -> i64 {
        wall_clock().0
    }

    fn listen(&mut self, address: SocketAddr, token: Token) -> io::Result<Box<dyn Listener>> {
        let socket = listening_socket(address)?;
        let listener =
            SystemListener::new(socket, AcceptedOptions::Inherited, &self.registry, token)?;
        Ok(Box::new(listener))
    }

    fn listen_local(
        &mut self,
        path: &Path,
        access: LocalAccess,
        token: Token,
    ) -> io::Result<Box<dyn Listener>> {
        local::listen(path, access, &self.registry, token)
    }

    fn adopt(&mut self, socket: TcpListener, token: Token) -> io::Result<Box<dyn Listener>> {
        socket.set_nonblocking(true)?;
        set_inherited_options(&socket)?;
        let options = AcceptedOptions::SetOnAccept;
        let listener = SystemListener::new(socket, options, &self.registry, token)?;
        Ok(Box::new(listener))
    }

    fn take_over(
        &mut self,
        socket: TcpStream,
        token: Token,
    ) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        let peer = canonical(socket.peer_addr()?);
        socket.set_nonblocking(true)?;
        set_inherited_options(&socket)?;
        let socket = mio::net::TcpStream::from_std(socket);
        let stream = SystemStream::new(socket, Arc::clone(&self.registry), token);
        Ok((Box::new(stream), peer))
    }

    /// The route to an own address has that address as its source. Connecting a UDP socket looks the
    /// route up and sends nothing.
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
        let registry = Arc::clone(&self.registry);
        Ok(Box::new(SystemStream::new(socket, registry, token)))
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
                        SIGUSR1 => Event::ReportSignal,
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
        self.end_order.ends(watch)
    }

    fn forget_ends(&mut self, watch: EndWatch) {
        self.end_order.forget(&watch);
    }

    fn waker(&self) -> Waker {
        let waker = Arc::clone(&self.waker);
        // A write to the eventfd fails only when its counter is full: the wake-up is pending then.
        Arc::new(move || drop(waker.wake()))
    }
}

/// Translates an event. An error makes both directions ready, so that the next read or write reports
/// it and needs no separate error path.
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
    use super::super::Registration;
    use super::super::sockets::new_socket;
    use super::*;
    use std::io::{Read as _, Write as _};

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const DEADLINE: Duration = Duration::from_secs(10);

    /// Polls until `found` returns true for an event.
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

    fn is_ready(event: Event, token: Token, test: impl Fn(Readiness) -> bool) -> bool {
        matches!(event, Event::Ready(ready, readiness) if ready == token && test(readiness))
    }

    /// A client's socket, and the accepted stream with token 2.
    fn pair(network: &mut SystemNetwork) -> (TcpStream, Box<dyn Stream>) {
        let mut listener = network.listen((LOOPBACK, 0).into(), Token(1)).unwrap();
        let client = TcpStream::connect(listener.local_address()).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        poll_until(network, |event| is_ready(event, Token(1), |r| r.readable));
        let (mut stream, peer) = listener.accept(Token(2)).unwrap();
        stream.register(Registration::Both).unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        (client, stream)
    }

    #[test]
    fn is_own_is_true_for_addresses_of_this_host_only() {
        let network = SystemNetwork::new().unwrap();
        let is_own = |address: &str| network.is_own(address.parse().unwrap());
        assert_eq!(["127.0.0.1", "::1"].map(&is_own), [true; 2]);
        let others = ["192.0.2.1", "2001:db8::1", "0.0.0.0", "::"];
        assert_eq!(others.map(&is_own), [false; 4]);
    }

    #[test]
    fn end_of_peer_sets_drain() {
        let mut network = SystemNetwork::new().unwrap();
        let (mut client, mut stream) = pair(&mut network);
        assert_eq!(stream.write(b"220 \r\n").unwrap(), 6);
        let mut buffer = [0; 16];
        client.read_exact(&mut buffer[..6]).unwrap();
        client.write_all(b"QUIT").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        poll_until(&mut network, |event| is_ready(event, Token(2), |r| r.drain));
        assert_eq!(stream.read(&mut buffer).unwrap(), 4);
        assert_eq!(stream.read(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn poll_reports_what_a_stream_is_registered_for() {
        let mut network = SystemNetwork::new().unwrap();
        let (mut client, mut stream) = pair(&mut network);
        // Its event came with the first poll.
        poll_until(&mut network, |event| {
            is_ready(event, Token(2), |r| r.writable)
        });
        let mut polled = |stream: &mut Box<dyn Stream>, registration| {
            stream.register(registration).unwrap();
            let mut events = Vec::new();
            // Bytes over loopback are there when the call that sends them returns.
            network.poll(Some(Duration::ZERO), &mut events).unwrap();
            events
        };
        assert_eq!(polled(&mut stream, Registration::None), []);
        client.write_all(b"x").unwrap();
        assert_eq!(polled(&mut stream, Registration::None), []);
        let ready = |readable, writable| {
            let drain = false;
            let readiness = Readiness {
                readable,
                writable,
                drain,
            };
            Event::Ready(Token(2), readiness)
        };
        let event = ready(true, false);
        // What came before, once; then each change.
        assert_eq!(polled(&mut stream, Registration::Readable), [event]);
        assert_eq!(polled(&mut stream, Registration::Readable), []);
        client.write_all(b"x").unwrap();
        assert_eq!(polled(&mut stream, Registration::Readable), [event]);
        let event = ready(false, true);
        assert_eq!(polled(&mut stream, Registration::Writable), [event]);
        assert_eq!(polled(&mut stream, Registration::None), []);
    }

    #[test]
    fn connection_queued_before_adopt_gets_socket_options() {
        let mut network = SystemNetwork::new().unwrap();
        let socket = TcpListener::bind((LOOPBACK, 0)).unwrap();
        let client = TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        let mut listener = network.adopt(socket, Token(1)).unwrap();
        poll_until(&mut network, |event| {
            is_ready(event, Token(1), |r| r.readable)
        });
        let (mut stream, _) = listener.accept(Token(2)).unwrap();
        stream.register(Registration::Both).unwrap();
        // Urgent data is in-line only if the option is set.
        sys::send(&client, b"\xf2", sys::SendFlags::OOB).unwrap();
        poll_until(&mut network, |event| is_ready(event, Token(2), |r| r.drain));
        let mut buffer = [0; 16];
        assert_eq!(stream.read(&mut buffer).unwrap(), 1);
    }

    #[test]
    fn connect_is_established_or_refused() {
        let mut network = SystemNetwork::new().unwrap();
        let anywhere = SocketAddr::new(LOOPBACK, 0);
        let listener = TcpListener::bind(anywhere).unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = network.connect(anywhere, address, Token(3)).unwrap();
        stream.register(Registration::Writable).unwrap();
        poll_until(&mut network, |event| {
            is_ready(event, Token(3), |r| r.writable)
        });
        stream.connected().unwrap();
        let (_, peer) = listener.accept().unwrap();
        assert_eq!(peer, stream.local_address().unwrap());

        // Bound but not listening: the port is reserved, and refuses connections.
        let closed = new_socket(address).unwrap();
        sys::bind(&closed, &SocketAddr::from((LOOPBACK, 0))).unwrap();
        let closed: TcpListener = closed.into();
        let address = closed.local_addr().unwrap();
        let refused = network
            .connect(anywhere, address, Token(4))
            .and_then(|mut stream| {
                stream.register(Registration::Writable)?;
                poll_until(&mut network, |event| is_ready(event, Token(4), |r| r.drain));
                stream.connected()
            });
        assert_eq!(
            refused.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn wake_from_another_thread_ends_poll() {
        let mut network = SystemNetwork::new().unwrap();
        let waker = network.waker();
        let thread = std::thread::spawn(move || waker());
        let mut events = Vec::new();
        network.poll(Some(DEADLINE), &mut events).unwrap();
        assert_eq!(events, []);
        thread.join().unwrap();
    }

    #[test]
    fn signals_are_reported_as_events() {
        let mut network = SystemNetwork::new().unwrap();
        network.enable_signals().unwrap();
        for (signal, expected) in [
            (SIGTERM, Event::StopSignal),
            (SIGHUP, Event::ReloadSignal),
            (SIGUSR1, Event::ReportSignal),
            (SIGINT, Event::StopSignal),
            (SIGTERM, Event::StopSignal),
        ] {
            signal_hook::low_level::raise(signal).unwrap();
            poll_until(&mut network, |event| event == expected);
        }
    }
}
