//! Every limit in one place, each with its reason.
//!
//! A server that promises bounded memory can be read here: what one connection may cost,
//! how much one turn may do, and how long anybody may take. Counts and bytes are constants;
//! times are [`Timings`], and what an address may do is [`Throttling`], because a host program (or a
//! simulator) may want others.

use std::time::Duration;

use crate::protocol::deflate;
use crate::protocol::path::PATH_MAX;

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

/// Bytes of an upload between two looks at the free space, where a floor is set: a thousandth of
/// what a fast upload costs, and little enough for several at once not to pass the floor by far.
pub const SPACE_CHECK_BYTES: u64 = 4 * 1024 * 1024;

/// Formatted output that a listing may keep while its client is slow.
pub const LISTING_BYTES: usize = 16 * 1024;

/// Entries that a listing looks at in one slice: as many system calls at the most.
pub const LISTING_ENTRIES: usize = 256;

/// The largest directory that is listed in the order of its names: while it is gathered, the first
/// byte waits some milliseconds.
pub const SORTED_ENTRIES: usize = 1000;

/// What gathering it may cost: that many entries with names of the usual length, and fewer where
/// they are links to far away.
pub const SORTED_BYTES: usize = 512 * 1024;

/// How deep `LIST -R` goes below where it began.
pub const DIRECTORY_DEPTH: usize = 32;

/// Directories that `LIST -R` remembers to list later; what is more is left out. DSIZ refuses it.
pub const DIRECTORIES_PENDING: usize = 1000;

/// What remembering them may cost: that many with paths of the usual length.
pub const DIRECTORIES_BYTES: usize = 256 * 1024;

/// Files that one COMB puts together. Clients cut an upload into a handful of parts.
pub const COMBINE_PARTS: usize = 100;

/// What their paths may cost, one and a half kilobyte each.
pub const COMBINE_BYTES: usize = 160 * 1024;

/// How many connections may do at once what needs much memory: sort a listing, list or measure a
/// tree, put files together, transfer in MODE Z. A listing is not sorted without a place, and
/// anything else is refused with 450: a small part of a server's clients does such things at a time.
pub const PLACES: usize = 64;

/// What is done in a place costs this at the most.
pub const PLACE_BYTES: usize = SORTED_BYTES + DIRECTORIES_BYTES + deflate::STATE_BYTES;

/// A place for each so many connections, but [`PLACES`] at the most: so a server with little memory
/// has some too, and most of it is for its clients.
const CONNECTIONS_PER_PLACE: usize = 16;

/// The longest listing that goes into a reply; one that is longer ends with a note.
pub const STAT_LISTING_BYTES: usize = 64 * 1024;

/// Sessions that SITE WHO shows.
pub const SESSIONS_SHOWN: usize = 200;

/// How much of a file SIZE reads to count the line ends of TYPE A.
pub const ASCII_SIZE_BYTES: u64 = 1024 * 1024;

/// Connections in all.
pub const CONNECTIONS: usize = 4096;

/// Descriptors of a connection at the most: control, data, and an upload's file and directory.
pub const DESCRIPTORS_PER_CONNECTION: usize = 4;

/// Descriptors of the server itself: standard streams, poller, waker, signals, root, listeners, and
/// what the workers open for a moment.
pub const DESCRIPTORS_RESERVED: usize = 32;

/// Connections of one address. High, because a whole company may sit behind one.
pub const CONNECTIONS_PER_ADDRESS: usize = 1024;

/// Steps of TLS handshakes in one pass: each can cost a signature, some hundred microseconds and
/// with RSA more than a millisecond, during which the others wait.
pub const HANDSHAKES_PER_PASS: usize = 1;

/// Reads from the socket of a secured connection in one call; a peer could otherwise keep it
/// busy for ever with records that hold nothing.
pub const TLS_READS_PER_CALL: usize = 64;

/// Tickets that a control connection is given in TLS 1.3. They can be used again and again, but
/// there are clients that use each once: for so many transfers, if these give them no more.
pub const TLS_TICKETS_CONTROL: usize = 8;

/// Tickets that a data connection is given, for the transfers that follow.
pub const TLS_TICKETS_DATA: usize = 2;

/// TLS sessions that are kept here, of TLS 1.2 clients that know no tickets.
pub const TLS_SESSIONS_KEPT: usize = 256;

/// Jobs that wait for a worker before new connections are refused: the storage hangs.
pub const JOBS_WAITING: usize = 4096;

/// Records that wait for the log's thread; what does not fit is counted, not kept.
pub const LOG_RECORDS: usize = 1024;

/// The longest record; one that is longer ends in a mark. Names fit, and a flood of the longest
/// commands costs no more than a megabyte.
pub const LOG_RECORD_BYTES: usize = 1024;

/// Addresses that are remembered for what they did: 200 KiB, if ever so many come. More than fail to
/// log in anywhere within a quarter of an hour, but where many machines guess together.
pub const ADDRESSES_REMEMBERED: usize = 4096;

/// Addresses that share a place by their hash. That of a thousand addresses more fall together than
/// there is room for does not happen.
pub const ADDRESSES_PER_SET: usize = 32;

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

/// Threads for the disk, at the most: more than any disk serves better at once.
pub const WORKERS: usize = 64;

/// A configuration file: ten thousand accounts, with room.
pub const CONFIG_BYTES: u64 = 4 * 1024 * 1024;

/// A PEM file of certificates or of a key: five times the bundle of all public authorities.
pub const PEM_BYTES: u64 = 1024 * 1024;

/// The longest name of an account in a client's certificate: `ub-common-name` of RFC 5280,
/// and longer than the names of accounts are.
pub const CERTIFICATE_NAME_BYTES: usize = 64;

/// How long before its end a certificate is warned of. The public authorities' renew
/// themselves a month before; whoever reads the warning then has that month.
pub const CERTIFICATE_NOTICE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long a certificate lasts that the server makes for itself: longer than the device, since
/// its clients know it by its fingerprint and would all have to learn a new one.
pub const SELF_SIGNED_LIFE: Duration = Duration::from_secs(3652 * 24 * 60 * 60);

/// Lines in the log about connections that were refused: a few whole stories, and then a number.
pub const REFUSALS_LOGGED: Rate = Rate {
    interval: Duration::from_secs(1),
    burst: 10,
};

/// How much the thread that removes what an earlier server left yields to everybody: all it can,
/// in processor time and with it in turns at the disk. Nobody waits for it.
pub const SWEEPER_NICENESS: i32 = 19;

/// Names that are looked at before it is asked whether the server still runs.
pub const SWEEP_ENTRIES: usize = 256;

/// How deep below the root unfinished uploads are looked for: each level has a directory open.
pub const SWEEP_DEPTH: usize = 64;

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
    /// From the 150 to the data connection, secured if it is to be.
    pub data_connect: Duration,
    /// From the 234, or the connection, to the end of the TLS handshake.
    pub handshake: Duration,
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
            handshake: Duration::from_secs(15),
            data_stall: Duration::from_secs(120),
            reply_stall: Duration::from_secs(60),
            linger: Duration::from_secs(2),
            grace: Duration::from_secs(30),
        }
    }
}

/// So many at once, and then one in each interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// From one to the next; none is no limit.
    pub interval: Duration,
    /// How many may come at once; none counts as one.
    pub burst: u32,
}

/// What an address may do before it is slowed down or shut out. An IPv6 client counts as its /64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttling {
    /// So many failed logins of an address within the `window` ban it. Four sessions of five: far
    /// above what a forgotten password or a wrongly set up client needs, and with the ban less than
    /// two thousand guesses a day.
    pub failures: u32,
    /// How long failures count together, from the first of them.
    pub window: Duration,
    /// How long a ban lasts: long for a machine that guesses, and to be waited for by a person.
    pub ban: Duration,
    /// The answer to a failed login does not come later than this, however many there were: a person
    /// waits so long, and a login's time is not used up by it.
    pub longest_penalty: Duration,
    /// Connections of an address. A company may begin its day behind one, and a client may transfer
    /// thousands of small files over new connections; a flood is cut down to some percents of what
    /// the loop can do.
    pub connections: Rate,
    /// Commands of a session before its login. A login takes ten; who sends thousands wants something
    /// else, and waits for each reply then.
    pub commands: Rate,
}

impl Default for Throttling {
    fn default() -> Self {
        Self {
            failures: 20,
            window: Duration::from_secs(600),
            ban: Duration::from_secs(900),
            longest_penalty: Duration::from_secs(5),
            connections: Rate {
                interval: Duration::from_millis(10),
                burst: 4096,
            },
            commands: Rate {
                interval: Duration::from_millis(50),
                burst: 100,
            },
        }
    }
}

/// A connection with its session and its transfer, and what the reactor keeps of it elsewhere.
pub const CONNECTION_BYTES: usize = 2 * 1024;

/// What one connection can take of memory at the most, in bytes, without a place.
const PER_CONNECTION: usize = INPUT_BYTES // commands that wait
    + OUTBOX_BYTES + STAT_LISTING_BYTES // replies that wait
    + 3 * CONVERTED_BYTES // converted bytes, or a listing's, that wait; three to one is the most
    + 8 * PATH_MAX // the directory, a name, what is transferred, asked for, or renamed
    + CONNECTION_BYTES;

/// What one worker, or the loop, can take: its scratch, a listing for a reply, its stack.
const PER_WORKER: usize =
    4 * CHUNK_BYTES + SORTED_BYTES + 2 * STAT_LISTING_BYTES + THREAD_STACK_BYTES;

/// How many may do what needs much memory.
pub const fn places(connections: usize) -> usize {
    match connections / CONNECTIONS_PER_PLACE {
        0 => 1,
        places if places > PLACES => PLACES,
        places => places,
    }
}

/// The most memory, in bytes, that `connections` can make the server take in buffers: the
/// sum that is printed at the start. The kernel has buffers of its own for each socket.
pub const fn worst_case_bytes(connections: usize, workers: usize) -> usize {
    let for_all = (workers + 1) * PER_WORKER
        + LOG_RECORDS * (LOG_RECORD_BYTES + 64)
        + ADDRESSES_REMEMBERED * 48;
    let in_places = places(connections).saturating_mul(PLACE_BYTES);
    connections
        .saturating_mul(PER_CONNECTION)
        .saturating_add(in_places)
        .saturating_add(for_all)
}

/// How many connections take no more than so many bytes; with less than one needs, it is none.
pub const fn connections_within(bytes: u64, workers: usize, most: usize) -> usize {
    let (mut fits, mut too_many) = (0, most.saturating_add(1));
    while too_many - fits > 1 {
        let half = fits + (too_many - fits) / 2;
        if worst_case_bytes(half, workers) as u64 <= bytes {
            fits = half;
        } else {
            too_many = half;
        }
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_ask_for_is_there() {
        // RFC 1123 §4.1.3.2, and the longest line.
        assert!(Timings::default().idle >= Duration::from_secs(300));
        const { assert!(INPUT_BYTES > crate::protocol::line::LINE_MAX + 2) };
    }

    #[test]
    fn memory_is_enough_for_so_many_to_the_byte() {
        for connections in [1, 15, 16, 17, 32, 1023, 1024, 1025, 4096] {
            let bytes = worst_case_bytes(connections, 2) as u64;
            for (bytes, expected) in [
                (bytes - 1, connections - 1),
                (bytes, connections),
                (bytes + 1, connections),
            ] {
                assert_eq!(connections_within(bytes, 2, 10_000), expected);
            }
            assert_eq!(connections_within(u64::MAX, 2, connections), connections);
        }
        assert_eq!(connections_within(0, 2, 10), 0);
        assert_eq!(connections_within(u64::MAX, 2, 0), 0);
    }

    #[test]
    fn a_small_board_has_room_for_some() {
        // What else a program takes is small beside these.
        assert!(connections_within(16 * 1024 * 1024, 2, 4096) >= 32);
        assert!(worst_case_bytes(CONNECTIONS, 2) < 1024 * 1024 * 1024);
    }

    #[test]
    fn there_are_places_in_proportion() {
        for (connections, expected) in [
            (0, 1),
            (31, 1),
            (32, 2),
            (1023, 63),
            (1024, 64),
            (usize::MAX, 64),
        ] {
            assert_eq!(places(connections), expected, "{connections}");
        }
    }
}
