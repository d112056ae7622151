//! That the limits fit together, and what the sum of all memory says of them.

use super::*;

#[test]
fn idle_is_at_least_what_rfc_1123_asks_for() {
    assert!(Timings::default().idle >= Duration::from_secs(300));
}

#[test]
fn the_input_holds_the_longest_line() {
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
