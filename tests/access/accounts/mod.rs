//! Accounts, over real sockets, with the server embedded in the test.
//!
//! - `login`: conditions of login, and the greeting, directory, umask, rate limits and quota of an account.
//! - `hashed`: password hashes, which delay no other client.
//! - `rights`: each permission allows its commands and no others, and the perm fact agrees.

#[cfg(feature = "hashed-passwords")]
mod hashed;
mod login;
mod rights;

use std::net::SocketAddr;
use std::path::Path;
use std::thread::JoinHandle;

use crate::support::Control;
use mioftpd::{Accounts, Config, Handle, Server, Timings};
use tempfile::TempDir;

/// A server in a thread, stopped on drop.
struct TestServer {
    address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
    root: TempDir,
}

impl TestServer {
    /// Serves an empty directory.
    fn with_accounts(accounts: Accounts) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut server = Server::bind(Config {
            listen: vec!["127.0.0.1:0".parse().unwrap()],
            root: Some(root.path().into()),
            accounts,
            allow_combine: true,
            timings: Timings {
                // The delay of failed logins is tested in `session`.
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

impl Drop for TestServer {
    fn drop(&mut self) {
        // The second call does not wait for clients.
        self.handle.stop();
        self.handle.stop();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}
