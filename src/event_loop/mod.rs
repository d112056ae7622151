//! The parts of an event loop that know nothing of FTP.
//!
//! Keys with generations, readiness latches, a run queue, timers, the slots that connections live in, and
//! permits: each is a small data structure without I/O, a clock or a callback. They import nothing of ours,
//! and [`reactor`](crate::reactor) is the server that is built on them. This page can be read alone.
//!
//! # How the parts fit together
//!
//! ```text
//!   epoll ──Token──▶ Slots ──▶ Latch ─┐                        (an event names a socket of a connection)
//!                                     ├─ wants? ──▶ RunQueue ──▶ one bounded turn for each Key
//!   clock ──────────▶ Timers ──Key────┘                        (a deadline names a connection)
//! ```
//!
//! - A connection lives in [`Slots`] under a [`Key`]: the slot's index and a generation, so that an event, a
//!   deadline or a completed job that belongs to an earlier user of the slot finds nothing.
//! - A [`Token`] is a key and a small number that tells the sockets of one connection apart.
//! - Sockets are registered edge-triggered, for as long as the loop has to wait for them. An event sets a
//!   [`Latch`]; only an operation that would block clears it.
//! - A connection that is ready for what it wants is queued in the [`RunQueue`] and gets one bounded turn in
//!   each iteration: fairness.
//! - [`Timers`] is a heap with lazy deletion: a deadline that moves later costs nothing.
//! - A [`Semaphore`] bounds work that needs much memory; its [`Permit`]s are returned on drop.
//!
//! # A whole reactor
//!
//! An echo server for any number of clients, on one thread. A client that sends nothing for a minute is
//! closed.
//!
//! ```
//! use std::io::{self, Read, Write};
//! use std::net::Shutdown;
//! use std::time::Duration;
//!
//! use mio::net::{TcpListener, TcpStream};
//! use mioftpd::internals::clock::Instant;
//! use mioftpd::internals::event_loop::{Key, Latch, Queued, Readiness, RunQueue, Slots, Timers, Token};
//!
//! const IDLE: Duration = Duration::from_secs(60);
//! /// The listener's token: a role that no connection has.
//! const LISTENER: usize = 3;
//!
//! struct Connection {
//!     stream: TcpStream,
//!     ready: Latch,
//!     queued: Queued,
//!     /// Bytes to be echoed: while there are some, nothing is read (backpressure).
//!     unsent: Vec<u8>,
//!     deadline: Instant,
//!     armed: Option<Instant>,
//! }
//!
//! impl Connection {
//!     /// One predicate decides whether the connection is runnable.
//!     fn wants_turn(&self) -> bool {
//!         if self.unsent.is_empty() { self.ready.readable } else { self.ready.writable }
//!     }
//!
//!     /// At most one call each way, so that no client can occupy the loop. `false`: close.
//!     fn turn(&mut self, now: Instant) -> io::Result<bool> {
//!         if self.unsent.is_empty() {
//!             let mut bytes = [0; 4096];
//!             match self.stream.read(&mut bytes) {
//!                 Ok(0) => return Ok(false),
//!                 Ok(count) => self.unsent.extend(&bytes[..count]),
//!                 Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready.readable = false,
//!                 Err(error) => return Err(error),
//!             }
//!             self.deadline = now + IDLE;
//!         }
//!         if self.ready.writable && !self.unsent.is_empty() {
//!             match self.stream.write(&self.unsent) {
//!                 Ok(count) => drop(self.unsent.drain(..count)),
//!                 Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.ready.writable = false,
//!                 Err(error) => return Err(error),
//!             }
//!         }
//!         Ok(true)
//!     }
//! }
//!
//! /// Serves until `clients` of them have come and gone.
//! fn serve(mut listener: TcpListener, mut clients: usize) -> io::Result<()> {
//!     let mut poll = mio::Poll::new()?;
//!     let mut events = mio::Events::with_capacity(64);
//!     let both = mio::Interest::READABLE | mio::Interest::WRITABLE;
//!     poll.registry().register(&mut listener, mio::Token(LISTENER), mio::Interest::READABLE)?;
//!     let mut connections: Slots<Connection> = Slots::default();
//!     let mut queue: RunQueue<1> = RunQueue::default();
//!     let mut timers = Timers::default();
//!     while clients > 0 {
//!         let now = Instant::now();
//!         let until_next = timers.next().map(|at| at - now);
//!         let sleep = if queue.is_empty() { until_next } else { Some(Duration::ZERO) };
//!         poll.poll(&mut events, sleep)?;
//!         let now = Instant::now();
//!         // 1. Events set latches; a new connection gets a slot.
//!         for event in &events {
//!             if event.token().0 == LISTENER {
//!                 while let Ok((mut stream, _)) = listener.accept() {
//!                     let key = connections.vacant_key();
//!                     let token = Token::new(key, 0);
//!                     poll.registry().register(&mut stream, mio::Token(token.0), both)?;
//!                     let (ready, queued, unsent) = (Latch::FRESH, Queued::default(), Vec::new());
//!                     let (deadline, mut armed) = (now + IDLE, None);
//!                     timers.arm(key, Some(deadline), &mut armed);
//!                     connections.insert(Connection { stream, ready, queued, unsent, deadline, armed });
//!                 }
//!                 continue;
//!             }
//!             let key = Token(event.token().0).key();
//!             // A stale event finds nothing.
//!             let Some(connection) = connections.get_mut(key) else { continue };
//!             connection.ready.set(Readiness {
//!                 readable: event.is_readable(),
//!                 writable: event.is_writable(),
//!                 drain: event.is_read_closed(),
//!             });
//!             if connection.wants_turn() {
//!                 queue.push(key, 0, &mut connection.queued);
//!             }
//!         }
//!         // 2. Deadlines that are due. One that has moved later is armed again.
//!         while let Some((key, at)) = timers.pop_due(now) {
//!             let Some(connection) = connections.get_mut(key) else { continue };
//!             if connection.armed == Some(at) {
//!                 connection.armed = None;
//!                 if connection.deadline <= now {
//!                     connections.remove(key);
//!                 } else {
//!                     timers.arm(key, Some(connection.deadline), &mut connection.armed);
//!                 }
//!             }
//!         }
//!         // 3. One turn for each connection that was queued when the pass began.
//!         for _ in 0..queue.len(0) {
//!             let Some(key) = queue.pop(0) else { break };
//!             let Some(connection) = connections.get_mut(key) else { continue };
//!             connection.queued.taken(0);
//!             match connection.turn(now) {
//!                 Ok(true) if connection.wants_turn() => queue.push(key, 0, &mut connection.queued),
//!                 Ok(true) => {}
//!                 Ok(false) | Err(_) => {
//!                     connections.remove(key);
//!                     clients -= 1;
//!                 }
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//!
//! let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
//! let address = listener.local_addr()?;
//! let server = std::thread::spawn(move || serve(listener, 1));
//! let mut client = std::net::TcpStream::connect(address)?;
//! client.write_all(b"hello, reactor")?;
//! client.shutdown(Shutdown::Write)?;
//! let mut echo = String::new();
//! client.read_to_string(&mut echo)?;
//! assert_eq!(echo, "hello, reactor");
//! server.join().unwrap()?;
//! # Ok::<(), io::Error>(())
//! ```

mod key;
mod latch;
mod run_queue;
mod semaphore;
mod slots;
mod timers;

pub use key::{Key, MAX_SLOTS, Token};
pub use latch::{Interest, Latch, Readiness};
pub use run_queue::{Queued, RunQueue};
pub use semaphore::{Permit, Semaphore};
pub use slots::Slots;
pub use timers::Timers;
