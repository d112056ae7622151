//! Transfer logs and upload events, over real sockets, with the server in a thread of the test, as the
//! library allows configurations that no command-line option has.

mod events;
mod transfer_log;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;

use crate::support::{Control, DataChannel};
use mioftpd::{Account, Accounts, Config, Handle, Permissions, Server};
use tempfile::TempDir;

/// A running server; `stop` waits until all of its threads have ended.
struct TestServer {
    address: SocketAddr,
    handle: Handle,
    serving: JoinHandle<()>,
    /// Its subdirectory `files` is served.
    directory: TempDir,
}

impl TestServer {
    /// Starts a server; `configure` gets the temporary directory.
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

/// The error of a server that cannot start.
fn bind_error(configure: impl FnOnce(&TempDir, &mut Config)) -> String {
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
