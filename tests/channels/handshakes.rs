//! Handshakes that are cut, broken off and forged, at each of their bytes. RFC 8446 §4 and §6.
//!
//! The client's flights are taken down once, and then played to servers; where they are not as
//! they were, a handshake must fail or go on waiting, with few calls, and never succeed.

use std::io;
use std::sync::Arc;

use mioftpd::net::{Channel, Stream as _};
use rustls::SupportedProtocolVersion;

use crate::peer::{ACCEPTOR, Peer, VERSIONS, control, shake_hands};
use crate::trusting;
use crate::wire::{End, Shared};

/// Far more than a handshake takes, and far less than for ever.
const CALLS: usize = 200;

/// What is done with a client's bytes on their way.
type Tamper<'a> = &'a dyn Fn(&mut Vec<u8>);

/// Shakes hands, with one client's flight, of which this is the number, tampered with.
fn play(
    version: &'static SupportedProtocolVersion,
    flight: usize,
    end: End,
    tamper: Tamper<'_>,
) -> (io::Result<()>, Channel, Shared) {
    let wire = Shared::new();
    let (mut channel, _) = control(&wire);
    let mut peer = Peer::new(version);
    let mut last = channel.handshake();
    for number in 0..=flight {
        let mut bytes = peer.sends();
        if number == flight {
            tamper(&mut bytes);
            wire.lock().end = end;
        }
        wire.lock().inbound.extend(bytes);
        last = settle(&mut channel, &wire);
        if number < flight {
            let answer = wire.take();
            peer.hears(&answer);
        }
    }
    (last, channel, wire)
}

/// Goes on until there is nothing to go on with, in a bounded number of calls.
fn settle(channel: &mut Channel, wire: &Shared) -> io::Result<()> {
    let before = wire.lock().calls;
    loop {
        let step = channel.handshake();
        assert!(wire.lock().calls - before < CALLS, "it spins");
        match step {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            step => return step,
        }
    }
}

fn kind(step: &io::Result<()>) -> Option<io::ErrorKind> {
    step.as_ref().err().map(io::Error::kind)
}

/// The lengths of a client's two flights.
fn lengths(version: &'static SupportedProtocolVersion) -> [usize; 2] {
    let wire = Shared::new();
    let (mut channel, _) = control(&wire);
    let mut peer = Peer::new(version);
    [0, 1].map(|_| {
        let bytes = peer.sends();
        let length = bytes.len();
        wire.lock().inbound.extend(bytes);
        let _ = channel.handshake();
        let answer = wire.take();
        peer.hears(&answer);
        length
    })
}

#[test]
fn byte_by_byte_it_is_the_same_handshake() {
    for version in VERSIONS {
        let wire = Shared::new();
        let (mut channel, _) = control(&wire);
        let mut peer = Peer::new(version);
        let mut done = false;
        for _ in 0..2 {
            for byte in peer.sends() {
                assert!(!done, "the handshake was over too early");
                wire.lock().inbound.push_back(byte);
                let step = settle(&mut channel, &wire);
                done = step.is_ok();
                assert!(
                    done || kind(&step) == Some(io::ErrorKind::WouldBlock),
                    "{step:?}"
                );
                assert_eq!(channel.is_handshaking(), !done);
                assert!(!channel.has_unsent());
            }
            let answer = wire.take();
            peer.hears(&answer);
        }
        assert!(done && !peer.0.is_handshaking());
    }
}

#[test]
fn every_split_in_two_is_the_same_handshake() {
    for version in VERSIONS {
        for (flight, length) in lengths(version).into_iter().enumerate() {
            for split in 1..length {
                let cut = |bytes: &mut Vec<u8>| bytes.truncate(split);
                let (step, ..) = play(version, flight, End::Open, &cut);
                assert_eq!(
                    kind(&step),
                    Some(io::ErrorKind::WouldBlock),
                    "{flight} {split}"
                );
            }
        }
    }
}

#[test]
fn every_prefix_and_then_an_end_fails() {
    for version in VERSIONS {
        for (flight, length) in lengths(version).into_iter().enumerate() {
            for split in 0..length {
                for end in [End::Fin, End::Reset] {
                    let cut = |bytes: &mut Vec<u8>| bytes.truncate(split);
                    let (step, channel, _) = play(version, flight, end, &cut);
                    let found = kind(&step);
                    assert!(step.is_err(), "{flight} {split} {end:?}");
                    assert_ne!(
                        found,
                        Some(io::ErrorKind::WouldBlock),
                        "{flight} {split} {end:?}"
                    );
                    assert!(channel.is_handshaking());
                }
            }
        }
    }
}

/// One wrong bit in each byte. In the hello it may be harmless, or make a wait for more; of what
/// follows the handshake nothing may be believed.
#[test]
fn every_flipped_byte_fails_or_is_harmless() {
    for version in VERSIONS {
        for (flight, length) in lengths(version).into_iter().enumerate() {
            for place in 0..length {
                let flip = |bytes: &mut Vec<u8>| bytes[place] ^= 1 << (place % 8);
                let (step, mut channel, wire) = play(version, flight, End::Open, &flip);
                if step.is_ok() {
                    assert_eq!(flight, 1, "nothing is done after a hello");
                    // Versions in headers of records are not looked at (RFC 8446 §5.1).
                    assert!(!channel.is_handshaking());
                }
                // And the end comes to an end.
                wire.lock().end = End::Fin;
                let end = settle(&mut channel, &wire);
                assert!(
                    step.is_ok() == end.is_ok() && kind(&end) != Some(io::ErrorKind::WouldBlock)
                );
            }
        }
    }
}

#[test]
fn noise_is_answered_by_an_alert_at_the_most() {
    let noises: [&[u8]; 4] = [
        b"USER ann\r\nPASS x\r\n",
        &[0; 600],
        &[0x16; 70],
        &[0xff; 9_000],
    ];
    for noise in noises {
        let wire = Shared::new();
        let (mut channel, _) = control(&wire);
        wire.lock().inbound.extend(noise);
        let step = settle(&mut channel, &wire);
        assert_eq!(channel.has_failed(), channel.has_unsent());
        if !channel.has_failed() {
            assert_eq!(kind(&step), Some(io::ErrorKind::WouldBlock));
            continue;
        }
        assert!(step.is_err() && channel.take_remark().is_some());
        channel.shutdown().unwrap();
        let said = wire.take();
        assert!(matches!(said[..], [21, 3, _, 0, 2, 2, _]), "{said:?}");
    }
}

#[test]
fn a_handshake_waits_for_room_wherever_there_is_none() {
    for version in VERSIONS {
        let wire = Shared::new();
        let (mut channel, _) = control(&wire);
        let mut peer = Peer::new(version);
        wire.lock().room = 0;
        let (mut room_made, mut steps) = (0, 0);
        loop {
            wire.lock().inbound.extend(peer.sends());
            match settle(&mut channel, &wire) {
                Ok(()) => break,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            if channel.has_unsent() {
                room_made += 1;
                wire.lock().room = 1;
            }
            let answer = wire.take();
            peer.hears(&answer);
            steps += 1;
            assert!(steps < 20_000, "no end of the handshake");
        }
        assert!(room_made > 500, "no flight is as short as {room_made}");
    }
}

/// Whether a data connection may be used is decided however slowly its client takes what it is
/// sent: the policy holds for those who leave no room for their tickets, too.
#[test]
fn a_data_connection_without_its_session_is_refused_with_and_without_room() {
    for version in VERSIONS {
        for room in [usize::MAX, 1] {
            let control_wire = Shared::new();
            let (mut channel, tag) = control(&control_wire);
            shake_hands(&mut channel, &mut Peer::new(version), &control_wire).unwrap();

            let wire = Shared::new();
            let mut data = Channel::clear(wire.socket());
            data.secure(ACCEPTOR.data(tag, false).unwrap());
            let mut peer = Peer::new(version);
            wire.lock().room = room;
            let refused = (0..20_000).find_map(|_| {
                wire.lock().inbound.extend(peer.sends());
                assert!(data.is_handshaking(), "it is used before it is looked at");
                let step = settle(&mut data, &wire);
                let answer = wire.take();
                peer.hears(&answer);
                wire.lock().room = room;
                kind(&step).filter(|&kind| kind != io::ErrorKind::WouldBlock)
            });
            assert_eq!(refused, Some(io::ErrorKind::PermissionDenied));
            assert!(data.take_remark().unwrap().contains("it offered none"));
        }
    }
}

#[test]
fn a_data_connection_with_its_session_is_taken_and_with_a_foreign_one_refused() {
    for version in VERSIONS {
        let config = Arc::new(trusting::config(&[version]));
        let wire = Shared::new();
        let (mut channel, own) = control(&wire);
        shake_hands(&mut channel, &mut Peer::with(&config), &wire).unwrap();
        let other_wire = Shared::new();
        let (mut other, foreign) = control(&other_wire);
        shake_hands(&mut other, &mut Peer::new(version), &other_wire).unwrap();

        for (tag, why) in [(own, None), (foreign, Some("another control connection"))] {
            let wire = Shared::new();
            let mut data = Channel::clear(wire.socket());
            data.secure(ACCEPTOR.data(tag, false).unwrap());
            let step = shake_hands(&mut data, &mut Peer::with(&config), &wire);
            assert_eq!(step.is_ok(), why.is_none(), "{step:?}");
            let remark = data.take_remark();
            assert_eq!(remark.is_some(), why.is_some());
            assert!(remark.unwrap_or_default().contains(why.unwrap_or_default()));
        }
    }
}

#[test]
fn nothing_is_read_from_a_peer_that_only_began() {
    let wire = Shared::new();
    let (mut channel, _) = control(&wire);
    let mut hello = Peer::new(VERSIONS[1]).sends();
    hello.truncate(100);
    wire.lock().inbound.extend(hello);
    let mut buffer = [0; 10];
    for _ in 0..3 {
        let read = channel.read(&mut buffer);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
