//! A server in a thread of the test, for configurations that no option of the program has.

use std::net::SocketAddr;
use std::thread;

use mioftpd::{Config, Server};

/// Runs `test` with a running server, which listens at a port of its own unless the configuration says where.
pub fn with_server(mut config: Config, test: impl FnOnce(SocketAddr)) {
    if config.listen.is_empty() {
        config.listen.push("127.0.0.1:0".parse().unwrap());
    }
    let mut server = Server::bind(config).unwrap();
    let (address, handle) = (server.addresses()[0], server.handle());
    let serving = thread::spawn(move || server.run());
    test(address);
    // The second stop closes connections that are still open.
    handle.stop();
    handle.stop();
    serving.join().unwrap().unwrap();
}
