//! A lane of logins that is full.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use mioftpd::limits::LOGINS_WAITING;
use mioftpd::workers::Work;

use crate::support::{Control, abort_connection, connect_from, until};
use crate::{Keeps, Scene, beside};

/// Floods the lane with so many logins from there, which must be all that fit in.
fn flood(scene: &Scene, from: Ipv4Addr, most: usize) -> Vec<Control> {
    let log_in = || {
        let mut control = Control::over(connect_from(from, scene.address).unwrap());
        control.expect(220);
        control.command("USER ann", 331);
        control.send("PASS secret");
        control
    };
    let all = scene.workers.kept() + most;
    let waiting = (0..most).map(|_| log_in()).collect();
    scene.workers.wait_for(all);
    log_in().expect(421);
    waiting
}

#[test]
fn addresses_that_flood_the_lane_of_logins_keep_no_other_out() {
    let is_login: Keeps = |work| matches!(work, Work::Verify(_));
    beside(|scene| {
        scene.workers.keep(is_login);
        let mut others = Vec::new();
        for (last, parts) in [(2, 2), (3, 4), (4, 8), (5, 16), (6, 32)] {
            let from = Ipv4Addr::new(127, 0, 0, last);
            others.extend(flood(scene, from, LOGINS_WAITING / parts));
        }
        let mut control = Control::connect(scene.address);
        control.command("USER ann", 331);
        control.send("PASS secret");
        scene.workers.wait_for(others.len() + 1);
        scene.workers.release();
        control.expect(230);
        for mut other in others {
            other.expect(230);
        }
        // Their places are free again.
        scene.workers.keep(is_login);
        flood(scene, Ipv4Addr::new(127, 0, 0, 2), LOGINS_WAITING / 2);
    });
}

#[test]
fn who_has_left_before_the_answer_keeps_no_place() {
    let is_login: Keeps = |work| matches!(work, Work::Verify(_));
    beside(|scene| {
        let from = Ipv4Addr::new(127, 0, 0, 2);
        scene.workers.keep(is_login);
        for control in flood(scene, from, LOGINS_WAITING / 2) {
            abort_connection(control.socket().try_clone().unwrap());
        }
        until("the end of their sessions", || {
            (scene.connections.load(Ordering::Acquire) == 0).then_some(())
        });
        scene.workers.release();
        scene.workers.keep(is_login);
        flood(scene, from, LOGINS_WAITING / 2);
    });
}
