//! Sockets that the service manager has made, and listens at, before the server was started:
//! `sd_listen_fds(3)`.
//!
//! They come as descriptors from 3 up, which the environment counts and names. Ports below 1024
//! need no right of the server's then, and a connection that comes while it starts is kept.

use std::io;
use std::net::TcpListener;

use listenfd::ListenFd;
use rustix::net::sockopt;

/// A listening socket, and the name that it was given (`FileDescriptorName=`).
#[derive(Debug)]
pub struct Inherited {
    /// The socket.
    pub socket: TcpListener,
    /// Empty where it has none.
    pub name: String,
}

/// Takes all of them, once: a second call finds none.
///
/// # Errors
/// When one is no TCP socket, or does not listen.
pub fn inherited_listeners() -> io::Result<Vec<Inherited>> {
    let is_ours =
        std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
    if !is_ours {
        return Ok(Vec::new());
    }
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
            let text = format!("the socket {name:?} does not listen: Accept=no is needed");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        taken.push(Inherited { socket, name });
    }
    Ok(taken)
}
