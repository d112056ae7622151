//! An FTP server for Linux whose whole control channel runs on one thread, without a runtime:
//! a hand-written readiness reactor over [`mio`], which holds a state machine for each
//! connection in a [`slab`].
//!
//! It is a program (`mioftpd DIR`), a library for programs that want an FTP server inside, and a
//! text about how a reactor works. This page is the map; [`book`] builds a reactor from nothing, in ten
//! steps.
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
//! A program with a loop of its own calls [`Server::turn`] instead of [`Server::run`]. What such a program
//! needs is at the root of the crate, in [`sandbox`] and in [`logging`]; the layers are private, and
//! `cargo doc --document-private-items` shows them.
//!
//! # Words
//!
//! In the order in which a reader meets them:
//!
//! - **latch**: the readiness of a socket, remembered since its edge-triggered event; only "would block"
//!   clears it;
//! - **key**, **token**: a connection's slot and generation; a key and which of its sockets is meant;
//! - **turn**: the bounded work of one connection, given by the **run queue**; a **pass** gives each queued
//!   one a turn;
//! - **session**: the conversation with a client, a pure state machine; it returns **actions** and is told
//!   **events**;
//! - **link**: the socket for the next transfer (a passive listener, an address to connect to, a stream);
//! - **transfer**: a link joined to a file; it moves one bounded **slice** at a time;
//! - **job**: work that may wait for a device or computes for long; it owns what it works on and comes back
//!   as a **completion**;
//! - **file task**: long work on files without a data connection (a digest, the size of a tree), in slices;
//! - **permit**: allows work that needs much memory; a **semaphore** has a fixed number of them;
//! - **seam**: one of the four traits behind which the outside is (network, stream, storage, runner);
//! - **drain**: graceful shutdown; **linger**: reading a half-closed connection to its end before closing it;
//! - **helper process**: keeps rights that the server gives up, and starts one kind of program with them.
//!
//! # The one principle
//!
//! **The loop only makes calls that cannot wait.** Every resource has a form of the call that says "would
//! block" instead, and something that is done then:
//!
//! | resource | the call that cannot wait | when it would block |
//! |---|---|---|
//! | socket | read, write on a non-blocking descriptor | wait for readiness |
//! | path lookup | `openat2` with `RESOLVE_CACHED` (and `RESOLVE_BENEATH`: it is the jail too) | a worker looks it up |
//! | file read | `preadv2` with `RWF_NOWAIT` | a worker moves the slice |
//! | create, rename, write, list, `sendfile` of more than a little | none | always a worker |
//! | processor: a TLS handshake, a password's hash | none | always a worker |
//!
//! A small file in the kernel's caches is looked up, read and sent without leaving the loop. A cold one
//! costs a hand-over to a worker, some ten microseconds, and delays no other client.
//!
//! # The map
//!
//! Each layer, and below it what it imports of the layers that follow: all arrows point down.
//!
//! ```text
//!   server      the reactor with the operating system behind it: start, reload, systemd
//!                 ─▶ reactor workers session observe net auth storage metrics privsep sandbox
//!                    protocol
//!   reactor     the server on the event loop: admission, turns, data channels, drain
//!                 ─▶ workers session status observe file_task transfer net auth storage metrics
//!                    event_loop protocol
//!   workers     thread pools for what may wait or computes for long: jobs in, completions out
//!                 ─▶ file_task transfer net auth storage metrics event_loop protocol
//!   session     one client's conversation: lines, events and deadlines in;
//!               replies, actions and deadlines out                                    pure
//!                 ─▶ observe file_task transfer auth storage metrics protocol
//!   status      what is shown of the counters, over HTTP
//!                 ─▶ net metrics event_loop protocol
//!   probe       what is wrong with an FTP server, as its clients see it
//!                 ─▶ bench net protocol
//!   bench       a load generator for any FTP server
//!                 ─▶ net event_loop protocol
//!   observe     records of transfers, changes and refusals: logs, events of uploads
//!                 ─▶ file_task transfer storage privsep protocol
//!   file_task   long work on files without a data connection, in slices
//!                 ─▶ transfer storage event_loop protocol
//!   transfer    one file's bytes between a data connection and the storage, in slices
//!                 ─▶ net storage event_loop protocol
//!   net         sockets, TLS over them, passive ports: the operating system behind small traits
//!                 ─▶ storage event_loop protocol
//!   auth        accounts, passwords, bans: which user may log in, from where
//!                 ─▶ storage privsep protocol
//!   storage     what can be done to files; a disk that the kernel confines; a tree in memory
//!                 ─▶ protocol
//!   metrics     counters and histograms of the loop                                   pure
//!                 ─▶ protocol
//!   privsep     the helper process
//!   sandbox     what the process gives up once it listens
//!   event_loop  keys, latches, run queue, timers, slots, permits                      pure
//!   protocol    the text of FTP: lines, commands, replies, addresses, listings        pure
//! ```
//!
//! Beside them [`config`] is the configuration, from a host program, the command line or a file
//! (`config::file`, with an example of every key), [`limits`] has every limit with its reason, and
//! [`cause`] turns errors of the system into words.
//!
//! No two sibling modules import each other. `protocol` and `event_loop` import nothing of ours. `session`
//! imports the plain data of other layers, so it is tested without a socket or a file. Only [`reactor`]
//! knows all layers. A test reads the sources and fails when an import breaks this, or is not in the picture.
//!
//! The reactor reaches the outside through four seams and nothing else: [`net::Network`], [`net::Stream`],
//! [`storage::Storage`] and [`workers::Runner`]. The program puts the operating system behind them; the
//! simulator puts a virtual network, disk and clock there, and runs the same reactor, sessions and
//! transfers from a seed.
//!
//! # The loop
//!
//! Poll; latch the events; deliver completions; fire due deadlines; give every runnable connection one
//! bounded turn, control before data; accept; repeat.
//!
//! - *Readiness is a latch, wanting is a function, runnable is their AND.* Sockets are registered
//!   edge-triggered: a control connection once, for both directions; a data connection exactly while the loop
//!   waits for it, so that what a worker works on wakes nobody. An event sets a latch; only "would block"
//!   clears it. What a connection wants is computed from its state by one predicate.
//! - *One owner, one key.* A connection owns its streams, its session and its transfer. An event, a
//!   deadline or a completion finds it by a key with a generation, or finds nothing.
//! - *A job owns what it works on and gives it back.* No file is shared; the locks that there are guard the
//!   sums of quotas, never a call that waits for the loop.
//! - *Everything has a limit*, and all limits are in [`limits`].
//! - *One way out.* Every connection is closed in one function, for a named reason; every transfer ends in
//!   one place: data connection closed, file closed, then the reply.
//! - *Write before you wait; answer in one write.* A NOOP costs `epoll_wait`, `recvfrom`, `sendto`.
//! - *Idle costs nothing.* No tick; a connection without unfinished business has no buffer.
//!
//! # One RETR, from the socket to the 226
//!
//! 1. `reactor/mod.rs`: `latch_events` sets the latch of the control socket; `run_pass` gives the
//!    connection its turn.
//! 2. `reactor/connection.rs`: `wants` says that it is runnable; `run_turn` gives it its turn,
//!    applies the actions and writes the replies.
//! 3. `reactor/control.rs`: the control turn reads, and executes the line `RETR file`.
//! 4. `session/transfers.rs`: the session checks the rights and queues `Action::Open` with a `Plan`.
//! 5. `reactor/actions.rs`: `open_file` opens it at once, or on a worker; the session answers 150 and queues
//!    `Action::Begin`.
//! 6. `transfer/plan.rs`: what opening is.
//! 7. `reactor/data_turn.rs`: when link and file are there, `join` makes a transfer, and `move_slice` moves
//!    a slice.
//! 8. `transfer/outbound.rs`: the slice: read or `sendfile`, until the socket would block or the budget is
//!    used up.
//! 9. `reactor/download_end.rs`: `all_sent` waits for the client's end if the file was very short; then
//!    `finish`, of `data_turn.rs`, closes everything and tells the session, which answers 226.
//! 10. `reactor/closing.rs`: `write_replies` hands it to the kernel.
//!
//! # The system calls of a small transfer
//!
//! EPSV and RETR of a cached file of 1 KiB, in a session that has used a passive port before: 18, all on the
//! loop.
//!
//! | step | system calls |
//! |---|---|
//! | EPSV | `epoll_wait`, `recvfrom`, `sendto` (229) |
//! | the client has connected | `epoll_wait`, `accept4`, `accept4` (would block: only that ends an edge) |
//! | RETR: the file and the 150 | `recvfrom`, `openat2`, `fstat`, `sendto` |
//! | the bytes, and their end | `preadv2`, `sendto`, `shutdown`, `close` (file) |
//! | the client's end, before which it may not expect the 226 | `epoll_ctl`, `epoll_wait`, `close` (socket) |
//! | the end | `sendto` (226) |
//!
//! An upload adds two hand-overs to a worker and back, for the new file and for its bytes, and one for the
//! rename: each is a `futex` call of both threads, and a `write` that wakes the loop.
//!
//! # Reading order
//!
//! 1. `protocol/line.rs`: bytes become lines, however they are cut.
//! 2. `session/mod.rs`, and beside it `tests/transcripts`: a conversation, and what it must be.
//! 3. `session/control_only.rs`: the smallest server there is.
//! 4. `event_loop/mod.rs`: the parts of a loop, and a whole one that echoes.
//! 5. The path of a RETR, above; then `reactor/upload_decision.rs`: what a STOR adds.
//! 6. `reactor/securing.rs`, `reactor/handshake_step.rs` and `net/tls/security.rs`: the same with TLS;
//!    `reactor/proxied.rs`: behind a proxy.
//! 7. `tests/simulation`: the same loop in a world made from a seed.
//!
//! [`book::files`] has every file, in an order in which it can be read, and [`book::server`] the paths of
//! other commands.

// A link to a private item is for readers of `cargo doc --document-private-items`.
#![allow(rustdoc::private_intra_doc_links)]

mod auth;
#[cfg_attr(not(feature = "bench"), path = "no_bench.rs")]
mod bench;
pub mod book;
mod capacity;
mod cause;
mod clock;
mod config;
#[cfg(feature = "bench")]
mod doctor;
#[cfg_attr(not(feature = "records"), path = "no_event_helper.rs")]
mod event_helper;
mod event_loop;
mod file_task;
pub mod guide;
#[cfg_attr(not(feature = "hashed-passwords"), path = "no_hash_memory.rs")]
mod hash_memory;
mod helper_process;
#[doc(hidden)]
pub mod internals;
mod limits;
pub mod logging;
#[cfg_attr(not(feature = "status"), path = "no_metrics.rs")]
mod metrics;
mod net;
mod observe;
#[cfg_attr(not(any(feature = "pam", feature = "records")), path = "no_privsep.rs")]
mod privsep;
#[cfg_attr(not(feature = "bench"), path = "no_probe.rs")]
mod probe;
mod process_memory;
mod protocol;
mod reactor;
pub mod sandbox;
mod server;
mod session;
#[cfg_attr(not(feature = "status"), path = "no_status.rs")]
mod status;
mod storage;
mod timed_read;
mod transfer;
mod workers;

pub use auth::{
    Account, Accounts, HashError, PamService, Password, Permissions, RevokedSessions, Secret,
    ServiceNameError, UnknownPermission, hash_password, is_anonymous,
};
#[cfg(feature = "settings")]
pub use config::file as config_file;
pub use config::{
    BadStatusAddress, Certificate, ClientAuthority, Config, ConfigDraft, DEFAULT_PORT, Origins,
    SocketMode, StatusAddress, StatusConfig, TlsConfig, TlsDraft, own_names,
};
pub use helper_process::run_helper_if_requested;
pub use limits::{Rate, Throttling, Timings};
pub use log::LevelFilter;
pub use logging::Syslog;
pub use net::{AddressRules, Cidr, CidrError, DataSession, PassiveHost, PassiveHostError};
pub use observe::{
    AuditRecord, Events, Outcome, RecordsError, Subscription, TransferLog, TransferLogFormat,
    TransferRecord, Verb,
};
pub use protocol::charset::{Charset, UnknownCharset};
pub use protocol::path::{BadPath, VirtualPath};
pub use protocol::zone::{BadZone, Zone};
pub use reactor::Activity;
pub use server::{ConfigSource, Error, Finding, Handle, Server, check, report_failure};
pub use session::{Deadline, SecurityPolicy, TlsRequired};
pub use storage::{BadUmask, CutUploads, Durability, ReplaceFiles, Umask};
