//! Host names become addresses, beside the loop.
//!
//! The system's resolver may wait for a server that does not answer, so each round of look-ups has a
//! thread of its own, which ends with it; there is none while nobody uses a name. What is found
//! comes back through a channel, and the loop is woken for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::cause::cause;
use crate::limits::RESOLVER_STACK_BYTES;
use crate::net::Waker;
use crate::protocol::one_host::is_of_one_host;

/// A name, and what came of looking it up.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) answer: Option<Ipv4Addr>,
}

pub(super) struct Resolver {
    waker: Waker,
    sender: Sender<Found>,
    found: Receiver<Found>,
}

impl Resolver {
    pub(super) fn new(waker: Waker) -> Self {
        let (sender, found) = channel();
        Self {
            waker,
            sender,
            found,
        }
    }

    /// Looks up these names; each comes back once.
    pub(super) fn look_up(&self, names: Vec<String>) {
        let (sender, waker) = (Sender::clone(&self.sender), Waker::clone(&self.waker));
        let thread = thread::Builder::new()
            .name("resolver".to_owned())
            .stack_size(RESOLVER_STACK_BYTES);
        let asked = names.clone();
        let spawned = thread.spawn(move || {
            for name in asked {
                let answer = resolve(&name)
                    .inspect_err(|error| log::warn!("Passive address: {name}: {}", cause(error)));
                let answer = answer.ok();
                // Where nobody waits for it any more the server is gone.
                let _ = sender.send(Found { name, answer });
                waker();
            }
        });
        if let Err(error) = spawned {
            log::warn!("Cannot look up {}: {}", names.join(", "), cause(&error));
            for name in names {
                let answer = None;
                let _ = self.sender.send(Found { name, answer });
            }
        }
    }

    /// What has come back.
    pub(super) fn take(&self) -> Option<Found> {
        self.found.try_recv().ok()
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
    let mut refused = None;
    for address in v4 {
        if is_of_one_host(IpAddr::V4(address)) {
            return Ok(address);
        }
        refused = Some(address);
    }
    Err(match refused {
        Some(address) => {
            io::Error::other(format!("it is {address}, which no client can connect to"))
        }
        None => io::Error::other("it has no IPv4 address"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_no_host_is_as_one_that_is_not_known() {
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
