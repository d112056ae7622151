//! Handshakes that are split, truncated or corrupted at each byte. RFC 8446 §4 and §6.
//!
//! A changed flight of the client must make the handshake fail or wait, in a bounded number of calls,
//! and never succeed.

use std::io;
use std::sync::Arc;

use mioftpd::internals::net::{Channel, Stream as _};
use rustls::SupportedProtocolVersion;

use crate::channels::peer::{ACCEPTOR, Peer, VERSIONS, control, shake_hands};
use crate::channels::wire::{End, Shared};
use crate::support::trusting;

/// The bound of socket calls for one step; a handshake needs far fewer.
const CALLS: usize = 200;

/// Changes a client's bytes.
type Tamper<'a> = &'a dyn Fn(&mut Vec<u8>);

/// Runs a handshake in which the client's flight with this number is changed.
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
        let mut bytes = peer.take_output();
        if number == flight {
            tamper(&mut bytes);
            wire.lock().end = end;
        }
        wire.lock().inbound.extend(bytes);
        last = settle(&mut channel, &wire);
        if number < flight {
            let answer = wire.take();
            peer.decrypt(&answer);
        }
    }
    (last, channel, wire)
}

/// Continues the handshake until it blocks or ends, in a bounded number of calls.
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
        let bytes = peer.take_output();
        let length = bytes.len();
        wire.lock().inbound.extend(bytes);
        let _ = channel.handshake();
        let answer = wire.take();
        peer.decrypt(&answer);
        length
    })
}

#[test]
fn handshake_succeeds_byte_by_byte() {
    for version in VERSIONS {
        let wire = Shared::new();
        let (mut channel, _) = control(&wire);
        let mut peer = Peer::new(version);
        let mut done = false;
        for _ in 0..2 {
            for byte in peer.take_output() {
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
            peer.decrypt(&answer);
        }
        assert!(done && !peer.0.is_handshaking());
    }
}

#[test]
fn partial_flight_waits_for_the_rest() {
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
fn handshake_fails_if_peer_closes_within_a_flight() {
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

/// One bit of each byte is flipped. In the `ClientHello` that may be harmless, or make the server wait for
/// more; encrypted flights are authenticated.
#[test]
fn flipped_bit_fails_the_handshake_or_is_harmless() {
    for version in VERSIONS {
        for (flight, length) in lengths(version).into_iter().enumerate() {
            for place in 0..length {
                let flip = |bytes: &mut Vec<u8>| bytes[place] ^= 1 << (place % 8);
                let (step, mut channel, wire) = play(version, flight, End::Open, &flip);
                if step.is_ok() {
                    assert_eq!(
                        flight, 1,
                        "the handshake is not finished after a ClientHello"
                    );
                    // The version in a record header is ignored (RFC 8446 §5.1).
                    assert!(!channel.is_handshaking());
                }
                // The end of the socket ends the handshake.
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
fn noise_is_answered_with_at_most_an_alert() {
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
        assert!(step.is_err() && channel.take_diagnostic().is_some());
        channel.shutdown().unwrap();
        let said = wire.take();
        assert!(matches!(said[..], [21, 3, _, 0, 2, 2, _]), "{said:?}");
    }
}

#[test]
fn handshake_blocks_while_socket_is_not_writable() {
    for version in VERSIONS {
        let wire = Shared::new();
        let (mut channel, _) = control(&wire);
        let mut peer = Peer::new(version);
        wire.lock().room = 0;
        let (mut room_made, mut steps) = (0, 0);
        loop {
            wire.lock().inbound.extend(peer.take_output());
            match settle(&mut channel, &wire) {
                Ok(()) => break,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            if channel.has_unsent() {
                room_made += 1;
                wire.lock().room = 1;
            }
            let answer = wire.take();
            peer.decrypt(&answer);
            steps += 1;
            assert!(steps < 20_000, "the handshake does not end");
        }
        assert!(room_made > 500, "no flight is as short as {room_made}");
    }
}

/// The policy also holds for clients that do not read, so that the tickets cannot be sent.
#[test]
fn data_connection_without_session_is_refused_even_if_unwritable() {
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
                wire.lock().inbound.extend(peer.take_output());
                assert!(data.is_handshaking(), "it is used before it is checked");
                let step = settle(&mut data, &wire);
                let answer = wire.take();
                peer.decrypt(&answer);
                wire.lock().room = room;
                kind(&step).filter(|&kind| kind != io::ErrorKind::WouldBlock)
            });
            assert_eq!(refused, Some(io::ErrorKind::PermissionDenied));
            assert!(data.take_diagnostic().unwrap().contains("it offered none"));
        }
    }
}

#[test]
fn data_connection_with_foreign_session_is_refused() {
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
            let remark = data.take_diagnostic();
            assert_eq!(remark.is_some(), why.is_some());
            assert!(remark.unwrap_or_default().contains(why.unwrap_or_default()));
        }
    }
}

#[test]
fn read_blocks_during_handshake() {
    let wire = Shared::new();
    let (mut channel, _) = control(&wire);
    let mut hello = Peer::new(VERSIONS[1]).take_output();
    hello.truncate(100);
    wire.lock().inbound.extend(hello);
    let mut buffer = [0; 10];
    for _ in 0..3 {
        let read = channel.read(&mut buffer);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
