//! The PROXY header in front of a connection, read as far as it has come.
//!
//! [`protocol::proxy_header`](crate::protocol::proxy_header) parses it; here it is read from a stream,
//! exactly to its end, without waiting. It knows neither the connection nor what is admitted.

use std::io;

use super::admission::Protocol;
use crate::net::Stream;
use crate::protocol::proxy_header::{HeaderReader, ProxiedPeer};

/// A header that is not complete yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProxyHeader {
    reader: HeaderReader,
    /// The protocol behind the header.
    pub(super) protocol: Protocol,
}

impl ProxyHeader {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            reader: HeaderReader::default(),
            protocol,
        }
    }

    /// Reads what has come, and no byte of what follows the header.
    ///
    /// # Errors
    /// `WouldBlock` if the header is incomplete, `InvalidData` if it is malformed, `UnexpectedEof` if the
    /// stream ends within it.
    pub(super) fn read(&mut self, stream: &mut dyn Stream) -> io::Result<ProxiedPeer> {
        loop {
            match stream.read(self.reader.spare()) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => match self.reader.filled(count) {
                    Ok(Some(origin)) => return Ok(origin),
                    Ok(None) => {}
                    Err(_) => return Err(io::ErrorKind::InvalidData.into()),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
