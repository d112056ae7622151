//! Resolves host names off the event loop.
//!
//! getaddrinfo(3) may block on an unreachable server, so each batch of look-ups runs in a thread of
//! its own that ends with it. The results come back through a channel, and the loop is woken.
//! Caching and retries are the caller's.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::cause::cause;
use crate::limits::RESOLVER_STACK_BYTES;
use crate::net::Waker;
use crate::protocol::unicast::is_unicast;

/// A finished look-up; no answer if it failed, which has been logged.
pub(super) struct ResolvedName {
    pub(super) name: String,
    pub(super) answer: Option<Ipv4Addr>,
}

pub(super) struct Resolver {
    waker: Waker,
    sender: Sender<ResolvedName>,
    finished: Receiver<ResolvedName>,
}

impl Resolver {
    pub(super) fn new(waker: Waker) -> Self {
        let (sender, finished) = channel();
        Self {
            waker,
            sender,
            finished,
        }
    }

    /// Starts the look-up of these names; each comes back exactly once, also if it fails.
    pub(super) fn look_up(&self, names: Vec<String>) {
        let (sender, waker) = (Sender::clone(&self.sender), Waker::clone(&self.waker));
        let thread = thread::Builder::new()
            .name("resolver".to_owned())
            .stack_size(RESOLVER_STACK_BYTES);
        let batch = names.clone();
        let spawned = thread.spawn(move || {
            for name in batch {
                let answer = resolve(&name)
                    .inspect_err(|error| log::warn!("Passive address: {name}: {}", cause(error)));
                let answer = answer.ok();
                // Fails only if the server has been dropped.
                let _ = sender.send(ResolvedName { name, answer });
                waker();
            }
        });
        if let Err(error) = spawned {
            log::warn!(
                "Cannot start the resolver thread for {}: {}",
                names.join(", "),
                cause(&error)
            );
            for name in names {
                let answer = None;
                let _ = self.sender.send(ResolvedName { name, answer });
            }
        }
    }

    /// The next finished look-up.
    pub(super) fn take(&self) -> Option<ResolvedName> {
        self.finished.try_recv().ok()
    }
}

fn resolve(name: &str) -> io::Result<Ipv4Addr> {
    first_usable((name, 0).to_socket_addrs()?)
}

/// The first address that a client can connect to.
fn first_usable(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<Ipv4Addr> {
    let v4 = addresses.filter_map(|address| match address.ip() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    });
    let mut rejected = None;
    for address in v4 {
        if is_unicast(IpAddr::V4(address)) {
            return Ok(address);
        }
        rejected = Some(address);
    }
    Err(match rejected {
        Some(address) => io::Error::other(format!(
            "it resolves to {address}, to which no client can connect"
        )),
        None => io::Error::other("it has no IPv4 address"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_no_single_host_are_rejected() {
        let first = |texts: &[&str]| {
            let addresses = texts
                .iter()
                .map(|text| (text.parse::<IpAddr>().unwrap(), 0).into());
            first_usable(addresses.collect::<Vec<_>>().into_iter())
        };
        let usable = Ipv4Addr::new(192, 0, 2, 1);
        assert_eq!(first(&["::1", "0.0.0.0", "192.0.2.1"]).unwrap(), usable);
        for text in ["0.0.0.0", "224.0.0.1", "255.255.255.255"] {
            let error = first(&[text, "::1"]).unwrap_err().to_string();
            assert!(
                error.contains(text) && error.contains("no client"),
                "{error}"
            );
        }
        assert!(first(&["::1"]).unwrap_err().to_string().contains("no IPv4"));
    }
}
