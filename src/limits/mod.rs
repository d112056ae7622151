//! Every limit in one place, each with its reason.
//!
//! A server that promises bounded memory can be read here: how much one turn may do, what one
//! connection may cost, and in `memory` what all of them may. Counts and bytes are constants; times
//! are [`Timings`], and what an address may do is [`Throttling`], because a host program (or a
//! simulator) may want others.

mod memory;
mod room;
mod throttling;
mod timings;

use std::time::Duration;

pub use memory::{
    CONNECTION_BYTES, Equipment, PLACE_BYTES, PLACES, TLS_CONTROL_BYTES, TLS_DATA_BYTES,
    connections_within, permits, worst_case_bytes,
};
pub use room::{Bound, Room};
pub use throttling::{
    ADDRESSES_PER_SET, ADDRESSES_REMEMBERED, LINES_LOGGED, LOGINS_LOGGED, REFUSALS_AUDITED,
    REFUSALS_LOGGED, Rate, Throttling,
};
pub use timings::Timings;

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

/// Connections looked at in one iteration after a reload: each may cost the verification of a certificate,
/// some hundred microseconds during which the others wait.
pub const REVIEWS_PER_PASS: usize = 8;

/// An account's expiry is looked at again after this at the latest: the wall clock may have been set.
pub const EXPIRY_CHECKED: Duration = Duration::from_secs(10 * 60);

/// Connections taken from one listener in one pass, so that a flood at the door cannot
/// starve those inside.
pub const ACCEPTS_PER_PASS: usize = 32;

/// Strangers turned away from one passive listener in one turn.
pub const STRANGERS_PER_TURN: usize = 8;

/// How long the end of an upload in MODE S may follow its last byte where the control connection
/// ends with it: later, and the client may have been killed while it waited for more bytes, such
/// as the next picture of a camera. A client that is done takes some microseconds, or on a busy
/// processor the time slices of a few others.
pub const END_PAUSE: Duration = Duration::from_millis(10);

/// How long after its 150 a download that is over by then waits for its client before the 226, so that
/// both are not read in one. It is the time slices of a few others on a busy processor.
pub const REPLY_GAP: Duration = Duration::from_millis(50);

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

/// Bytes of a file that wait in memory until it is known whether there is room for them: of what is
/// reckoned for converted bytes, of which an upload keeps only what is not converted yet.
pub const HELD_BYTES: usize = 2 * CONVERTED_BYTES;

/// Bytes that are read where there is less room than that; converted, they can be held.
pub const UNSURE_BYTES: u64 = CONVERTED_BYTES as u64 / 2;

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

/// Directories that `LIST -R` remembers to list later; what is more is left out, and its 226 is a 451.
/// DSIZ refuses it.
pub const DIRECTORIES_PENDING: usize = 1000;

/// What remembering them may cost: that many with paths of the usual length.
pub const DIRECTORIES_BYTES: usize = 256 * 1024;

/// Files that one COMB puts together. Clients cut an upload into a handful of parts.
pub const COMBINE_PARTS: usize = 100;

/// What their paths may cost, one and a half kilobyte each.
pub const COMBINE_BYTES: usize = 160 * 1024;

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

/// The longest TLS record: RFC 5246 §6.2.3, and its header. RFC 8446 has none that is longer.
pub const TLS_RECORD_BYTES: usize = (1 << 14) + 2048 + 5;

/// Room from which on a secured connection is read in large pieces: an upload has it, a control
/// connection, which has little to say, does not.
pub const TLS_BULK_BYTES: usize = 2 * TLS_RECORD_BYTES;

/// Tickets that a control connection is given in TLS 1.3. They can be used again and again, but
/// there are clients that use each once: for so many transfers, if these give them no more.
pub const TLS_TICKETS_CONTROL: usize = 8;

/// Tickets that a data connection is given over which the server sends, for the transfers that
/// follow.
pub const TLS_TICKETS_DATA: usize = 2;

/// Tickets that an upload is given where data connections must resume a session, for clients that
/// use each once. Elsewhere it is given none: a client that closes an upload without having read
/// them resets it, and what is still on its way is lost.
pub const TLS_TICKETS_UPLOAD: usize = 1;

/// TLS sessions that are kept here, of TLS 1.2 clients that know no tickets.
pub const TLS_SESSIONS_KEPT: usize = 256;

/// Jobs that wait for a worker before new connections are refused: the storage hangs.
pub const JOBS_WAITING: usize = 4096;

/// Passwords that wait to be hashed before further logins are turned away: some ten seconds of
/// the usual hashes, so that who is let wait has an answer before its login is due.
pub const LOGINS_WAITING: usize = 256;

/// How many of them one address may have, where so many wait in all: no more than could still come.
/// Alone it gets half of the places, which is a company's morning; and the more addresses flood, the
/// less each of them gets, so that it takes hundreds to keep the lane full. An IPv6 client counts as
/// its /64.
pub const fn logins_of_one(waiting: usize) -> usize {
    LOGINS_WAITING.saturating_sub(waiting)
}

/// Threads that hash passwords. One: each takes a hash's memory, some 20 MiB by default, and all
/// of a processor.
pub const LOGIN_WORKERS: usize = 1;

/// Threads that wait for PAM, which takes two seconds or so to say no: a few who guess do not keep
/// the others from logging in.
pub const PAM_WORKERS: usize = 8;

/// How long PAM may take: directories of other hosts have an answer by then, and the client is
/// still there.
pub const PAM_TIME: Duration = Duration::from_secs(30);

/// Processes that ask PAM at once. Some more than there are threads that wait for them: one may
/// still be going when its thread has the answer.
pub const PAM_CHECKERS: usize = 2 * PAM_WORKERS;

/// Routine records that wait for the log's thread; what does not fit is counted, not kept. All three
/// classes together take a megabyte, which is what a board of 16 MiB can spare.
pub const LOG_RECORDS: usize = 512;

/// The same for records of security, which have room that no others take. More than the failed logins
/// of ten addresses before they are banned.
pub const LOG_SECURITY_RECORDS: usize = 256;

/// The same for records of changes, transfers and refusals.
pub const LOG_AUDIT_RECORDS: usize = 256;

/// Bytes of a reply that are recorded as the reason of a refusal: all of the longest, but for names in it.
pub const REASON_BYTES: usize = 160;

/// Records printed between two reports that some were lost, while the loss goes on.
pub const LOG_LOSS_EVERY: usize = 256;

/// The longest record; one that is longer ends in a mark. Names fit, and a flood of the longest
/// commands costs no more than a megabyte.
pub const LOG_RECORD_BYTES: usize = 1024;

/// Records of transfers that wait for the transfer log's thread: some seconds of the smallest
/// files, while a disk thinks.
pub const RECORDS_WAITING: usize = 4096;

/// Uploads that wait for their events to be told, of which each may take as long as the operator's
/// program does: a burst, and not a day's work.
pub const EVENTS_WAITING: usize = 1024;

/// Programs that run for uploads at once: one that waits does not keep the next from running,
/// and a burst of uploads does not fill the machine.
pub const EVENT_COMMANDS: usize = 2;

/// The most of them that may be wanted at once: each has a thread.
pub const EVENT_MOST_AT_ONCE: usize = 64;

/// How much longer than such a program may take its answer is waited for: who runs it has to kill it
/// first.
pub const EVENT_SLACK: Duration = Duration::from_secs(10);

/// How long such a program may take: enough to look through a large file for viruses.
pub const EVENT_COMMAND_TIME: Duration = Duration::from_secs(60);

/// How long a listener that does not listen keeps the next event waiting.
pub const EVENT_SOCKET_STALL: Duration = Duration::from_secs(1);

/// How long a stop waits for the last records to be written.
pub const RECORDS_LAST: Duration = Duration::from_secs(1);

/// And for the last uploads to be told of. Programs that run longer are left to themselves.
pub const EVENTS_LAST: Duration = Duration::from_secs(5);

/// Seconds in which a failure that happens again and again is said once.
pub const COMPLAINT_SECONDS: i64 = 60;

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

/// What is looked at of a file with a password: no client can send a longer one.
pub const PASSWORD_FILE_BYTES: usize = 4096;

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

/// How much the thread that removes what an earlier server left yields to everybody: all it can,
/// in processor time and with it in turns at the disk. Nobody waits for it.
pub const SWEEPER_NICENESS: i32 = 19;

/// How often the files that a quota is for are counted in a row at first, where what changes meanwhile
/// hides something each time: after that the count is taken as it is, lest uploads wait for ever.
pub const COUNTS_OF_A_TREE: u32 = 3;

/// How often what quotas are for is counted again: on the same day, and without keeping a disk from
/// sleeping.
pub const RECOUNT: Duration = Duration::from_secs(6 * 60 * 60);

/// How often a command asks whether the files that a quota is for have been counted.
pub const COUNT_ASKED: Duration = Duration::from_millis(50);

/// Names that a count looks at in one step; between two steps it may pause.
pub const COUNT_ENTRIES: u64 = 64;

/// The pause between two steps of a count that nobody waits for: a tree of a million files takes half
/// an hour, and the disk has most of its time for others.
pub const COUNT_PAUSE: Duration = Duration::from_millis(100);

/// How long after a count a quota's refusal stands, at least: a client that tries again and again has
/// not all files counted each time.
pub const COUNT_REST: Duration = Duration::from_secs(1);

/// So many steps of a count make that twice as long: a quarter of a minute for a million files.
pub const COUNT_REST_STEPS: u32 = 1000;

/// Names that are looked at before it is asked whether the server still runs.
pub const SWEEP_ENTRIES: usize = 256;

/// How deep below the root unfinished uploads are looked for: each level has a directory open.
pub const SWEEP_DEPTH: usize = 64;

/// How long what a name was found to mean holds, before it is looked up again: an address that is
/// given to a line anew each night is told wrong for so long.
pub const NAME_GOOD_FOR: Duration = Duration::from_secs(300);

/// When a name that was not found is tried again; whoever asks more often learns no more.
pub const NAME_TRIED_AFTER: Duration = Duration::from_secs(30);

/// Stack of the thread that looks names up: the system's resolver has buffers there, and loads what
/// the host is set up with. What is not used costs nothing.
pub const RESOLVER_STACK_BYTES: usize = 1024 * 1024;

/// How long a listener rests after the process ran out of descriptors.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_holds_the_longest_line() {
        const { assert!(INPUT_BYTES > crate::protocol::line::LINE_MAX + 2) };
    }
}
