//! A command that is refused late: its client's time for connecting goes on meanwhile.

use std::net::Ipv4Addr;

use mioftpd::workers::Work;

use crate::support::{Control, connect_from, epsv_port, until};
use crate::{STALL, Scene, beside_in};

/// The address of somebody whom a passive port turns away.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn wait_until_closed(scene: &Scene, port: u16) {
    let mut address = scene.address;
    address.set_port(port);
    until("the passive port to be given up", || {
        connect_from(STRANGER, address).err()
    });
}

#[test]
fn a_passive_port_is_given_up_although_its_time_ended_while_a_file_was_opened() {
    beside_in(STALL, |scene| {
        scene.workers.keep(|work| matches!(work, Work::Open(..)));
        let mut control = Control::login(scene.address);
        let port = epsv_port(&mut control);
        control.send("STOR two/f");
        scene.workers.wait_for(1);
        // One that was told its port later has lost it by now.
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
