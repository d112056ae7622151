//! Exercises five to nine: the parts of a loop, against models of them.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};

use proptest::prelude::*;

use crate::stubs::admission::Admission;
use crate::stubs::netstrings::{LONGEST, Malformed, Netstrings};
use crate::stubs::relay::{CALLS, CAPACITY, Relay, Wait};
use crate::stubs::weighted::Weighted;
use crate::stubs::wheel::Wheel;

fn netstring(text: &[u8]) -> Vec<u8> {
    [format!("{}:", text.len()).as_bytes(), text, b","].concat()
}

#[test]
#[ignore = "exercise 5: bytes are not messages"]
fn exercise_05_netstrings_are_found_however_they_are_cut() {
    let texts = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 1..5);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let run = runner.run(&(texts, 1..20_usize), |(texts, piece)| {
        let bytes: Vec<u8> = texts.iter().flat_map(|text| netstring(text)).collect();
        let mut parser = Netstrings::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece) {
            found.extend(parser.push(piece).unwrap());
        }
        prop_assert_eq!(found, texts);
        Ok(())
    });
    run.unwrap();
    for wrong in [
        "x",
        "1x",
        ":",
        "01:a,",
        "3:abcd",
        "1001:",
        "99999999999999999999",
    ] {
        let pushed = Netstrings::default().push(wrong.as_bytes());
        assert_eq!(pushed, Err(Malformed), "{wrong}");
    }
    let longest = netstring(&vec![b'x'; LONGEST]);
    assert_eq!(Netstrings::default().push(&longest).unwrap().len(), 1);
    assert_eq!(
        Netstrings::default().push(b"0:,0:,"),
        Ok(vec![vec![], vec![]])
    );
}

#[test]
#[ignore = "exercise 6: weights"]
fn exercise_06_bulk_turns_do_not_starve() {
    let mut queue = Weighted::default();
    for key in 0..90 {
        queue.push(key, true);
        queue.push(1000 + key, false);
    }
    let taken: Vec<_> = (0..120).map(|_| queue.pop().unwrap()).collect();
    let (urgent, bulk): (Vec<u32>, Vec<u32>) = taken.iter().partition(|key| **key < 1000);
    assert_eq!(urgent, (0..90).collect::<Vec<_>>());
    assert_eq!(bulk, (1000..1030).collect::<Vec<_>>());
    for turns in taken.chunks(4) {
        assert_eq!(
            turns.iter().filter(|key| **key >= 1000).count(),
            1,
            "{turns:?}"
        );
    }
    assert_eq!(queue.pop(), Some(1030), "no urgent one waits");
    for _ in 31..90 {
        assert!(queue.pop().is_some());
    }
    assert_eq!(queue.pop(), None);
    queue.push(7, false);
    assert_eq!(queue.pop(), Some(7));
}

#[test]
#[ignore = "exercise 7: a timer wheel"]
fn exercise_07_wheel_fires_what_a_simple_model_fires() {
    let (mut wheel, mut model) = (Wheel::default(), BTreeMap::new());
    let (mut random, mut now) = (1_u64, 0);
    for step in 0..20_000 {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let (key, far) = ((random >> 33) as u32 % 500, (random >> 45) % 5_000);
        match random >> 61 {
            0 => {
                wheel.disarm(key);
                model.remove(&key);
            }
            1 => {
                now += far / 20;
                let mut due = wheel.advance(now);
                due.sort_unstable();
                let expired = model.iter().filter(|(_, at)| **at <= now);
                let expected: Vec<u32> = expired.map(|(key, _)| *key).collect();
                model.retain(|_, at| *at > now);
                assert_eq!(due, expected, "step {step}");
            }
            2 if far % 50 == 0 => {
                let at = now + 1_000_000;
                wheel.arm(key, at);
                model.insert(key, at);
            }
            _ => {
                wheel.arm(key, now + far);
                model.insert(key, now + far);
            }
        }
    }
    let mut due = wheel.advance(now + 2_000_000);
    due.sort_unstable();
    assert_eq!(due, model.into_keys().collect::<Vec<_>>());
}

#[test]
#[ignore = "exercise 8: fair admission"]
fn exercise_08_one_address_leaves_room_for_others() {
    let mut admission = Admission::new(8);
    let count = |admission: &mut Admission, address| {
        (0..20).take_while(|_| admission.admit(address)).count()
    };
    for (address, expected) in [(1, 4), (2, 2), (3, 1), (4, 1), (5, 0), (1, 0)] {
        assert_eq!(
            count(&mut admission, address),
            expected,
            "address {address}"
        );
    }
    assert_eq!(admission.addresses(), 4);
    admission.leave(4);
    assert_eq!(admission.addresses(), 3);
    assert!(!admission.admit(1), "the place is for another address");
    assert!(admission.admit(5));
    for (address, connections) in [(1, 4), (2, 2), (3, 1), (5, 1)] {
        for _ in 0..connections {
            admission.leave(address);
        }
    }
    assert_eq!(admission.addresses(), 0);
    assert_eq!(count(&mut admission, 9), 4);
}

/// Gives pieces, and would block between them.
struct Source {
    pieces: VecDeque<Vec<u8>>,
    has_blocked: bool,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(
            !buffer.is_empty() && buffer.len() <= CAPACITY,
            "{}",
            buffer.len()
        );
        self.has_blocked = false;
        let Some(mut piece) = self.pieces.pop_front() else {
            return Ok(0);
        };
        if piece.is_empty() {
            self.has_blocked = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = piece.len().min(buffer.len());
        let rest = piece.split_off(count);
        buffer[..count].copy_from_slice(&piece);
        if !rest.is_empty() {
            self.pieces.push_front(rest);
        }
        Ok(count)
    }
}

/// Takes a few bytes at a time, is interrupted, and would block.
#[derive(Default)]
struct Sink {
    written: Vec<u8>,
    calls: usize,
    has_blocked: bool,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!bytes.is_empty(), "a write of nothing");
        self.calls += 1;
        self.has_blocked = self.calls.is_multiple_of(5);
        match self.calls % 7 {
            _ if self.has_blocked => Err(ErrorKind::WouldBlock.into()),
            3 => Err(ErrorKind::Interrupted.into()),
            step => {
                let count = bytes.len().min(step * 60 + 1);
                self.written.extend(&bytes[..count]);
                Ok(count)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
#[ignore = "exercise 9: backpressure"]
fn exercise_09_relay_waits_for_the_side_that_blocks() {
    let bytes: Vec<u8> = (0..50_000_u32).map(|n| (n % 251) as u8).collect();
    let mut pieces: VecDeque<Vec<u8>> = VecDeque::new();
    for (at, piece) in bytes.chunks(700).enumerate() {
        pieces.push_back(piece.to_vec());
        if at % 3 == 0 {
            pieces.push_back(Vec::new());
        }
    }
    let mut source = Source {
        pieces,
        has_blocked: false,
    };
    let (mut sink, mut relay) = (Sink::default(), Relay::default());
    for turn in 0.. {
        let before = sink.calls;
        let wait = relay.turn(&mut source, &mut sink).unwrap();
        assert!(sink.calls - before <= CALLS, "more than the budget");
        match wait {
            Wait::Readable => assert!(source.has_blocked, "turn {turn}"),
            Wait::Writable => assert!(sink.has_blocked, "turn {turn}"),
            Wait::Again => {}
            Wait::Done => break,
        }
        assert!(turn < 10_000, "no end");
    }
    assert!(
        sink.written == bytes,
        "{} of {} bytes",
        sink.written.len(),
        bytes.len()
    );
}
