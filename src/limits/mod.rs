//! Every limit, each with its reason.
//!
//! The work of one turn and the memory of one connection are bounded here, and the memory of all
//! connections in `memory`. Counts and sizes are constants; time-outs are [`Timings`] and rate limits
//! are [`Throttling`], because a host program or a simulator may set others.

mod connection_limit;
mod memory;
pub mod status;
mod threads;
mod throttling;
mod timings;

use std::time::Duration;

pub use connection_limit::{ConnectionLimit, LimitCause};
pub use memory::{
    CONNECTION_BYTES, HASHES_OF_AVAILABLE, MemoryProfile, connections_within, permits,
    worst_case_bytes,
};
pub use threads::{
    ONE_WORKER_BELOW, THREAD_STACK_BYTES, TRACE_FLUSH_TIMEOUT, WORKER_IDLE, WORKER_NICENESS,
};
pub use throttling::{
    ADDRESS_TABLE_ENTRIES, ADDRESSES_PER_SET, LINES_LOGGED, LOGINS_LOGGED, REFUSALS_AUDITED,
    REFUSALS_LOGGED, Rate, SLOW_LOGGED, Throttling,
};
pub use timings::Timings;

/// The input buffer of a control connection, in bytes: one read, and the most that is buffered and
/// not yet executed. Room for four of the longest lines, which is enough for pipelining; 4096 full
/// buffers take 64 MiB.
pub const INPUT_BYTES: usize = 16 * 1024;
const _: () = assert!(INPUT_BYTES > crate::protocol::line::LINE_MAX + 2);

/// Bytes of unread replies beyond which a client's further commands are not executed (backpressure).
/// A listing in a reply (STAT, MLST) may exceed it once, up to [`STAT_LISTING_BYTES`].
pub const OUTBOX_BYTES: usize = 16 * 1024;

/// Commands of one connection executed in one turn: twice the deepest useful pipelining, and only
/// some ten microseconds of the event loop.
pub const COMMANDS_PER_TURN: usize = 128;

/// Sessions re-checked in one iteration after a reload: each may cost the verification of a
/// certificate, some hundred microseconds of the event loop.
pub const REVIEWS_PER_PASS: usize = 8;

/// The longest time between two checks of an account's expiry: the wall clock may have been set.
pub const EXPIRY_CHECK_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// Connections accepted from one listener in one iteration, so that a flood of new connections
/// cannot starve the established ones.
pub const ACCEPTS_PER_PASS: usize = 32;

/// Connections that are accepted from one passive listener in one iteration.
pub const ARRIVALS_PER_PASS: usize = 32;

/// Open passive listeners that are looked at for a session before another one is opened.
pub const PASSIVE_PROBES: usize = 16;

/// How long a passive listener stays open although no session needs it. Opening one costs ten system calls.
pub const PASSIVE_IDLE: Duration = Duration::from_secs(30);

/// How long a data connection may be under way that its session does not wait for any more, and must not be
/// taken for the next session's of the same address: three lost SYNs, which are repeated after 1, 3 and 7
/// seconds (RFC 6298 §2). `timings.data-connect`, if that is shorter.
pub const LATE_CONNECTION: Duration = Duration::from_secs(8);

/// Passive ports for which a connection from one address may be late, before it must wait for the next port.
/// So a client that asks again and again does not open ports without end.
pub const LATE_PER_ADDRESS: usize = 256;

/// As [`LATE_PER_ADDRESS`], before a session that has a port gets the same again.
pub const LATE_PER_SESSION: usize = 4;

/// How long a session may keep a passive port without connecting while others of its address wait for it.
pub const PASSIVE_TURN: Duration = Duration::from_secs(5);

/// Connections at one passive listener that are not identified, because a header or a `ClientHello` is
/// incomplete.
pub const UNIDENTIFIED: usize = 64;

/// Sessions of one address that may wait at one passive port at a time, told apart by what they resume.
pub const SESSIONS_PER_PORT: usize = 32;

/// The longest `ClientHello` by which a session is told apart. A ticket may contain a client certificate.
pub const HELLO_BYTES: usize = 8 * 1024;

/// In MODE S end-of-file is the end of the data connection, and a killed client closes both
/// connections. If both end, the upload counts as complete only if its end follows its last byte
/// within this time. A client that is done closes within microseconds, or a few time slices on a
/// busy processor; one that waits for data, such as a camera, is silent for longer.
pub const UPLOAD_END_PAUSE: Duration = Duration::from_millis(10);

/// The least time between the 150 and the 226 of a short download, unless the client closes the data
/// connection earlier: some clients fail if one read returns both replies. A few time slices on a
/// busy processor.
pub const REPLY_GAP: Duration = Duration::from_millis(50);

/// Bytes of a transfer that a worker moves in one slice: some hundred microseconds for a cached
/// file, so that few workers serve many transfers fairly.
pub const WORKER_SLICE_BYTES: usize = 1024 * 1024;

/// How long a worker keeps a transfer while no other job waits: slices follow one another without a way
/// through the loop, which costs more than a slice of a cached file. An abort ends it earlier.
pub const WORKER_TURN: Duration = Duration::from_millis(30);

/// How long a worker waits for a client in the middle of a transfer, while no other job waits. A client on
/// a fast network is ready again within this time, and the loop is not woken; a job that arrives meanwhile
/// is late by no more.
pub const NETWORK_PATIENCE: Duration = Duration::from_millis(1);

/// The largest file that is sent on the event loop, if it is in the page cache. One chunk: about ten
/// microseconds, as much as handing it to a worker.
pub const INLINE_BYTES: usize = CHUNK_BYTES;

/// The scratch buffer of the event loop for a slice.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// The scratch buffer of a worker: the bytes of one read of an upload, and of its write. Larger writes let
/// file systems use larger folios; memory is taken only once an upload fills it. [`CHUNK_BYTES`] where the
/// configuration limits the memory.
pub const WORKER_CHUNK_BYTES: usize = 512 * 1024;

/// Bytes of a file that are converted in one step, if TYPE, STRU or MODE require it. The result is
/// at most three times as long, and fits into the processor's cache.
pub const CONVERTED_BYTES: usize = CHUNK_BYTES / 4;

/// Bytes of an upload that are buffered while the files of its quota are counted. They are part of
/// the memory reckoned for converted bytes, of which an upload otherwise uses little.
pub const UNCOUNTED_BYTES: usize = 2 * CONVERTED_BYTES;

/// Bytes read at a time if the quota has less than that left, so that the converted result fits into
/// the same buffer.
pub const READ_BYTES_NEAR_QUOTA: u64 = CONVERTED_BYTES as u64 / 2;

/// Bytes between two restart markers of a RETR, and so the most that is sent twice after a restart.
pub const MARKER_BYTES: u64 = 1024 * 1024;

/// Bytes of an upload between two checks of the free space, if a floor is set. A check adds a
/// thousandth to the cost of a fast upload; concurrent uploads exceed the floor by little.
pub const SPACE_CHECK_BYTES: u64 = 4 * 1024 * 1024;

/// Bytes of formatted output that a listing buffers while its client is slow.
pub const LISTING_BYTES: usize = 16 * 1024;

/// Entries that a listing examines in one slice, at one system call each.
pub const LISTING_ENTRIES: usize = 256;

/// The largest directory that is listed sorted by name: reading and sorting its names delays the first
/// byte by some milliseconds.
pub const SORTED_ENTRIES: usize = 10_000;

/// The memory for sorting, in bytes: that many names of 33 bytes, or fewer that are longer.
pub const SORTED_BYTES: usize = 512 * 1024;

/// The memory for sorting a listing in a reply (STAT), in bytes: for more names than the reply has room for.
pub const REPLY_SORTED_BYTES: usize = 2 * STAT_LISTING_BYTES;

/// How many levels `LIST -R` descends.
pub const DIRECTORY_DEPTH: usize = 32;

/// Directories that `LIST -R` queues. Further ones are left out, and the listing ends with 451; DSIZ
/// fails.
pub const DIRECTORIES_PENDING: usize = 1000;

/// The memory for that queue, in bytes: that many paths of the usual length.
pub const DIRECTORIES_BYTES: usize = 256 * 1024;

/// Files that one COMB concatenates. Clients split an upload into a handful of parts.
pub const COMBINE_PARTS: usize = 100;

/// The memory for their paths, in bytes: about 1.6 KB each.
pub const COMBINE_BYTES: usize = 160 * 1024;

/// The longest listing in a reply; a longer one is truncated with a note.
pub const STAT_LISTING_BYTES: usize = 64 * 1024;

/// Sessions that SITE WHO shows.
pub const SESSIONS_SHOWN: usize = 200;

/// The largest file that SIZE reads to count its line ends in TYPE A.
pub const ASCII_SIZE_BYTES: u64 = 1024 * 1024;

/// Connections in all.
pub const CONNECTIONS: usize = 4096;

/// The most descriptors of one connection: control, data, and an upload's file and directory. There is room
/// for a passive listener besides, which may outlast the connection.
pub const DESCRIPTORS_PER_CONNECTION: usize = 4;

/// Descriptors of the server itself: standard streams, poller, waker, signals, root, listeners, and
/// those that workers open briefly.
pub const DESCRIPTORS_RESERVED: usize = 32;

/// Connections of one address. High, because a whole company may share one (NAT).
pub const CONNECTIONS_PER_ADDRESS: usize = 1024;

/// Steps of TLS handshakes of one address that workers have at once; the others wait in a queue of the
/// address. Each can cost a signature: some hundred microseconds, or milliseconds with RSA. A flood of
/// one address delays a handshake of another by no more than these. An IPv6 client counts as its /64.
pub const HANDSHAKES_OF_ONE: usize = 4;

/// The most threads that compute handshakes, if there are so many processors: enough for thousands of
/// handshakes a second.
pub const HANDSHAKE_WORKERS: usize = 16;

/// Socket reads of a TLS connection in one call; a peer could otherwise occupy the event loop with
/// empty records.
pub const TLS_READS_PER_CALL: usize = 64;

/// The longest TLS record with its header (RFC 5246 §6.2.3). Those of RFC 8446 are shorter.
pub const TLS_RECORD_BYTES: usize = (1 << 14) + 2048 + 5;

/// The smallest output buffer for which a TLS connection reads from the socket in large pieces: that
/// of an upload, but not that of a control connection, which receives little.
pub const TLS_BULK_BYTES: usize = 2 * TLS_RECORD_BYTES;

/// TLS 1.3 tickets sent on a control connection. They are reusable, but some clients use each once
/// (RFC 8446 §C.4), and need one per transfer.
pub const TLS_TICKETS_CONTROL: usize = 8;

/// Tickets sent on the data connection of a download, for the transfers that follow.
pub const TLS_TICKETS_DATA: usize = 2;

/// Tickets sent on the data connection of an upload, if data connections must resume a session, for
/// clients that use each once. Otherwise none are sent: a client that closes with unread tickets
/// resets the connection, and bytes in flight are lost.
pub const TLS_TICKETS_UPLOAD: usize = 1;

/// Tickets that are read in a `ClientHello` to tell sessions apart; clients offer one or two.
pub const TLS_OFFERS_READ: usize = 4;

/// TLS sessions cached in the server, for TLS 1.2 clients without tickets.
pub const TLS_SESSIONS_KEPT: usize = 256;

/// Jobs queued for workers beyond which new connections are refused: the storage hangs.
pub const JOBS_QUEUED: usize = 4096;

/// Logins queued for hashing beyond which further ones are refused: some ten seconds of the usual
/// hashes, so that a queued login is answered before its time-out.
pub const LOGINS_QUEUED: usize = 256;

/// The most queued logins of one address when `waiting` are queued in all: the number of free
/// entries. A single address gets half of the queue; the more addresses flood, the less each gets,
/// so it takes hundreds to fill the queue. An IPv6 client counts as its /64.
pub const fn logins_of_one(waiting: usize) -> usize {
    LOGINS_QUEUED.saturating_sub(waiting)
}

/// Threads that hash passwords. One: each takes a hash's memory, some 20 MiB by default, and all
/// of a processor.
pub const LOGIN_WORKERS: usize = 1;

/// Threads that wait for PAM, which delays a rejection by about two seconds: a few clients that
/// guess passwords must not block other logins.
pub const PAM_WORKERS: usize = 8;

/// The time-out of a PAM check: long enough for a remote directory service, and shorter than the time-outs
/// of clients.
pub const PAM_TIMEOUT: Duration = Duration::from_secs(30);

/// Concurrent PAM processes. More than the threads that wait for them, because a process may exit
/// a little after it has answered.
pub const PAM_PROCESSES: usize = 2 * PAM_WORKERS;

/// Routine log records queued for the log thread; further ones are dropped and counted. All three
/// classes together take a megabyte, which a board with 16 MiB can spare.
pub const LOG_RECORDS: usize = 512;

/// Security log records queued, besides the routine ones: more than the failed logins of ten
/// addresses before their ban.
pub const LOG_SECURITY_RECORDS: usize = 256;

/// Audit log records (changes, transfers, refusals) queued, besides the routine ones.
pub const LOG_AUDIT_RECORDS: usize = 256;

/// Bytes of a reply that are recorded as the reason of a refusal: the longest reply, without names.
pub const REASON_BYTES: usize = 160;

/// Log records printed between two reports of lost ones, while more are being lost.
pub const LOG_LOSS_EVERY: usize = 256;

/// The longest log record, in bytes; a longer one is truncated and marked. Names fit, and a full
/// queue of the longest records takes one megabyte.
pub const LOG_RECORD_BYTES: usize = 1024;

/// Transfer records queued for the transfer log's thread: some seconds of the smallest files, while
/// the disk stalls.
pub const RECORDS_QUEUED: usize = 4096;

/// Upload events queued while the operator's programs run: enough for a burst.
pub const EVENTS_QUEUED: usize = 1024;

/// Concurrent event commands by default: a slow one does not block the next, and a burst of uploads
/// does not overload the machine.
pub const EVENT_COMMANDS: usize = 2;

/// The most concurrent event commands that can be configured: each has a thread.
pub const EVENT_COMMANDS_MAX: usize = 64;

/// Added to the time-out of an event command when waiting for its result: the worker has to kill the
/// command first.
pub const EVENT_KILL_MARGIN: Duration = Duration::from_secs(10);

/// The default time-out of an event command: enough to scan a large file for viruses.
pub const EVENT_COMMAND_TIMEOUT: Duration = Duration::from_secs(60);

/// The time-out of a write to the event socket or to syslog, if its reader does not read.
pub const EVENT_SOCKET_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a shutdown waits for queued transfer records to be written.
pub const RECORDS_FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a shutdown waits for queued upload events. Programs that take longer keep running.
pub const EVENTS_FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Seconds during which a repeated failure is logged only once.
pub const REPEATED_ERROR_SECONDS: i64 = 60;

/// Failed logins after which the connection is closed.
pub const LOGIN_FAILURES: u8 = 5;

/// Over-long lines after which the connection is closed: the client does not speak FTP.
pub const LONG_LINES: u8 = 8;

/// The longest busy polling after work. What comes later than that is not the next command of a measurement.
pub const BUSY_POLL_MAX: Duration = Duration::from_secs(1);

/// The most worker threads: no disk gets faster with more concurrent requests.
pub const WORKERS: usize = 64;

/// The most bytes of a password file that are read: no client can send a longer password.
pub const PASSWORD_FILE_BYTES: usize = 4096;

/// The largest configuration file: more than ten thousand accounts.
pub const CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// The largest PEM file: five times the bundle of all public certificate authorities.
pub const PEM_BYTES: u64 = 1024 * 1024;

/// The longest account name in a client certificate: `ub-common-name` of RFC 5280.
pub const CERTIFICATE_NAME_BYTES: usize = 64;

/// How long before its expiry a certificate is warned of. Automatic renewal (ACME) happens earlier,
/// so the warning means that it has failed.
pub const CERTIFICATE_EXPIRY_NOTICE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The validity of a self-signed certificate: longer than the life of a device, because clients pin
/// its fingerprint and would have to accept a new one.
pub const SELF_SIGNED_VALIDITY: Duration = Duration::from_secs(3652 * 24 * 60 * 60);

/// The nice value of the sweeper thread: the lowest priority, which also lowers its I/O priority.
/// Nothing waits for it.
pub const SWEEPER_NICENESS: i32 = 19;

/// The most attempts of the first count of a tree, if concurrent changes make each incomplete. The
/// last one is accepted, or uploads would wait for ever.
pub const COUNT_ATTEMPTS: u32 = 3;

/// The default interval between two recounts: several a day, without keeping a disk from spinning
/// down.
pub const RECOUNT: Duration = Duration::from_secs(6 * 60 * 60);

/// How often a command that waits for a count polls whether it is finished.
pub const COUNT_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Directory entries that a count examines in one step; between two steps it may pause.
pub const COUNT_ENTRIES: u64 = 64;

/// The pause between two steps of a background recount: a tree of a million files takes half an hour,
/// and the disk is mostly free for other work.
pub const COUNT_PAUSE: Duration = Duration::from_millis(100);

/// The least time between a count and the next one that a quota's refusal starts, so that a client
/// that retries does not cause constant counting.
pub const COUNT_COOLDOWN: Duration = Duration::from_secs(1);

/// Each so many steps of a count add [`COUNT_COOLDOWN`] to that time: 15 seconds for a million files.
pub const COUNT_COOLDOWN_STEPS: u32 = 1000;

/// Directory entries that a sweep examines between two checks whether the server is still running.
pub const SWEEP_ENTRIES: usize = 256;

/// The depth to which a sweep descends: each level has a directory open.
pub const SWEEP_DEPTH: usize = 64;

/// How long a resolved name is cached: after a change of a dynamic address, clients get the old one
/// for so long.
pub const NAME_TTL: Duration = Duration::from_secs(300);

/// The delay before a failed look-up is retried.
pub const NAME_RETRY_DELAY: Duration = Duration::from_secs(30);

/// The stack of a resolver thread: the C library's resolver has large buffers on it, and loads NSS
/// modules. Unused pages take no memory.
pub const RESOLVER_STACK_BYTES: usize = 1024 * 1024;

/// How long a listener stops accepting after accept(2) has failed, such as with EMFILE.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
