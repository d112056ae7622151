//! One who comes to passive ports that were meant for others (RFC 2577 §3), and must get nothing.

use std::net::SocketAddr;
use std::time::Duration;

use super::Place;
use super::proxied::Preamble;
use crate::rng::Rng;
use crate::world::{Line, Occurrence, Side, WireId, World};

pub(crate) struct Stranger {
    number: usize,
    rng: Rng,
    place: Place,
    address: SocketAddr,
    wire: Option<WireId>,
    unsent: Vec<u8>,
    visits: usize,
}

impl Stranger {
    pub(crate) fn new(number: usize, mut rng: Rng, place: Place) -> Self {
        let is_v6 = rng.one_in(2);
        let address = if is_v6 {
            "[fd00::bad]:999"
        } else {
            "10.6.6.6:999"
        };
        Self {
            number,
            address: address.parse().expect("an address"),
            visits: rng.within(5, 60),
            rng,
            place,
            wire: None,
            unsent: Vec::new(),
        }
    }

    pub(crate) const fn is_gone(&self) -> bool {
        self.visits == 0
    }

    pub(crate) fn step(&mut self, world: &mut World) {
        if self.visits == 0 {
            return;
        }
        if let Some(wire) = self.wire {
            return self.wait(wire, world);
        }
        self.visits -= 1;
        if let Some(to) = world.some_passive_post(&self.place.doors) {
            let port = 1024 + self.rng.below(60_000) as u16;
            let mut from = SocketAddr::new(self.address.ip(), port);
            self.unsent = b"stolen?".to_vec();
            if self.place.is_proxied && self.rng.one_in(2) {
                let preamble = Preamble::draw(&mut self.rng);
                self.unsent = preamble.bytes(from, to, &mut self.rng);
                from = self.place.seen_from(from);
            }
            self.wire = Some(world.dial_server(self.number, from, to));
        }
        let pause = self.rng.time(Duration::from_secs(1));
        world.plan(pause, Occurrence::Client(self.number));
    }

    /// Sends something, and looks whether anything comes.
    fn wait(&mut self, wire: WireId, world: &mut World) {
        if world
            .wire(wire)
            .is_some_and(|wire| wire.client.line == Line::Dialling)
        {
            return;
        }
        if let Ok(count) = world.write(wire, Side::Client, &self.unsent) {
            self.unsent.drain(..count);
        }
        let mut buffer = [0; 64];
        match world.read(wire, Side::Client, &mut buffer) {
            Ok(count @ 1..) => world.violate(format!("a stranger was sent {count} bytes")),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && self.rng.one_in(2) => {}
            _ => {
                world.close(wire, Side::Client);
                self.wire = None;
            }
        }
        let pause = self.rng.time(Duration::from_secs(3));
        world.plan(pause, Occurrence::Client(self.number));
    }
}
