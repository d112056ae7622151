//! The most memory that clients can make a server take, and how many of them fit into some.
//!
//! What few connections do at once and needs much is done in a place, of which there are few: so the
//! sum stays small for those who do nothing of the kind. It is made of the limits beside it, and a
//! new one that costs memory has to be added here.

use super::{
    ADDRESSES_REMEMBERED, CHUNK_BYTES, CONVERTED_BYTES, DIRECTORIES_BYTES, EVENTS_WAITING,
    INPUT_BYTES, LOG_AUDIT_RECORDS, LOG_RECORD_BYTES, LOG_RECORDS, LOG_SECURITY_RECORDS,
    LOGIN_WORKERS, OUTBOX_BYTES, RECORDS_WAITING, SORTED_BYTES, STAT_LISTING_BYTES,
    THREAD_STACK_BYTES,
};
use crate::protocol::deflate;
use crate::protocol::path::PATH_MAX;

/// How many connections may do at once what needs much memory: sort a listing, list or measure a
/// tree, put files together, transfer in MODE Z. A listing is not sorted without a place, and
/// anything else is refused with 450: a small part of a server's clients does such things at a time.
pub const PLACES: usize = 64;

/// What is done in a place costs this at the most.
pub const PLACE_BYTES: usize = SORTED_BYTES + DIRECTORIES_BYTES + deflate::STATE_BYTES;

/// A place for each so many connections, but [`PLACES`] at the most: so a server with little memory
/// has some too, and most of it is for its clients.
const CONNECTIONS_PER_PLACE: usize = 16;

/// A connection with its session and its transfer, and what the reactor keeps of it elsewhere.
pub const CONNECTION_BYTES: usize = 2 * 1024 + 400;

/// A control connection's records: two of 16 KiB that are not whole or not read yet, and its keys.
pub const TLS_CONTROL_BYTES: usize = 40 * 1024;

/// A data connection's: a chunk that is encrypted or not decrypted yet, as many bytes of records,
/// and one more record with the keys.
pub const TLS_DATA_BYTES: usize = 2 * CHUNK_BYTES + 20 * 1024;

/// What a server has, besides connections, that takes memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Equipment {
    /// Threads for files.
    pub workers: usize,
    /// Whether connections may be secured.
    pub tls: bool,
    /// What verifying a password takes, in bytes.
    pub verification: usize,
}

/// What one connection can take of memory at the most, in bytes, without a place.
const PER_CONNECTION: usize = INPUT_BYTES // commands that wait
    + OUTBOX_BYTES + STAT_LISTING_BYTES // replies that wait
    + 3 * CONVERTED_BYTES // converted bytes, or a listing's, that wait; three to one is the most
    + 10 * PATH_MAX // the directory, a name, what is transferred, asked for, renamed, or recorded
    + CONNECTION_BYTES;

/// What TLS adds to that.
const PER_SECURED_CONNECTION: usize = TLS_CONTROL_BYTES + TLS_DATA_BYTES;

/// What one worker, or the loop, can take: its scratch, a listing for a reply, its stack.
const PER_WORKER: usize =
    4 * CHUNK_BYTES + SORTED_BYTES + 2 * STAT_LISTING_BYTES + THREAD_STACK_BYTES;

/// How many may do what needs much memory.
pub const fn permits(connections: usize) -> usize {
    match connections / CONNECTIONS_PER_PLACE {
        0 => 1,
        permits if permits > PLACES => PLACES,
        permits => permits,
    }
}

/// The most memory, in bytes, that `connections` can make the server take in buffers: the
/// sum that is printed at the start. The kernel has buffers of its own for each socket.
pub const fn worst_case_bytes(connections: usize, equipment: Equipment) -> usize {
    let Equipment {
        workers,
        tls,
        verification,
    } = equipment;
    let for_all = (workers + 1) * PER_WORKER
        + (LOG_RECORDS + LOG_SECURITY_RECORDS + LOG_AUDIT_RECORDS) * (LOG_RECORD_BYTES + 64)
        + (RECORDS_WAITING + EVENTS_WAITING) * 512
        + ADDRESSES_REMEMBERED * 48;
    let for_passwords = if verification == 0 {
        0
    } else {
        let each = CHUNK_BYTES + THREAD_STACK_BYTES;
        LOGIN_WORKERS.saturating_mul(verification.saturating_add(each))
    };
    let in_places = permits(connections).saturating_mul(PLACE_BYTES);
    let for_each = if tls {
        PER_CONNECTION + PER_SECURED_CONNECTION
    } else {
        PER_CONNECTION
    };
    connections
        .saturating_mul(for_each)
        .saturating_add(in_places)
        .saturating_add(for_passwords)
        .saturating_add(for_all)
}

/// How many connections take no more than so many bytes; with less than one needs, it is none.
pub const fn connections_within(bytes: u64, equipment: Equipment, most: usize) -> usize {
    let (mut fits, mut too_many) = (0, most.saturating_add(1));
    while too_many - fits > 1 {
        let half = fits + (too_many - fits) / 2;
        if worst_case_bytes(half, equipment) as u64 <= bytes {
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

    const TWO_WORKERS: Equipment = Equipment {
        workers: 2,
        tls: false,
        verification: 0,
    };

    #[test]
    fn memory_is_enough_for_so_many_to_the_byte() {
        let plain = TWO_WORKERS;
        let full = Equipment {
            tls: true,
            verification: 19 * 1024 * 1024,
            ..plain
        };
        let counts = [1, 15, 16, 17, 32, 1023, 1024, 1025, 4096];
        let cases = counts
            .into_iter()
            .flat_map(|count| [(count, plain), (count, full)]);
        for (connections, equipment) in cases {
            let bytes = worst_case_bytes(connections, equipment) as u64;
            for (bytes, expected) in [
                (bytes - 1, connections - 1),
                (bytes, connections),
                (bytes + 1, connections),
            ] {
                assert_eq!(connections_within(bytes, equipment, 10_000), expected);
            }
            assert_eq!(
                connections_within(u64::MAX, equipment, connections),
                connections
            );
        }
        assert_eq!(connections_within(0, plain, 10), 0);
        assert_eq!(connections_within(u64::MAX, plain, 0), 0);
    }

    #[test]
    fn a_small_board_has_room_for_some() {
        // What else a program takes is small beside these.
        assert!(connections_within(16 * 1024 * 1024, TWO_WORKERS, 4096) >= 32);
        assert!(worst_case_bytes(CONNECTIONS, TWO_WORKERS) < 1024 * 1024 * 1024);
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
            assert_eq!(permits(connections), expected, "{connections}");
        }
    }
}
