//! A command that is refused late: the time-out of the passive port continues in the meantime.

use std::net::Ipv4Addr;

use mioftpd::internals::workers::Work;

use crate::slow_workers::{STALL, Scene, with_connect_timeout};
use crate::support::{Control, connect_from, epsv_port, until};

/// An address that a passive port refuses.
const OTHER_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn wait_until_closed(scene: &Scene, port: u16) {
    let mut address = scene.address;
    address.set_port(port);
    until("the passive port to be closed", || {
        connect_from(OTHER_ADDRESS, address).err()
    });
}

#[test]
fn passive_port_is_closed_if_it_expired_while_a_worker_ran() {
    with_connect_timeout(STALL, |scene| {
        scene.workers.hold(|work| matches!(work, Work::Open(..)));
        let mut control = Control::login(scene.address);
        let port = epsv_port(&mut control);
        control.send("STOR two/f");
        scene.workers.wait_for(1);
        // When the port of a later EPSV has expired, this one has too.
        let mut other = Control::login(scene.address);
        let later = epsv_port(&mut other);
        wait_until_closed(scene, later);
        scene.workers.release();
        control.expect(550);
        wait_until_closed(scene, port);
        control.command("RETR two", 425);
        assert_eq!(control.retrieve("two"), b"22");
    });
}
