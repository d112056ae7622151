//! Limits of the status service, each with its reason.
//!
//! They bound its memory (connections, requests, responses) and what it takes of the event loop.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The request line and the header of a request, in bytes: as other servers allow.
pub const HEAD_BYTES: usize = 8 * 1024;

/// Fields of a request's header. Browsers send some twenty.
pub const HEADER_FIELDS: usize = 64;

/// The body of a request, in bytes. It is skipped: no request needs one.
pub const BODY_BYTES: usize = 1024;

/// Bytes of a path that are shown of a transfer: with them the sessions that are listed take some 400 KiB at
/// the most.
pub const PATH_SHOWN: usize = 256;

/// Status connections at once, unless the configuration says otherwise.
pub const STATUS_CONNECTIONS: usize = 64;

/// The most that the configuration may allow: it takes up to 30 KiB for each.
pub const STATUS_CONNECTIONS_MAX: usize = 4096;

/// Connections over the Unix socket beyond that.
pub const LOCAL_RESERVE: usize = 4;

/// Connections at once that are told that there is no room, and wait for the end of their client.
pub const REFUSED_CONNECTIONS: usize = 8;

/// Clients at once that are sent updates, at [`UPDATE_INTERVAL`].
pub const UPDATE_READERS: usize = 8;

/// The time between two updates: four a second look smooth, and take a thousandth of the loop.
pub const UPDATE_INTERVAL: Duration = Duration::from_millis(250);

/// How old the counters may be that a client is shown: making them takes the event loop a tenth of a
/// millisecond, and a client may ask a thousand times a second.
pub const SNAPSHOT_TIME: Duration = Duration::from_millis(20);

/// The time for a request, from its first byte (or the connection) to its last.
pub const REQUEST_TIME: Duration = Duration::from_secs(10);

/// How long a connection is kept without a request.
pub const KEEP_ALIVE_TIME: Duration = Duration::from_secs(60);

/// How long a client may take none of the bytes that wait for it.
pub const RESPONSE_STALL: Duration = Duration::from_secs(30);

/// How long a connection is read and discarded after its last response, so that its close does not reset the
/// connection before the client has read the response.
pub const STATUS_LINGER: Duration = Duration::from_secs(2);

/// Turns of status connections in an iteration of the event loop: all connections of FTP have had theirs
/// before.
pub const STATUS_TURNS_PER_PASS: usize = 2;

/// Status connections that are accepted in an iteration of the event loop.
pub const STATUS_ACCEPTS_PER_PASS: usize = 2;

/// How long a trace may be recorded for a client, in seconds. The ring holds some seconds of a busy loop.
pub const TRACE_SECONDS: RangeInclusive<u64> = 1..=60;

/// How long it is unless the client says so.
pub const TRACE_TIME: Duration = Duration::from_secs(5);

/// Pieces of a trace that wait for their client, of up to 8 KiB: the thread that makes them waits, too.
pub const PIECES_QUEUED: usize = 8;

/// Sessions that a response lists; it has the number of the others.
pub const SESSIONS_LISTED: usize = 500;

/// Sessions that the page shows, which is sent all of them four times a second.
pub const SESSIONS_ON_PAGE: usize = 100;
