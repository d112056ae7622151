//! An FTP server that misbehaves in one way: threads, blocking sockets, files in memory.
//!
//! Without a lie it is a server in which the probe finds nothing. [`Session`] answers commands; `transfers`
//! and `data` have the data connections, `store` the files, `wire` the bytes.

mod data;
mod lie;
mod session;
mod store;
mod transfers;
mod wire;

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::ServerConfig;

pub(super) use lie::Lie;
use session::Session;
use store::Store;

use crate::support::certificates::Identity;

/// A server; its threads end with the process.
pub(super) struct Liar {
    address: SocketAddr,
}

/// What all sessions share.
struct Shared {
    lie: Lie,
    store: Mutex<Store>,
    tls: Arc<ServerConfig>,
    connections: AtomicUsize,
    /// EPSV ALL was received: the probe is nearly through.
    is_last: AtomicBool,
    /// No login is accepted any more.
    is_locked: AtomicBool,
    /// The downloads so far.
    downloads: AtomicUsize,
    /// The passive ports so far, for those that are in order, and the first of them.
    ports: (AtomicUsize, u16),
}

impl Liar {
    /// Starts it, with this certificate.
    pub(super) fn start(lie: Lie, identity: &Identity) -> Self {
        let listener = TcpListener::bind((lie.local(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let first = match lie {
            Lie::PortsInOrder => crate::support::free_ports(),
            _ => 0,
        };
        let shared = Arc::new(Shared {
            lie,
            store: Mutex::new(Store::new(lie)),
            tls: wire::server_config(lie, identity),
            connections: AtomicUsize::new(0),
            is_last: AtomicBool::new(false),
            is_locked: AtomicBool::new(false),
            downloads: AtomicUsize::new(0),
            ports: (AtomicUsize::new(0), first),
        });
        thread::spawn(move || {
            for client in listener.incoming() {
                let shared = Arc::clone(&shared);
                let number = shared.connections.fetch_add(1, Ordering::Relaxed);
                // A client that is gone ends the conversation.
                thread::spawn(move || Session::new(client?, shared)?.run(number));
            }
        });
        Self { address }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}
