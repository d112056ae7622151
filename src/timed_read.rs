//! Reads from a blocking socket until a deadline, so that a peer that sends a byte now and then cannot hold a
//! command of the operator.
//!
//! It owns nothing, and does not know what the bytes are.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::clock::Instant;

/// The bytes that arrive within `time`, until `is_whole` accepts them, the peer ends, or `most` have arrived.
///
/// # Errors
/// The socket's before the first byte, and [`TimedOut`](io::ErrorKind::TimedOut) at the deadline.
pub fn read_within(
    socket: &mut (impl Read + AsFd),
    time: Duration,
    most: usize,
    is_whole: impl Fn(&[u8]) -> bool,
) -> io::Result<Vec<u8>> {
    let end = Instant::now() + time;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; most.min(64 * 1024)]);
    while bytes.len() < most && !is_whole(&bytes) {
        let left = end - Instant::now();
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        set_socket_timeout(&*socket, Timeout::Recv, Some(left))?;
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            // The deadline, which the next round finds, or a signal.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A peer that has not read all resets the connection behind its last bytes.
            Err(_) if !bytes.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(most);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn bytes_are_read_to_the_end_of_a_line_or_of_the_peer() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        other.write_all(b"a\nb").unwrap();
        let time = Duration::from_secs(60);
        let line = read_within(&mut one, time, 100, |bytes| bytes.contains(&b'\n'));
        assert_eq!(line.unwrap(), b"a\nb");
        other.write_all(b"abc").unwrap();
        assert_eq!(read_within(&mut one, time, 2, |_| false).unwrap(), b"ab");
        drop(other);
        assert_eq!(read_within(&mut one, time, 2, |_| false).unwrap(), b"c");
    }

    #[test]
    fn silent_peer_is_left_at_the_deadline() {
        let (mut one, _other) = UnixStream::pair().unwrap();
        let read = read_within(&mut one, Duration::from_millis(10), 2, |_| false);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
