//! The contract of a channel over TLS: bytes reported as written reach the peer, reads return what the
//! peer sent, only an announced end is an end, and a short read means that the socket is drained.
//! RFC 8446 §6.1, RFC 4217 §7.

use std::io;

use mioftpd::VirtualPath;
use mioftpd::internals::net::{Channel, Stream as _};
use mioftpd::internals::storage::{Memory, Storage as _, Wait};

use crate::channels::peer::{Peer, VERSIONS, secured};
use crate::channels::wire::{End, Shared};

fn blocked(result: &io::Result<usize>) -> bool {
    let blocked = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    result.as_ref().is_err_and(blocked)
}

/// Delivers the written bytes to the peer.
fn deliver(peer: &mut Peer, wire: &Shared) -> (Vec<u8>, bool) {
    let bytes = wire.take();
    peer.decrypt(&bytes)
}

fn text(length: usize) -> Vec<u8> {
    (0..=250).cycle().step_by(7).take(length).collect()
}

/// Moves one byte a call, and has room for one.
fn throttle(wire: &Shared) {
    let mut wire = wire.lock();
    (wire.max_read, wire.max_write, wire.room) = (1, 1, 1);
}

/// Reads until an error or the end.
fn read_all(channel: &mut Channel, most: usize) -> (Vec<u8>, io::Result<usize>) {
    let mut got = Vec::new();
    let mut buffer = vec![0; most];
    for _ in 0..100_000 {
        match channel.read(&mut buffer) {
            Ok(0) => return (got, Ok(0)),
            Ok(count) => got.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (got, Err(error)),
        }
    }
    panic!("reading does not end");
}

#[test]
fn bytes_reported_as_written_reach_the_peer() {
    let text = text(900);
    for version in VERSIONS {
        // The caller's slice shrinks and grows between two calls.
        for slices in [&[900][..], &[900, 1, 20], &[1, 7], &[300, 299, 600]] {
            let (mut channel, mut peer, wire) = secured(version);
            throttle(&wire);
            let (mut written, mut got, mut calls) = (0, Vec::new(), 0);
            while written < text.len() {
                let length = slices[calls % slices.len()].min(text.len() - written);
                match channel.write(&text[written..written + length]) {
                    Ok(count) => {
                        assert!((1..=length).contains(&count));
                        written += count;
                    }
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
                got.extend(deliver(&mut peer, &wire).0);
                assert!(
                    got.len() >= written,
                    "{written} reported, {} there",
                    got.len()
                );
                wire.lock().room = 1;
                calls += 1;
                assert!(calls < 50_000);
            }
            assert!(!channel.has_unsent());
            assert_eq!(got, text, "{slices:?}");
        }
    }
}

#[test]
fn send_file_is_complete_byte_by_byte() {
    let text = text(2_500);
    let memory = Memory::new().with_file("/f", &text);
    let path = VirtualPath::root().join(b"f").unwrap();
    let (file, _) = memory.open(&path, Wait::Allowed).unwrap();
    for version in VERSIONS {
        let (mut channel, mut peer, wire) = secured(version);
        throttle(&wire);
        let (mut sent, mut got, mut calls) = (0, Vec::new(), 0);
        loop {
            // The rest of a budget shrinks between two calls.
            let count = 1_000 - calls % 900;
            match channel.send_file(file.as_ref(), sent as u64, count) {
                Ok(0) => break,
                Ok(more) => sent += more,
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
            got.extend(deliver(&mut peer, &wire).0);
            assert!(got.len() >= sent);
            wire.lock().room = 1;
            calls += 1;
            assert!(calls < 50_000);
        }
        assert_eq!((sent, got), (text.len(), text.clone()));
    }
}

/// The count covers the bytes that were encrypted, even if the caller asks for fewer afterwards.
#[test]
fn send_file_count_is_right_if_budget_shrinks() {
    for version in VERSIONS {
        let (mut channel, mut peer, wire) = secured(version);
        wire.lock().room = 10;
        let shrinking = Memory::new().with_file("/f", &text(400));
        let path = VirtualPath::root().join(b"f").unwrap();
        let (file, _) = shrinking.open(&path, Wait::Allowed).unwrap();
        assert!(blocked(&channel.send_file(file.as_ref(), 0, 400)));
        wire.lock().room = usize::MAX;
        // The caller asks for less than was encrypted, and then for the rest.
        assert_eq!(channel.send_file(file.as_ref(), 0, 100).unwrap(), 100);
        assert_eq!(channel.send_file(file.as_ref(), 100, 400).unwrap(), 300);
        assert_eq!(deliver(&mut peer, &wire).0, text(400));
    }
}

#[test]
fn close_notify_follows_last_byte_and_precedes_fin() {
    for version in VERSIONS {
        let (mut channel, mut peer, wire) = secured(version);
        assert_eq!(channel.write(b"221 Bye\r\n").unwrap(), 9);
        throttle(&wire);
        let (mut got, mut calls) = (Vec::new(), 0);
        while let Err(error) = channel.shutdown() {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            assert!(channel.has_unsent() && !wire.lock().is_shut);
            let (text, is_end) = deliver(&mut peer, &wire);
            got.extend(text);
            assert!(!is_end);
            wire.lock().room = 1;
            calls += 1;
            assert!(calls < 1_000);
        }
        assert!(calls > 10 && wire.lock().is_shut);
        let (text, is_end) = deliver(&mut peer, &wire);
        got.extend(text);
        assert_eq!((got.as_slice(), is_end), (&b"221 Bye\r\n"[..], true));
    }
}

#[test]
fn received_bytes_are_complete_for_any_split() {
    let text = text(5_000);
    for version in VERSIONS {
        for (max_read, most) in [
            (1, 5_000),
            (3, 7),
            (usize::MAX, 1),
            (100, 100),
            (5_000, 4_096),
        ] {
            let (mut channel, mut peer, wire) = secured(version);
            let mut bytes = Vec::new();
            for piece in text.chunks(700) {
                bytes.extend(peer.encrypt(piece));
            }
            peer.0.send_close_notify();
            bytes.extend(peer.take_output());
            wire.lock().inbound.extend(bytes);
            wire.lock().max_read = max_read;
            let (got, end) = read_all(&mut channel, most);
            assert_eq!((got, end.unwrap()), (text.clone(), 0), "{max_read} {most}");
        }
    }
}

#[test]
fn unannounced_end_is_an_error_at_every_byte() {
    for version in VERSIONS {
        for end in [End::Fin, End::Reset] {
            let length = record(&mut secured(version).1).len();
            for cut in 0..=length {
                let (mut channel, mut peer, wire) = secured(version);
                let mut bytes = record(&mut peer);
                bytes.truncate(cut);
                wire.lock().inbound.extend(bytes);
                wire.lock().end = end;
                let (_, error) = read_all(&mut channel, 64);
                let kind = error.unwrap_err().kind();
                assert_ne!(
                    kind,
                    io::ErrorKind::WouldBlock,
                    "at {cut}: the end is not reported"
                );
                // Later reads fail too.
                let (_, again) = read_all(&mut channel, 64);
                assert_eq!(again.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
}

fn record(peer: &mut Peer) -> Vec<u8> {
    [peer.encrypt(b"the first"), peer.encrypt(b"the second")].concat()
}

/// A caller stops at a short read unless `has_unread`: neither the kernel nor TLS may hold data then.
#[test]
fn short_read_means_drained() {
    for version in VERSIONS {
        for (max_read, most) in [(usize::MAX, 50), (usize::MAX, 5_000), (40, 64)] {
            let (mut channel, mut peer, wire) = secured(version);
            let mut bytes = Vec::new();
            for _ in 0..200 {
                bytes.extend(peer.encrypt(b"NOOP\r\n"));
            }
            wire.lock().inbound.extend(bytes);
            wire.lock().max_read = max_read;
            let mut got = 0;
            let mut buffer = vec![0; most];
            loop {
                match channel.read(&mut buffer) {
                    Ok(count) => {
                        got += count;
                        if count < most && !channel.has_unread() && max_read == usize::MAX {
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                        break;
                    }
                }
            }
            assert_eq!(got, 200 * 6, "{max_read} {most}");
            assert!(blocked(&channel.read(&mut buffer)));
        }
    }
}

/// No event reports a `close_notify` that was received together with data.
#[test]
fn close_notify_received_with_data_is_unread() {
    for version in VERSIONS {
        let (mut channel, mut peer, wire) = secured(version);
        let mut bytes = peer.encrypt(b"QUIT\r\n");
        peer.0.send_close_notify();
        bytes.extend(peer.take_output());
        wire.lock().inbound.extend(bytes);
        let mut buffer = [0; 64];
        assert_eq!(channel.read(&mut buffer).unwrap(), 6);
        assert!(channel.has_unread());
        assert_eq!(channel.read(&mut buffer).unwrap(), 0);
    }
}

/// Each call processes a bounded number of records, as a peer can send tiny ones for ever.
#[test]
fn one_read_processes_a_bounded_number_of_records() {
    let (mut channel, mut peer, wire) = secured(VERSIONS[0]);
    let mut bytes = Vec::new();
    for _ in 0..2_000 {
        bytes.extend(peer.encrypt(b"x"));
    }
    wire.lock().inbound.extend(bytes);
    let mut got = 0;
    let mut buffer = [0; 4096];
    let mut rounds = 0;
    while got < 2_000 {
        let before = wire.lock().calls;
        match channel.read(&mut buffer) {
            Ok(count) => got += count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::Interrupted),
        }
        assert!(wire.lock().calls - before <= 64);
        rounds += 1;
        assert!(rounds < 2_000);
    }
}

/// CCC: the byte after the peer's `close_notify` is clear text, and TLS must not read it.
#[test]
fn unsecure_reads_no_byte_past_close_notify() {
    for version in VERSIONS {
        let (_, mut peer, _) = secured(version);
        peer.0.send_close_notify();
        let length = peer.take_output().len();
        for split in 0..=length {
            let (mut channel, mut peer, wire) = secured(version);
            peer.0.send_close_notify();
            let bytes = peer.take_output();
            wire.lock().inbound.extend(&bytes[..split]);
            let early = channel.unsecure();
            assert_eq!(early.is_ok(), split == length, "{split}");
            assert!(
                deliver(&mut peer, &wire).1,
                "it sends its own close_notify at once"
            );
            wire.lock().inbound.extend(&bytes[split..]);
            wire.lock().inbound.extend(b"NOOP\r\n");
            channel.unsecure().unwrap();
            assert_eq!(wire.lock().inbound, b"NOOP\r\n");
            let mut buffer = [0; 64];
            assert_eq!(channel.read(&mut buffer).unwrap(), 6);
            assert_eq!(&buffer[..6], b"NOOP\r\n");
            assert_eq!(channel.write(b"200 ok\r\n").unwrap(), 8);
            assert_eq!(wire.lock().outbound, b"200 ok\r\n");
        }
    }
}

/// Some clients send no `close_notify`: the first byte of their clear text begins no record.
#[test]
fn clear_text_without_close_notify_is_complete() {
    const TEXT: &[u8] = b"NOOP\r\n";
    for version in VERSIONS {
        for (split, most) in
            (0..=TEXT.len()).flat_map(|split| [(split, 1), (split, 2), (split, 64)])
        {
            let (mut channel, _, wire) = secured(version);
            wire.lock().inbound.extend(&TEXT[..split]);
            let early = channel.unsecure();
            assert_eq!(early.is_ok(), split > 0, "{split}");
            wire.lock().inbound.extend(&TEXT[split..]);
            channel.unsecure().unwrap();
            assert!(channel.security().is_none());
            let (text, end) = read_all(&mut channel, most);
            assert_eq!(text, TEXT, "{split} {most}");
            assert!(blocked(&end));
        }
    }
}

#[test]
fn end_after_first_clear_byte_is_reported() {
    for version in VERSIONS {
        let (mut channel, _, wire) = secured(version);
        wire.lock().inbound.extend(b"N");
        wire.lock().end = End::Fin;
        channel.unsecure().unwrap();
        let (text, end) = read_all(&mut channel, 64);
        assert_eq!((text.as_slice(), end.unwrap()), (&b"N"[..], 0));

        let (mut channel, _, wire) = secured(version);
        wire.lock().inbound.extend(b"N");
        wire.lock().end = End::Reset;
        channel.unsecure().unwrap();
        let (_, end) = read_all(&mut channel, 64);
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

#[test]
fn end_of_socket_does_not_unsecure() {
    for version in VERSIONS {
        for end in [End::Fin, End::Reset] {
            let (mut channel, _, wire) = secured(version);
            wire.lock().end = end;
            let error = channel.unsecure().unwrap_err();
            assert_ne!(error.kind(), io::ErrorKind::WouldBlock);
            assert!(channel.security().is_some());
        }
    }
}
