//! Writes of converted bytes and listings to the data connection.

use std::io::ErrorKind;

use crate::net::Stream;

/// The result of [`send`].
pub(super) enum Sent {
    All,
    /// The bytes written before the socket buffer was full.
    Part(usize),
    Failed,
}

/// Writes until all bytes are sent or the stream would block.
pub(super) fn send(stream: &mut dyn Stream, bytes: &[u8], moved: &mut u64) -> Sent {
    let mut sent = 0;
    while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
        match stream.write(rest) {
            Ok(0) => return Sent::Failed,
            Ok(count) => {
                sent += count;
                *moved += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Sent::Part(sent),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return Sent::Failed,
        }
    }
    Sent::All
}
