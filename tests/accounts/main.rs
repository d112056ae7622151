//! Accounts over real sockets, as a program has them that embeds the server: who may come in, to
//! which files, and what each may do there.
//!
//! - `coming_in`: the conditions of an account, its greeting, its directory, its umask.
//! - `hashed`: passwords that are kept as hashes, and that nobody else waits for them.
//! - `rights`: every command is refused without its permission, and the perm fact tells the truth.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod coming_in;
#[cfg(feature = "hashed-passwords")]
mod hashed;
mod rights;

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use mioftpd::auth::Accounts;
use mioftpd::limits::Timings;
use mioftpd::{Config, Handle, Server};
use support::Control;
use tempfile::TempDir;

/// A server in a thread, which ends with this.
struct Serving {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    root: TempDir,
}

impl Serving {
    /// Serves a new directory to these.
    fn to(accounts: Accounts) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut server = Server::bind(Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            root: Some(root.path().into()),
            accounts,
            allow_combine: true,
            timings: Timings {
                // That a refusal is answered late is tested elsewhere.
                penalty: std::time::Duration::ZERO,
                ..Timings::default()
            },
            ..Config::default()
        })
        .unwrap();
        let (address, handle) = (server.addresses()[0], server.handle());
        let thread = std::thread::spawn(move || server.run().unwrap());
        Self {
            address,
            handle,
            thread: Some(thread),
            root,
        }
    }

    fn connect(&self) -> Control {
        Control::connect(self.address)
    }

    fn log_in(&self, name: &str, password: &str) -> Control {
        let mut control = self.connect();
        control.log_in(name, password);
        control.command("TYPE I", 200);
        control
    }

    fn path(&self) -> &Path {
        self.root.path()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The second time, it waits for no client.
        self.handle.stop();
        self.handle.stop();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}
