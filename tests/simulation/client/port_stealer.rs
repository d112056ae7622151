//! A client that connects to the passive ports of others (port stealing, RFC 2577 §8), and must receive
//! nothing.

use std::net::SocketAddr;
use std::time::Duration;

use super::RunConfig;
use super::proxy_header::ProxyHeader;
use crate::rng::Rng;
use crate::world::{ConnectionId, Side, SimEvent, World};

pub(crate) struct PortStealer {
    number: usize,
    rng: Rng,
    config: RunConfig,
    address: SocketAddr,
    connection: Option<ConnectionId>,
    unsent: Vec<u8>,
    attempts_left: usize,
}

impl PortStealer {
    pub(crate) fn new(number: usize, mut rng: Rng, config: RunConfig) -> Self {
        let is_v6 = rng.one_in(2);
        let address = if is_v6 {
            "[fd00::bad]:999"
        } else {
            "10.6.6.6:999"
        };
        Self {
            number,
            address: address.parse().expect("an address"),
            attempts_left: rng.within(5, 60),
            rng,
            config,
            connection: None,
            unsent: Vec::new(),
        }
    }

    pub(crate) const fn is_gone(&self) -> bool {
        self.attempts_left == 0
    }

    pub(crate) fn step(&mut self, world: &mut World) {
        if self.attempts_left == 0 {
            return;
        }
        if let Some(connection) = self.connection {
            return self.wait(connection, world);
        }
        self.attempts_left -= 1;
        if let Some(to) = world.some_passive_listener(&self.config.listen_addresses) {
            let port = 1024 + self.rng.below(60_000) as u16;
            let mut from = SocketAddr::new(self.address.ip(), port);
            self.unsent = b"stolen?".to_vec();
            if self.config.is_proxied && self.rng.one_in(2) {
                let proxy_header = ProxyHeader::draw(&mut self.rng);
                self.unsent = proxy_header.bytes(from, to, &mut self.rng);
                from = self.config.seen_from(from);
            }
            self.connection = Some(world.dial_server(self.number, from, to));
        }
        let pause = self.rng.time(Duration::from_secs(1));
        world.schedule(pause, SimEvent::ClientTurn(self.number));
    }

    /// Sends some bytes; receiving any is a violation.
    fn wait(&mut self, connection: ConnectionId, world: &mut World) {
        if world.is_connecting(connection) {
            return;
        }
        if let Ok(count) = world.write(connection, Side::Client, &self.unsent) {
            self.unsent.drain(..count);
        }
        let mut buffer = [0; 64];
        match world.read(connection, Side::Client, &mut buffer) {
            Ok(count @ 1..) => world.violate(format!("a port stealer was sent {count} bytes")),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && self.rng.one_in(2) => {}
            _ => {
                world.close(connection, Side::Client);
                self.connection = None;
            }
        }
        let pause = self.rng.time(Duration::from_secs(3));
        world.schedule(pause, SimEvent::ClientTurn(self.number));
    }
}
