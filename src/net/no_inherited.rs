//! Replaces `inherited` without the Cargo feature `systemd`: sockets that a service manager passes are an
//! error, since the server would listen at other addresses than the operator has configured.

use std::io;
use std::net::TcpListener;

/// An inherited listening socket; there is none in this build.
#[derive(Debug)]
pub struct InheritedListener {
    /// The socket.
    pub socket: TcpListener,
    /// Its `FileDescriptorName=`, or empty.
    pub name: String,
}

/// Checks that there are none.
///
/// # Errors
/// When the service manager has passed some to this process.
pub fn inherited_listeners() -> io::Result<Vec<InheritedListener>> {
    let pid = std::env::var("LISTEN_PID").unwrap_or_default();
    if pid == std::process::id().to_string() {
        let text =
            "this build takes none; build it with --features systemd, or stop the socket unit";
        return Err(io::Error::other(text));
    }
    Ok(Vec::new())
}
