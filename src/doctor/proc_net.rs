//! The listening sockets in the text of `/proc/net/tcp` and `/proc/net/tcp6` (`proc_net(5)`).
//!
//! It has the format and nothing else: it opens no file. A line that it does not understand is left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state of a socket that listens.
const LISTEN: &str = "0A";

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    /// The inode, by which a process has it open.
    pub(super) inode: u64,
}

pub(super) fn listening(text: &str) -> impl Iterator<Item = Listening> {
    text.lines().filter_map(one)
}

fn one(line: &str) -> Option<Listening> {
    let mut fields = line.split_whitespace().skip(1);
    let address = address(fields.next()?)?;
    let state = fields.nth(1)?;
    let inode = fields.nth(5)?.parse().ok()?;
    (state == LISTEN).then_some(Listening { address, inode })
}

/// An address as hexadecimal words of 32 bits, each in the order of the host, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| {
        let digits = ip.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn listeners_have_address_and_inode() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when uid timeout inode
   0: 0100007F:5208 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 4711 1 0 100 0 0 10 0
   1: 0100007F:5208 0100007F:1234 01 00000000:00000000 00:00000000 00000000  0  0 4712 1 0 20 4 30 10 -1
   0: 00000000000000000000000001000000:0015 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4713 1
";
        let found: Vec<_> = listening(text).collect();
        let expected = [("127.0.0.1:21000", 4711), ("[::1]:21", 4713)];
        let expected = expected.map(|(address, inode)| Listening {
            address: address.parse().unwrap(),
            inode,
        });
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn malformed_text_is_left_out(
            text in "\\PC{0,80}", ip in "[0-9A-Fé]{0,40}", port in "[0-9A-F]{0,5}") {
            let _ = listening(&text).count();
            let line = format!("0: {ip}:{port} x 0A a b c d e 7");
            let found = listening(&line).count();
            prop_assert!(found <= 1);
        }
    }
}
