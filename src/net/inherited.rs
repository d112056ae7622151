//! Socket activation: listening sockets inherited from the service manager (`sd_listen_fds(3)`).
//!
//! They are the descriptors from 3 up; the environment holds their number and names. The server then
//! needs no privilege for ports below 1024, and the kernel queues connections while it starts.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use rustix::net::sockopt;

/// An inherited listening socket.
#[derive(Debug)]
pub struct InheritedListener {
    /// The socket.
    pub socket: TcpListener,
    /// Its `FileDescriptorName=`, or empty.
    pub name: String,
}

/// Takes all inherited sockets. A second call returns none.
///
/// # Errors
/// When a descriptor is not a TCP socket or does not listen.
pub fn inherited_listeners() -> io::Result<Vec<InheritedListener>> {
    let is_ours =
        std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    if !is_ours {
        return Ok(Vec::new());
    }
    // Not set by every service manager; empty then.
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut passed = ListenFd::from_env();
    let mut taken = Vec::with_capacity(passed.len());
    for number in 0..passed.len() {
        let name = names.next().unwrap_or_default().to_owned();
        let Some(socket) = passed.take_tcp_listener(number)? else {
            continue;
        };
        if !sockopt::socket_acceptconn(&socket)? {
            let text = format!(
                "the inherited socket {name:?} does not listen; set Accept=no in the socket unit"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        taken.push(InheritedListener { socket, name });
    }
    Ok(taken)
}
