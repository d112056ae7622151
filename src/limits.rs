//! Every limit in one place, each with its reason.
//!
//! A server that promises bounded memory can be read here: what one connection may cost,
//! how much one turn may do, and how long anybody may take. Counts and bytes are constants;
//! times are [`Timings`], because a host program (or a simulator) may want others.

use std::time::Duration;

use crate::protocol::deflate;

/// Bytes taken from a control connection in one read, and the most that one may have
/// waiting unexecuted. Four of the longest lines: a pipelining client fills it usefully,
/// and four thousand stalled ones cost 64 MiB, not more.
pub const INPUT_BYTES: usize = 16 * 1024;

/// Replies a client may leave unread before its further commands wait. A listing in a
/// reply (STAT, MLST) may pass it once, up to [`STAT_LISTING_BYTES`].
pub const OUTBOX_BYTES: usize = 16 * 1024;

/// Commands executed in one turn. Twice the deepest pipelining that is useful, and still
/// only some ten microseconds during which the others wait.
pub const COMMANDS_PER_TURN: usize = 128;

/// Connections taken from one listener in one pass, so that a flood at the door cannot
/// starve those inside.
pub const ACCEPTS_PER_PASS: usize = 32;

/// Strangers turned away from one passive listener in one turn.
pub const STRANGERS_PER_TURN: usize = 8;

/// A transfer's bytes in one visit to a worker: some hundred microseconds of a cached
/// file, so that two workers share themselves out among many transfers.
pub const WORKER_SLICE_BYTES: usize = 1024 * 1024;

/// The largest file that is sent on the loop, if the kernel has it cached. One chunk: about ten
/// microseconds, what a hand-over to a worker costs.
pub const INLINE_BYTES: usize = CHUNK_BYTES;

/// The scratch through which a slice moves bytes; one for the loop, one for each worker.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes of a file that are converted in one step, where its TYPE, STRU or MODE is not the
/// plain one: what comes of them is at most three times as much, and stays in the cache.
pub const CONVERTED_BYTES: usize = CHUNK_BYTES / 4;

/// From one restart marker of a RETR to the next: what a cut costs at the most.
pub const MARKER_BYTES: u64 = 1024 * 1024;

/// Formatted output that a listing may keep while its client is slow.
pub const LISTING_BYTES: usize = 16 * 1024;

/// Entries that a listing looks at in one slice: as many system calls at the most.
pub const LISTING_ENTRIES: usize = 256;

/// The largest directory that is listed in the order of its names. While it is gathered it
/// costs some 200 bytes an entry, and the first byte waits some milliseconds.
pub const SORTED_ENTRIES: usize = 1000;

/// How deep `LIST -R` goes below where it began.
pub const DIRECTORY_DEPTH: usize = 32;

/// Directories that `LIST -R` remembers to list later; what is more is left out.
pub const DIRECTORIES_PENDING: usize = 1000;

/// Files that one COMB puts together. Clients cut an upload into a handful of parts.
pub const COMBINE_PARTS: usize = 100;

/// The longest listing that goes into a reply; one that is longer ends with a note.
pub const STAT_LISTING_BYTES: usize = 64 * 1024;

/// Sessions that SITE WHO shows.
pub const SESSIONS_SHOWN: usize = 200;

/// How much of a file SIZE reads to count the line ends of TYPE A.
pub const ASCII_SIZE_BYTES: u64 = 1024 * 1024;

/// Connections in all. Each needs at the most three descriptors (control, data, file).
pub const CONNECTIONS: usize = 4096;

/// Connections of one address. High, because a whole company may sit behind one.
pub const CONNECTIONS_PER_ADDRESS: usize = 1024;

/// Jobs that wait for a worker before new connections are refused: the storage hangs.
pub const JOBS_WAITING: usize = 4096;

/// Passwords that wait to be hashed before further logins are turned away: some ten seconds of
/// the usual hashes, so that who is let wait has an answer before its login is due.
pub const LOGINS_WAITING: usize = 256;

/// Threads that hash passwords. One: each takes a hash's memory, some 20 MiB by default, and all
/// of a processor.
pub const LOGIN_WORKERS: usize = 1;

/// Records that wait for the log's thread; what does not fit is counted, not kept.
pub const LOG_RECORDS: usize = 1024;

/// Failed logins before the connection is closed.
pub const LOGIN_FAILURES: u8 = 5;

/// Over-long lines before the connection is closed: it does not speak FTP.
pub const LONG_LINES: u8 = 8;

/// Stack of a worker or of the log's thread: they call little, and not deeply. Only a compressor
/// needs more: it is built there before it moves to the heap. What is not used costs nothing.
pub const THREAD_STACK_BYTES: usize = if cfg!(feature = "mode-z") {
    512 * 1024
} else {
    256 * 1024
};

/// How much a worker yields to the loop, in steps of nice(1), of which each is a tenth of a
/// processor's share: enough for the loop to come first, and not to starve beside others.
pub const WORKER_NICENESS: i32 = 5;

/// How long a listener rests after the process ran out of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long anybody may take.
#[derive(Clone, Debug)]
pub struct Timings {
    /// From the greeting to a login.
    pub login: Duration,
    /// Between two commands. RFC 1123 §4.1.3.2 asks for at least five minutes.
    pub idle: Duration,
    /// A failed login is answered after this, times the number of failures so far.
    pub penalty: Duration,
    /// From the 150 to the data connection.
    pub data_connect: Duration,
    /// Between two bytes of a transfer.
    pub data_stall: Duration,
    /// With replies unread, until the client takes the next byte.
    pub reply_stall: Duration,
    /// From the last reply to the client's end, before the connection is dropped.
    pub linger: Duration,
    /// From SIGTERM, for transfers in progress to end.
    pub grace: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            login: Duration::from_secs(60),
            idle: Duration::from_secs(600),
            penalty: Duration::from_millis(500),
            data_connect: Duration::from_secs(30),
            data_stall: Duration::from_secs(120),
            reply_stall: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            grace: Duration::from_secs(30),
        }
    }
}

/// The most memory, in bytes, that `connections` can make the server take in buffers: the
/// sum that is printed at the start.
pub const fn worst_case_bytes(connections: usize, workers: usize) -> usize {
    let per_connection = INPUT_BYTES // commands that wait
        + OUTBOX_BYTES + STAT_LISTING_BYTES // replies that wait
        + SORTED_ENTRIES * 440 // a directory that is gathered, with the longest names
        + 2 * CHUNK_BYTES // converted bytes that a slow data connection has not taken
        + deflate::STATE_BYTES // MODE Z, where it is compiled in
        + 2 * 1024; // the connection and its session
    connections * per_connection
        + (workers + 1) * 4 * CHUNK_BYTES // scratch
        + workers * THREAD_STACK_BYTES
        + LOG_RECORDS * 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_is_at_least_what_rfc_1123_asks_for() {
        assert!(Timings::default().idle >= Duration::from_secs(300));
    }

    #[test]
    fn the_input_holds_the_longest_line() {
        const { assert!(INPUT_BYTES > crate::protocol::line::LINE_MAX + 2) };
    }
}
