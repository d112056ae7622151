//! Complete, segmented, valid and malformed headers; no byte after a header is ever requested.

use proptest::prelude::*;
use std::net::Ipv6Addr;

use super::*;

/// Feeds a reader as much as it asks for, in pieces of at most `limit` bytes. Returns the result, and
/// the number of bytes that the reader consumed.
fn read(
    input: &[u8],
    mut limit: impl FnMut() -> usize,
) -> (Result<Option<ProxiedPeer>, Malformed>, usize) {
    let (mut reader, mut at) = (HeaderReader::default(), 0);
    loop {
        let room = reader.spare();
        assert!(!room.is_empty(), "no room, but no result either");
        let count = room.len().min(limit().max(1)).min(input.len() - at);
        if count == 0 {
            return (Ok(None), at);
        }
        room[..count].copy_from_slice(&input[at..at + count]);
        at += count;
        match reader.filled(count) {
            Ok(None) => {}
            end => return (end, at),
        }
    }
}

fn parse(input: &[u8]) -> Result<Option<ProxiedPeer>, Malformed> {
    read(input, || usize::MAX).0
}

fn peer(source: &str, destination: &str) -> ProxiedPeer {
    ProxiedPeer::Client {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
    }
}

/// A header of version 2.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [V2_SIGNATURE, &[command, family][..], &length, block].concat()
}

const V4_BLOCK: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0, 21];

fn v6_block() -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let (source, destination) = (address("2001:db8::1"), address("2001:db8::2"));
    [&source[..], &destination, &[0xdc, 0x04, 0, 21]].concat()
}

/// Valid headers, and the origins they contain.
fn valid() -> Vec<(Vec<u8>, ProxiedPeer)> {
    let v4 = peer("192.0.2.1:56324", "198.51.100.1:21");
    let v6 = peer("[2001:db8::1]:56324", "[2001:db8::2]:21");
    let edges = peer("1.1.1.1:0", "1.1.1.1:65535");
    let fields = [b"\x04\x00\x03abc".as_slice(), &[0x20; 700]].concat();
    let line = |text: &str, peer| (text.as_bytes().to_vec(), peer);
    let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(V1_MAX - 16));
    vec![
        line("PROXY TCP4 192.0.2.1 198.51.100.1 56324 21\r\n", v4),
        line("PROXY TCP6 2001:db8::1 2001:DB8::2 56324 21\r\n", v6),
        line(
            "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 56324 21\r\n",
            v4,
        ),
        line("PROXY TCP4 1.1.1.1 1.1.1.1 0 65535\r\n", edges),
        line("PROXY UNKNOWN\r\n", ProxiedPeer::Local),
        line("PROXY UNKNOWN 1 2 3 4 5 6\r\n", ProxiedPeer::Local),
        line(&longest, ProxiedPeer::Local),
        (binary(0x21, 0x11, &V4_BLOCK), v4),
        (binary(0x21, 0x21, &v6_block()), v6),
        (binary(0x21, 0x11, &[&V4_BLOCK[..], &fields].concat()), v4),
        (
            binary(0x21, 0x21, &[v6_block(), fields.clone()].concat()),
            v6,
        ),
        (
            binary(0x21, 0x11, &[&V4_BLOCK[..], &vec![9; V2_MAX - 28]].concat()),
            v4,
        ),
        (binary(0x20, 0x00, &[]), ProxiedPeer::Local),
        (binary(0x20, 0x11, &V4_BLOCK), ProxiedPeer::Local),
        (binary(0x20, 0xff, &[1, 2, 3]), ProxiedPeer::Local),
        (binary(0x21, 0x00, &fields), ProxiedPeer::Local),
        (binary(0x21, 0x31, &[0; 216]), ProxiedPeer::Local),
        (binary(0x21, 0x12, &V4_BLOCK), ProxiedPeer::Local),
    ]
}

#[test]
fn valid_headers_are_parsed() {
    for (header, origin) in valid() {
        let shown = header.escape_ascii();
        assert_eq!(parse(&header), Ok(Some(origin)), "{shown}");
    }
}

#[test]
fn segmented_header_is_completed_without_reading_beyond() {
    for (header, origin) in valid() {
        for cut in 0..header.len() {
            assert_eq!(parse(&header[..cut]), Ok(None), "{cut}");
            let mut left = cut;
            let pieces = || {
                let piece = if left > 0 { left } else { usize::MAX };
                left = 0;
                piece
            };
            let input = [&header[..], b"USER ftp\r\n"].concat();
            assert_eq!(read(&input, pieces), (Ok(Some(origin)), header.len()));
        }
    }
}

#[test]
fn other_protocols_are_rejected_early() {
    for (input, taken) in [
        (&b"USER anonymous\r\n"[..], HEADER_MIN),
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaa",
            HEADER_MIN,
        ),
        (b"PROXY", 5),
        (b"PROXX", 5),
        (b"Q", 1),
        (b"\r\n\r\n\0\r\nQUIX", 11),
    ] {
        let (result, took) = read(input, || usize::MAX);
        let is_beginning = input == b"PROXY";
        assert_eq!(result.is_err(), !is_beginning, "{}", input.escape_ascii());
        assert_eq!(took, taken);
    }
}

#[test]
fn malformed_v1_headers_are_rejected() {
    for wrong in [
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 21\n\n\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 21\r\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 21 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 056324 21\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +5632 21\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.1 56324 21\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 56324 21\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.1 56324 21\r\n",
        "PROXY TCP4 ::1 ::1 56324 21\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.1 56324 21\r\n",
        "PROXY TCP6 ::1%1 ::1 56324 21\r\n",
        "PROXY TCP4\r\n    \r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.1 56324 21\r\n",
        "PROXY  UNKNOWN\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY UNKNOWN \u{e9}\r\n",
        "proxy UNKNOWN\r\n",
        "PROXY\r\n",
        "PROXY \r\n           ",
    ] {
        let input = format!("{wrong}NOOP\r\n");
        assert_eq!(parse(input.as_bytes()), Err(Malformed), "{wrong:?}");
    }
    let endless = format!("PROXY UNKNOWN {}\r\n", "f".repeat(V1_MAX - 15));
    assert_eq!(read(endless.as_bytes(), || 1), (Err(Malformed), V1_MAX));
}

#[test]
fn malformed_v2_headers_are_rejected() {
    let long = [&V4_BLOCK[..], &vec![9; V2_MAX - 27]].concat();
    for (command, family, block) in [
        (0x11, 0x11, &V4_BLOCK[..]),
        (0x31, 0x11, &V4_BLOCK),
        (0x22, 0x11, &V4_BLOCK),
        (0x21, 0x41, &V4_BLOCK),
        (0x21, 0x13, &V4_BLOCK),
        (0x21, 0x11, &V4_BLOCK[..11]),
        (0x21, 0x11, &[]),
        (0x21, 0x21, &V4_BLOCK),
        (0x21, 0x11, &long),
    ] {
        let header = binary(command, family, block);
        assert_eq!(parse(&header), Err(Malformed), "{}", header.escape_ascii());
    }
    // A header that announces more than V2_MAX is rejected without waiting for its end.
    let (result, took) = read(&binary(0x21, 0x11, &vec![0; 65_535]), || usize::MAX);
    assert_eq!((result, took), (Err(Malformed), V2_FIXED));
}

proptest! {
    #[test]
    fn written_headers_round_trip(
        source: IpAddr,
        destination: IpAddr,
        ports: (u16, u16),
        fields in prop::collection::vec(any::<u8>(), 0..300),
        pieces in prop::collection::vec(1_usize..40, 1..20),
    ) {
        let [v6_source, v6_destination] = [source, destination].map(|address| match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        });
        let expected = ProxiedPeer::Client {
            source: SocketAddr::new(source.to_canonical(), ports.0),
            destination: SocketAddr::new(destination.to_canonical(), ports.1),
        };
        let line = format!("PROXY TCP6 {v6_source} {v6_destination} {} {}\r\n", ports.0, ports.1);
        let addresses = [v6_source.octets(), v6_destination.octets()].concat();
        let numbers = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
        let block = [addresses, numbers, fields].concat();
        for header in [line.into_bytes(), binary(0x21, 0x21, &block)] {
            let mut next = pieces.iter().copied().cycle();
            let input = [&header[..], b"\x16\x03\x01"].concat();
            let (result, took) = read(&input, || next.next().unwrap_or(1));
            prop_assert_eq!(result, Ok(Some(expected)));
            prop_assert_eq!(took, header.len());
        }
    }

    #[test]
    fn garbage_consumes_at_most_one_header(
        prefix in prop::sample::select(vec![&b""[..], b"PROXY ", b"PROXY TCP4 ", V2_SIGNATURE]),
        garbage in prop::collection::vec(any::<u8>(), 0..3000),
        piece in 1_usize..100,
    ) {
        let input = [prefix, &garbage].concat();
        let (result, took) = read(&input, || piece);
        prop_assert!(took <= V2_MAX);
        prop_assert!(result != Ok(None) || took == input.len());
    }
}
