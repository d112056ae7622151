//! What a secured channel promises to those who read and write through it: what is reported as
//! written is what the peer gets, what is read is what it said, an end is an end only where it
//! was announced, and a short read means that nothing is left. RFC 8446 §6.1, RFC 4217 §7.

use std::io;

use mioftpd::net::{Channel, Stream as _};
use mioftpd::storage::{Memory, Storage as _, VirtualPath, Wait};

use crate::peer::{Peer, VERSIONS, secured};
use crate::wire::{End, Shared};

fn blocked(result: &io::Result<usize>) -> bool {
    let blocked = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
    result.as_ref().is_err_and(blocked)
}

/// Gives the peer what is there for it.
fn deliver(peer: &mut Peer, wire: &Shared) -> (Vec<u8>, bool) {
    let bytes = wire.take();
    peer.hears(&bytes)
}

fn text(length: usize) -> Vec<u8> {
    (0..=250).cycle().step_by(7).take(length).collect()
}

/// Takes single bytes, each after the server has been told that there is no room.
fn hamper(wire: &Shared) {
    let mut wire = wire.lock();
    (wire.gulp, wire.bite, wire.room) = (1, 1, 1);
}

/// Reads until there is nothing more to read, as a caller does who believes short reads.
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
    panic!("no end of reading");
}

#[test]
fn what_is_reported_as_written_is_what_the_peer_gets() {
    let text = text(900);
    for version in VERSIONS {
        // The caller's slice ends here or there: it shrinks and grows between two calls.
        for slices in [&[900][..], &[900, 1, 20], &[1, 7], &[300, 299, 600]] {
            let (mut channel, mut peer, wire) = secured(version);
            hamper(&wire);
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
fn a_file_arrives_as_it_is_where_a_byte_goes_at_a_time() {
    let text = text(2_500);
    let memory = Memory::new().with_file("/f", &text);
    let path = VirtualPath::root().join(b"f").unwrap();
    let (file, _) = memory.open(&path, Wait::Allowed).unwrap();
    for version in VERSIONS {
        let (mut channel, mut peer, wire) = secured(version);
        hamper(&wire);
        let (mut sent, mut got, mut calls) = (0, Vec::new(), 0);
        loop {
            // What is left of a budget is less each time.
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

/// A file that becomes shorter meanwhile: what was encrypted is what is reported.
#[test]
fn a_file_that_shrinks_does_not_confuse_the_count() {
    for version in VERSIONS {
        let (mut channel, mut peer, wire) = secured(version);
        wire.lock().room = 10;
        let shrinking = Memory::new().with_file("/f", &text(400));
        let path = VirtualPath::root().join(b"f").unwrap();
        let (file, _) = shrinking.open(&path, Wait::Allowed).unwrap();
        assert!(blocked(&channel.send_file(file.as_ref(), 0, 400)));
        wire.lock().room = usize::MAX;
        // The caller now wants less than was encrypted, and then the rest.
        assert_eq!(channel.send_file(file.as_ref(), 0, 100).unwrap(), 100);
        assert_eq!(channel.send_file(file.as_ref(), 100, 400).unwrap(), 300);
        assert_eq!(deliver(&mut peer, &wire).0, text(400));
    }
}

#[test]
fn the_end_is_announced_behind_the_last_byte_and_only_then_shut() {
    for version in VERSIONS {
        let (mut channel, mut peer, wire) = secured(version);
        assert_eq!(channel.write(b"221 Bye\r\n").unwrap(), 9);
        hamper(&wire);
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
fn what_the_peer_says_is_read_however_it_comes() {
    let text = text(5_000);
    for version in VERSIONS {
        for (gulp, most) in [
            (1, 5_000),
            (3, 7),
            (usize::MAX, 1),
            (100, 100),
            (5_000, 4_096),
        ] {
            let (mut channel, mut peer, wire) = secured(version);
            let mut bytes = Vec::new();
            for piece in text.chunks(700) {
                bytes.extend(peer.says(piece));
            }
            peer.0.send_close_notify();
            bytes.extend(peer.sends());
            wire.lock().inbound.extend(bytes);
            wire.lock().gulp = gulp;
            let (got, end) = read_all(&mut channel, most);
            assert_eq!((got, end.unwrap()), (text.clone(), 0), "{gulp} {most}");
        }
    }
}

/// At each byte of three records: what came before the cut is read, and the cut is no end.
#[test]
fn an_end_that_was_not_announced_is_an_error_at_each_byte() {
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
                    "at {cut}: an end that nobody sees"
                );
                // And it stays so.
                let (_, again) = read_all(&mut channel, 64);
                assert_eq!(again.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }
}

fn record(peer: &mut Peer) -> Vec<u8> {
    [peer.says(b"the first"), peer.says(b"the second")].concat()
}

/// A caller stops at a short read, unless it is told that there is more. So the kernel has
/// nothing then, and TLS has nothing either.
#[test]
fn a_short_read_means_that_nothing_is_left() {
    for version in VERSIONS {
        for (gulp, most) in [(usize::MAX, 50), (usize::MAX, 5_000), (40, 64)] {
            let (mut channel, mut peer, wire) = secured(version);
            let mut bytes = Vec::new();
            for _ in 0..200 {
                bytes.extend(peer.says(b"NOOP\r\n"));
            }
            wire.lock().inbound.extend(bytes);
            wire.lock().gulp = gulp;
            let mut got = 0;
            let mut buffer = vec![0; most];
            loop {
                match channel.read(&mut buffer) {
                    Ok(count) => {
                        got += count;
                        if count < most && !channel.has_unread() && gulp == usize::MAX {
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
            assert_eq!(got, 200 * 6, "{gulp} {most}");
            assert!(blocked(&channel.read(&mut buffer)));
        }
    }
}

/// The end that came with the last words is news of TLS's own: no event will tell of it.
#[test]
fn an_end_that_came_with_the_last_words_is_unread() {
    for version in VERSIONS {
        let (mut channel, mut peer, wire) = secured(version);
        let mut bytes = peer.says(b"QUIT\r\n");
        peer.0.send_close_notify();
        bytes.extend(peer.sends());
        wire.lock().inbound.extend(bytes);
        let mut buffer = [0; 64];
        assert_eq!(channel.read(&mut buffer).unwrap(), 6);
        assert!(channel.has_unread());
        assert_eq!(channel.read(&mut buffer).unwrap(), 0);
    }
}

/// A peer can send records that hold nothing for ever; each call looks at a bounded number.
#[test]
fn empty_records_do_not_keep_a_call_busy() {
    let (mut channel, mut peer, wire) = secured(VERSIONS[0]);
    let mut bytes = Vec::new();
    for _ in 0..2_000 {
        // TLS 1.2 lets a warning pass now and then; an empty record is made of one that is not.
        bytes.extend(peer.says(b"x"));
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

/// CCC: behind the peer's end of TLS the next byte is a command in the clear, and not ours to
/// read; wherever the bytes are cut.
#[test]
fn the_end_of_tls_is_found_to_the_byte() {
    for version in VERSIONS {
        let (_, mut peer, _) = secured(version);
        peer.0.send_close_notify();
        let length = peer.sends().len();
        for split in 0..=length {
            let (mut channel, mut peer, wire) = secured(version);
            peer.0.send_close_notify();
            let bytes = peer.sends();
            wire.lock().inbound.extend(&bytes[..split]);
            let early = channel.unsecure();
            assert_eq!(early.is_ok(), split == length, "{split}");
            assert!(deliver(&mut peer, &wire).1, "it says its own end at once");
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

/// There are clients that end TLS without a word: their first byte in the clear begins no record.
#[test]
fn clear_text_in_the_place_of_the_end_of_tls_is_read_whole() {
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

/// The connection may end behind that byte: it is read first, and the end is not forgotten.
#[test]
fn an_end_behind_the_first_byte_of_clear_text_is_noticed() {
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
fn an_end_of_the_connection_is_no_end_of_tls() {
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
