//! An FTP server for Linux whose whole control channel runs on one thread, without a runtime:
//! a hand-written readiness reactor over [`mio`], which holds a state machine for each
//! connection in a [`slab`].
//!
//! It is a program (`mioftpd DIR`), a library for programs that want an FTP server inside, and a
//! text to read for those who want to know how a reactor works. This page is the map.
//!
//! # Inside another program
//!
//! ```
//! use std::io::{BufRead, BufReader, Write};
//! use std::net::TcpStream;
//!
//! let config = mioftpd::Config {
//!     listen: vec!["127.0.0.1:0".parse()?],
//!     ..mioftpd::Config::default()
//! };
//! let mut server = mioftpd::Server::bind(config)?;
//! let address = server.addresses()[0];
//! let handle = server.handle();
//! let serving = std::thread::spawn(move || server.run());
//!
//! let mut client = TcpStream::connect(address)?;
//! let mut replies = BufReader::new(client.try_clone()?).lines();
//! assert_eq!(replies.next().unwrap()?, "220 Service ready for new user.");
//! client.write_all(b"NOOP\r\n")?;
//! assert_eq!(replies.next().unwrap()?, "200 Command okay.");
//!
//! handle.stop();
//! let goodbye = "421 Service not available, closing control connection.";
//! assert_eq!(replies.next().unwrap()?, goodbye);
//! assert!(replies.next().is_none());
//! drop((client, replies));
//! serving.join().unwrap()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A program with a loop of its own calls [`Server::turn`] instead of [`Server::run`].
//!
//! # The one principle
//!
//! **The loop only makes calls that cannot wait.** Every resource has a form of the call that
//! says "would block" instead, and something else to do then:
//!
//! | resource | the call that cannot wait | when it would |
//! |---|---|---|
//! | socket | read, write on a non-blocking descriptor | wait for readiness |
//! | path lookup | `openat2` with `RESOLVE_CACHED` (and `RESOLVE_BENEATH`: it is the jail too) | a worker looks |
//! | file read | `preadv2` with `RWF_NOWAIT` | a worker has the slice |
//! | create, rename, write, list, `sendfile` of what is not small | none | a worker, always |
//!
//! A small file that the kernel has in its caches is looked up, read and sent without leaving the
//! loop. A cold one costs a hand-over to a worker, some ten microseconds, and delays nobody else.
//!
//! # The map
//!
//! ```text
//!   protocol   the text of FTP: lines, commands, replies, addresses, listings        pure
//!   session    one client's conversation: lines, reports and deadlines in;
//!              replies, orders and deadlines out                                     pure
//!   transfer   one file's bytes between a data connection and the storage, in slices
//!   file_task  long work on files without a data connection, in slices: digests, sizes of trees
//!   storage    what can be done to files; a disk that the kernel confines; a tree in memory
//!   auth       who may log in, from where, and what they may do then; who has failed to too often
//!   observe    what others hear of transfers, changes and refusals: logs of them, events of uploads
//!   net        sockets, TLS over them, passive ports: the operating system behind small traits
//!   workers    threads for what may wait: jobs in, completions out
//!   reactor    the loop: keys, latches, run queue, timers, admission, drain
//!   sandbox    what the process gives up once it listens
//!   privsep    a helper process that keeps those rights, and starts one kind of program with them
//! ```
//!
//! Beside them [`config`] is what a server is told, by a host program, the command line or a file
//! (`config::file`, where an example with every key stands), and [`cause`] puts what the system refuses
//! into words.
//!
//! TLS is in one place: a [`net::Channel`] is a stream in the clear or a secured one, and whoever reads
//! and writes does not see the difference.
//!
//! Imports go downwards. `protocol` imports nothing of ours. `session` imports `protocol` and the
//! plain data of `storage`, `auth`, `transfer`, `file_task` and `observe`, so it can be tested, and
//! is, without a socket or a file. `net`, `storage`, `auth`, `transfer`, `file_task`, `observe` and
//! `workers` know no session, [`sandbox`] knows [`cause`] alone. Only [`reactor`] knows everybody. A test
//! reads the sources and fails where an import breaks this.
//!
//! The reactor reaches the outside through four seams and nothing else: [`net::Network`],
//! [`net::Stream`], [`storage::Storage`] and [`workers::Runner`]. The program puts the operating
//! system behind them; the tests put a simulator there, and run the same reactor, sessions and
//! transfers on a virtual network, disk and clock, from a seed.
//!
//! # The loop
//!
//! Poll; latch what the kernel said; deliver finished jobs; fire due deadlines; give every runnable
//! connection one bounded turn, control before data; accept; repeat.
//!
//! - *Readiness is a latch, wanting is a function, runnable is their AND.* A socket is registered
//!   once, for both directions, edge triggered. An event sets a latch; only "would block" clears
//!   it. What a connection wants is computed from its state by one predicate.
//! - *One owner, one key.* A connection owns its streams, its session and its transfer. What comes
//!   back later (an event, a deadline, a completion) finds it by a key with a generation, or finds
//!   nobody.
//! - *A job owns what it works on and gives it back.* No file is shared and nothing is locked.
//! - *Everything has a limit*, and all limits are in [`limits`], each with its reason.
//! - *One way out.* Every connection is closed in one function, for a named reason; every transfer
//!   ends in one place: data connection closed, file closed, then the reply.
//! - *Write before you wait; answer in one write.* A NOOP costs `epoll_wait`, `recvfrom`, `sendto`.
//! - *Idle costs nothing.* No tick; a connection without unfinished business has no buffer.
//!
//! # Reading order
//!
//! 1. `protocol/line.rs`: bytes become lines, however they are cut.
//! 2. `session/mod.rs`, and beside it `tests/transcripts`: a conversation, and what it must be.
//! 3. `session/control_only.rs`: the smallest server there is.
//! 4. `transfer/mod.rs` and `transfer/outbound.rs`: a slice.
//! 5. `reactor/key.rs`, `latch.rs`, `run_queue.rs`, `timers.rs`: the parts of a loop.
//! 6. `reactor/mod.rs`: the loop. Then `connection.rs`, `control.rs`, `data_turn.rs`: its turns;
//!    `securing.rs` and `net/tls/security.rs`: the same with TLS; `proxied.rs`: behind a proxy.
//! 7. `tests/simulation`: the same loop in a world made of a seed.

pub mod auth;
pub mod cause;
pub mod config;
pub mod event_loop;
pub mod file_task;
pub mod guide;
pub mod limits;
pub mod logging;
pub mod net;
pub mod observe;
pub mod privsep;
pub mod protocol;
pub mod reactor;
pub mod sandbox;
pub mod session;
pub mod storage;
pub mod transfer;
pub mod workers;

mod capacity;
mod helper_process;
mod server;

pub use config::Config;
pub use helper_process::run_helper_if_requested;
pub use server::{ConfigSource, Error, Finding, Handle, Server, check, report_failure};
