//! The most memory that clients can make a server allocate, and the number of connections that fit
//! into a given amount.
//!
//! Operations that need much memory require a permit, of which there are few, so the worst case of
//! an ordinary connection stays small. The sum is computed from the other limits: a new limit that
//! costs memory has to be added here.

use super::{
    ADDRESS_TABLE_ENTRIES, CHUNK_BYTES, CONVERTED_BYTES, DIRECTORIES_BYTES, INPUT_BYTES,
    LOG_AUDIT_RECORDS, LOG_RECORD_BYTES, LOG_RECORDS, LOG_SECURITY_RECORDS, LOGIN_WORKERS,
    OUTBOX_BYTES, REPLY_SORTED_BYTES, SORTED_BYTES, STAT_LISTING_BYTES, THREAD_STACK_BYTES,
};
use crate::protocol::deflate;
use crate::protocol::path::PATH_MAX;

/// The most permits: for sorting a listing, listing or measuring a tree, concatenating files, and
/// transfers in MODE Z. Without a permit a listing is not sorted, and the other operations are
/// refused with 450. Few clients do this at the same time.
const PERMITS_MAX: usize = 64;

/// The most memory, in bytes, that the holder of a permit uses for it.
const PERMIT_BYTES: usize = SORTED_BYTES + DIRECTORIES_BYTES + deflate::STATE_BYTES;

/// There is one permit for so many connections, up to [`PERMITS_MAX`]: with little memory most of it
/// stays available for connections.
const CONNECTIONS_PER_PERMIT: usize = 16;

/// The part of the available memory that a hash may take, as a fraction. On a board with 24 MiB available the
/// kernel ended a server whose hash took 19: what is available includes the cache of programs in use.
pub const HASHES_OF_AVAILABLE: (u64, u64) = (2, 3);

/// A connection with its session and transfer, and its entries in the reactor's tables.
pub const CONNECTION_BYTES: usize = 2 * 1024 + 344;

/// TLS of a control connection: two records of 16 KiB, incomplete or unread, and the keys.
const TLS_CONTROL_BYTES: usize = 40 * 1024;

/// TLS of a data connection: a chunk of plaintext, as many bytes of records, one more record, and
/// the keys.
const TLS_DATA_BYTES: usize = 2 * CHUNK_BYTES + 20 * 1024;

/// The properties of a server, besides connections, that its memory depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryProfile {
    /// Worker threads for storage.
    pub workers: usize,
    /// The scratch buffer of a worker, in bytes.
    pub worker_chunk: usize,
    /// Whether connections may use TLS.
    pub tls: bool,
    /// Threads that compute TLS handshakes.
    pub handshake_workers: usize,
    /// The memory for verifying one password, in bytes.
    pub verification: usize,
    /// Transfer records and upload events that are queued at the most.
    pub records: usize,
}

impl MemoryProfile {
    /// Whether memory is limited, so that what is taken beside connections is to be small.
    pub const fn is_limited(&self) -> bool {
        self.worker_chunk == CHUNK_BYTES
    }
}

/// The most memory of one connection without a permit, in bytes.
const PER_CONNECTION: usize = INPUT_BYTES // queued commands
    + OUTBOX_BYTES + STAT_LISTING_BYTES // queued replies
    + 3 * CONVERTED_BYTES // queued output of a conversion, at most three to one, or of a listing
    + 10 * PATH_MAX // paths: working directory, transfer, pending command, rename, record
    + CONNECTION_BYTES;

/// What TLS adds to that.
const PER_SECURED_CONNECTION: usize = TLS_CONTROL_BYTES + TLS_DATA_BYTES;

/// A worker thread or the event loop: its scratch buffers, and its stack.
const PER_THREAD: usize = 4 * CHUNK_BYTES + THREAD_STACK_BYTES;

/// A job: a listing for a reply.
const PER_JOB: usize = REPLY_SORTED_BYTES + 2 * STAT_LISTING_BYTES;

/// A record of a transfer or an upload in a queue.
const RECORD_BYTES: usize = 512;

/// The number of permits of a server with so many connections.
pub const fn permits(connections: usize) -> usize {
    match connections / CONNECTIONS_PER_PERMIT {
        0 => 1,
        permits if permits > PERMITS_MAX => PERMITS_MAX,
        permits => permits,
    }
}

/// The most memory, in bytes, that a server with so many connections allocates for buffers; the
/// number that is logged at the start. The kernel's socket buffers are not included.
pub const fn worst_case_bytes(connections: usize, profile: MemoryProfile) -> usize {
    // Without workers the event loop runs the jobs.
    let jobs = if profile.workers == 0 {
        1
    } else {
        profile.workers
    };
    let shared = (profile.workers + 1) * PER_THREAD
        + jobs * PER_JOB
        + profile.workers * profile.worker_chunk.saturating_sub(CHUNK_BYTES)
        + (LOG_RECORDS + LOG_SECURITY_RECORDS + LOG_AUDIT_RECORDS) * (LOG_RECORD_BYTES + 64)
        + profile.records * RECORD_BYTES
        + ADDRESS_TABLE_ENTRIES * 48;
    let for_passwords = match profile.verification {
        0 => 0,
        bytes => {
            let each = bytes.saturating_add(CHUNK_BYTES + THREAD_STACK_BYTES);
            LOGIN_WORKERS.saturating_mul(each)
        }
    };
    let for_permits = permits(connections).saturating_mul(PERMIT_BYTES);
    let (for_each, for_handshakes) = if profile.tls {
        let each = PER_CONNECTION + PER_SECURED_CONNECTION;
        (each, profile.handshake_workers * THREAD_STACK_BYTES)
    } else {
        (PER_CONNECTION, 0)
    };
    connections
        .saturating_mul(for_each)
        .saturating_add(for_permits)
        .saturating_add(for_passwords)
        .saturating_add(for_handshakes)
        .saturating_add(shared)
}

/// The most connections, up to `most`, whose worst case fits into `bytes`; 0 if one does not fit.
/// Binary search: the worst case grows with the number of connections.
pub const fn connections_within(bytes: u64, profile: MemoryProfile, most: usize) -> usize {
    let (mut fits, mut too_many) = (0, most.saturating_add(1));
    while too_many - fits > 1 {
        let half = fits + (too_many - fits) / 2;
        if worst_case_bytes(half, profile) as u64 <= bytes {
            fits = half;
        } else {
            too_many = half;
        }
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::super::CONNECTIONS;
    use super::*;

    const TWO_WORKERS: MemoryProfile = MemoryProfile {
        workers: 2,
        worker_chunk: CHUNK_BYTES,
        tls: false,
        handshake_workers: 1,
        verification: 0,
        records: 0,
    };

    #[test]
    fn connections_within_is_exact_to_the_byte() {
        let plain = TWO_WORKERS;
        let full = MemoryProfile {
            tls: true,
            verification: 19 * 1024 * 1024,
            ..plain
        };
        let counts = [1, 15, 16, 17, 32, 1023, 1024, 1025, 4096];
        let cases = counts
            .into_iter()
            .flat_map(|count| [(count, plain), (count, full)]);
        for (connections, profile) in cases {
            let bytes = worst_case_bytes(connections, profile) as u64;
            for (bytes, expected) in [
                (bytes - 1, connections - 1),
                (bytes, connections),
                (bytes + 1, connections),
            ] {
                assert_eq!(connections_within(bytes, profile, 10_000), expected);
            }
            assert_eq!(
                connections_within(u64::MAX, profile, connections),
                connections
            );
        }
        assert_eq!(connections_within(0, plain, 10), 0);
        assert_eq!(connections_within(u64::MAX, plain, 0), 0);
    }

    #[test]
    fn sixteen_mebibytes_are_enough_for_32_connections() {
        // The rest of the program is small compared with these.
        assert!(connections_within(16 * 1024 * 1024, TWO_WORKERS, 4096) >= 32);
        assert!(worst_case_bytes(CONNECTIONS, TWO_WORKERS) < 1024 * 1024 * 1024);
    }

    /// One worker runs where there is so little.
    #[test]
    fn four_mebibytes_are_enough_for_several_connections() {
        let one_worker = MemoryProfile {
            workers: 1,
            ..TWO_WORKERS
        };
        let few = connections_within(4 * 1024 * 1024, one_worker, 4096);
        // Its threads have larger stacks, and a compressor takes 330 KiB.
        let least = if cfg!(feature = "mode-z") { 0 } else { 4 };
        assert!((least..32).contains(&few), "{few}");
    }

    #[test]
    fn permits_grow_with_connections_up_to_a_maximum() {
        for (connections, expected) in [
            (0, 1),
            (31, 1),
            (32, 2),
            (1023, 63),
            (1024, 64),
            (usize::MAX, 64),
        ] {
            assert_eq!(permits(connections), expected, "{connections}");
        }
    }
}
