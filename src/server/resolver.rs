//! Host names become addresses, beside the loop.
//!
//! The system's resolver may wait for a server that does not answer, so each round of look-ups has a
//! thread of its own, which ends with it; there is none while nobody uses a name. What is found
//! comes back through a channel, and the loop is woken for it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::limits::RESOLVER_STACK_BYTES;
use crate::net::Waker;

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
                    .inspect_err(|error| log::warn!("Passive address: {name}: {error}"));
                let answer = answer.ok();
                // Where nobody waits for it any more the server is gone.
                let _ = sender.send(Found { name, answer });
                waker();
            }
        });
        if let Err(error) = spawned {
            log::warn!("Cannot look up {}: {error}", names.join(", "));
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
    let addresses = (name, 0).to_socket_addrs()?;
    let mut v4 = addresses.filter_map(|address| match address.ip() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    });
    v4.next()
        .ok_or_else(|| io::Error::other("it has no IPv4 address"))
}
