//! Exercise twelve: a second protocol on the parts of the loop.

use std::io;
use std::net::TcpListener;

/// The most bytes that wait for one client.
pub(crate) const UNSENT: usize = 64 * 1024;

/// A chat on one thread: each complete line (to LF, at most 512 bytes) of a client is sent to all others. A
/// client with a longer line, or with more than [`UNSENT`] bytes that it has not read, is closed; the others
/// notice nothing.
pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    Ok(())
}
