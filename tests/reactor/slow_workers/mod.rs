//! Slow workers: the effect on the clients that wait for them, and on others.
//!
//! The server's event loop with real sockets, and [`Workers`] that hold selected jobs back in place of the
//! thread pools.
//!
//! - `refusals`: opening a file takes longer than the client may take to connect.
//! - `transfers`: a disk hangs.
//! - `logins`: the login queue is full.
//! - `counts`: the files under a quota are being counted.
//! - `handshakes`: a TLS handshake takes long, or an address begins many.

#[cfg(feature = "quotas")]
mod counts;
#[cfg(feature = "tls")]
mod handshakes;
#[cfg(feature = "hashed-passwords")]
mod logins;
mod refusals;
mod transfers;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mioftpd::internals::limits::INLINE_BYTES;
use mioftpd::internals::net::SystemNetwork;
use mioftpd::internals::reactor::{Protocol, Reactor};
use mioftpd::internals::session::Settings;
use mioftpd::internals::storage::{Disk, Storage};
use mioftpd::{Account, Accounts, Permissions, Secret, Timings};

use crate::harness::{Workers, parts};

/// The hash of "secret", the password of `ann`, with the lowest cost.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

const STALL: Duration = Duration::from_millis(100);

/// A running server, as a test sees it.
struct Scene {
    address: SocketAddr,
    workers: Workers,
    connections: Arc<AtomicUsize>,
}

fn accounts() -> Accounts {
    let slow = Account {
        rate_down: Some(5),
        ..Account::with_password("slow", "secret")
    };
    let mut ann = Account::with_password("ann", "secret");
    if let Ok(secret) = Secret::hashed(HASH) {
        ann.secret = secret;
    }
    let anonymous = Account::anonymous(Permissions::ALL);
    Accounts::new().with(anonymous).with(slow).with(ann)
}

fn with_server(test: impl FnOnce(&Scene)) {
    with_connect_timeout(Timings::default().data_connect, test);
}

/// As [`with_server`], with this time-out for connections to a passive port.
fn with_connect_timeout(data_connect: Duration, test: impl FnOnce(&Scene)) {
    let settings = Settings {
        timings: Timings {
            data_stall: STALL,
            data_connect,
            penalty: Duration::from_millis(1),
            ..Timings::default()
        },
        ..Settings::default()
    };
    with_storage(settings, |disk| disk, |scene, _| test(scene));
}

/// Runs a test with a server, which is stopped even if the test fails. `wrap` wraps its storage.
fn with_storage(
    settings: Settings,
    wrap: impl FnOnce(Arc<dyn Storage>) -> Arc<dyn Storage>,
    test: impl FnOnce(&Scene, &Path),
) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("large"), vec![b'x'; INLINE_BYTES + 1]).unwrap();
    fs::write(directory.path().join("two"), "22").unwrap();
    let workers = Workers::default();
    let settings = Settings {
        accounts: Arc::new(accounts()),
        ..settings
    };
    let storage = wrap(Arc::new(Disk::open_root(directory.path()).unwrap()));
    let network = SystemNetwork::new().unwrap();
    let mut reactor = Reactor::new(parts(network, storage, &workers, settings));
    #[cfg(feature = "tls")]
    reactor.renew(handshakes::acceptor());
    let here = "127.0.0.1:0".parse().unwrap();
    let scene = Scene {
        address: reactor.listen(here, Protocol::Ftp).unwrap(),
        workers,
        connections: Arc::default(),
    };
    let (stop, connections) = (AtomicBool::new(false), Arc::clone(&scene.connections));
    thread::scope(|scope| {
        scope.spawn(|| {
            // `release` runs jobs in the test's thread and does not wake the loop.
            while reactor.turn(Some(Duration::from_millis(5))).unwrap() {
                connections.store(reactor.connections(), Ordering::Release);
                if stop.swap(false, Ordering::Acquire) {
                    reactor.stop();
                    reactor.stop();
                }
            }
        });
        let _stopping = Stopping(&stop);
        test(&scene, directory.path());
    });
}

/// Stops the server on drop.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
