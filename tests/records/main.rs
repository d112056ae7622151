//! What others hear of transfers that are over: the transfer log, events of uploads. Over real
//! sockets, with the server in a thread of the test, for what it is told has no option yet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod events;
mod transfer_log;

#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;

use mioftpd::auth::{Account, Accounts, Permissions};
use mioftpd::config::Config;
use mioftpd::{Handle, Server};
use support::{Control, DataChannel};
use tempfile::TempDir;

/// A running server; `stop` waits until it is gone, and with it its threads.
struct Place {
    address: SocketAddr,
    handle: Handle,
    serving: JoinHandle<()>,
    /// The served directory is `files` in it.
    directory: TempDir,
}

impl Place {
    /// Serves, as `configure` has it; it is told the directory of all.
    fn start(configure: impl FnOnce(&TempDir, &mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let config = config(&directory, configure);
        let mut server = Server::bind_with_signals(config).unwrap();
        Self {
            address: server.addresses()[0],
            handle: server.handle(),
            serving: std::thread::spawn(move || server.run().unwrap()),
            directory,
        }
    }

    fn login(&self) -> Control {
        Control::login(self.address)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn stop(self) -> TempDir {
        self.handle.stop();
        self.serving.join().unwrap();
        self.directory
    }
}

fn config(directory: &TempDir, configure: impl FnOnce(&TempDir, &mut Config)) -> Config {
    let root = directory.path().join("files");
    std::fs::create_dir(&root).unwrap();
    let mut config = Config {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        root: Some(root),
        accounts: Accounts::new().with(Account::anonymous(Permissions::ALL)),
        ..Config::default()
    };
    configure(directory, &mut config);
    config
}

/// Why a server does not start that is configured so.
fn refusal(configure: impl FnOnce(&TempDir, &mut Config)) -> String {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&directory, configure);
    Server::bind(config).err().unwrap().to_string()
}

fn upload(control: &mut Control, name: &str, content: &[u8]) {
    let data = DataChannel::epsv(control);
    control.command(&format!("STOR {name}"), 150);
    data.send(content);
    control.expect(226);
}
