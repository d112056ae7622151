//! The login queue: the share of each network, and logins of disconnected clients.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;

use mioftpd::Throttling;
use mioftpd::internals::limits::LOGINS_QUEUED;
use mioftpd::internals::workers::{Completion, JobResult, Work};

use crate::harness::Filter;
use crate::slow_workers::{Scene, with_server};
use crate::support::{Control, abort_connection, connect_from, until};

/// Sends `most` logins from this address, which must be all that the queue accepts from it.
fn flood(scene: &Scene, from: Ipv4Addr, most: usize) -> Vec<Control> {
    let log_in = || {
        let mut control = Control::over(connect_from(from, scene.address).unwrap());
        control.expect(220);
        control.command("USER ann", 331);
        control.send("PASS secret");
        control
    };
    // Its USER is answered after those before it have been queued.
    let waiting = (0..most).map(|_| log_in()).collect();
    log_in().expect(421);
    waiting
}

#[test]
fn login_flood_does_not_lock_out_other_addresses() {
    let is_login: Filter = |work| matches!(work, Work::Verify(_));
    with_server(|scene| {
        scene.workers.hold(is_login);
        let mut others = Vec::new();
        for (last, parts) in [(2, 2), (3, 4), (4, 8), (5, 16), (6, 32)] {
            let from = Ipv4Addr::new(127, 0, 0, last);
            others.extend(flood(scene, from, LOGINS_QUEUED / parts));
        }
        let mut control = Control::connect(scene.address);
        control.command("USER ann", 331);
        control.send("PASS secret");
        scene.workers.release();
        control.expect(230);
        for mut other in others {
            other.expect(230);
        }
        // The queue is empty again.
        scene.workers.hold(is_login);
        flood(scene, Ipv4Addr::new(127, 0, 0, 2), LOGINS_QUEUED / 2);
    });
}

#[test]
fn disconnected_client_keeps_no_place_in_login_queue() {
    let is_login: Filter = |work| matches!(work, Work::Verify(_));
    with_server(|scene| {
        let from = Ipv4Addr::new(127, 0, 0, 2);
        scene.workers.hold(is_login);
        for control in flood(scene, from, LOGINS_QUEUED / 2) {
            abort_connection(control.socket().try_clone().unwrap());
        }
        until("the end of their sessions", || {
            (scene.connections.load(Ordering::Acquire) == 0).then_some(())
        });
        scene.workers.release();
        scene.workers.hold(is_login);
        flood(scene, from, LOGINS_QUEUED / 2);
    });
}

/// One hash is computed at a time.
#[test]
fn login_waits_for_one_of_another_address() {
    with_server(|scene| {
        scene.workers.hold(|work| matches!(work, Work::Verify(_)));
        let mut others = flood(scene, Ipv4Addr::new(127, 0, 0, 2), LOGINS_QUEUED / 2);
        let mut control = Control::connect(scene.address);
        control.command("USER ann", 331);
        control.send("PASS secret");
        // It is greeted after the login has been queued.
        drop(Control::connect(scene.address));
        scene.workers.release_first();
        others[0].expect(230);
        scene.workers.wait_for(1);
        scene.workers.release_first();
        control.expect(230);
        scene.workers.release();
        for other in &mut others[1..] {
            other.expect(230);
        }
    });
}

#[test]
fn queued_logins_of_a_banned_address_are_refused_without_being_computed() {
    with_server(|scene| {
        let is_login: Filter = |work| matches!(work, Work::Verify(_));
        let from = Ipv4Addr::new(127, 0, 0, 2);
        let claim = || {
            let mut control = Control::over(connect_from(from, scene.address).unwrap());
            control.expect(220);
            control.command("USER ann", 331);
            control
        };
        for _ in 1..Throttling::default().failures {
            claim().command("PASS wrong", 530);
        }
        scene.workers.hold(is_login);
        let mut queued: Vec<_> = (0..9).map(|_| claim()).collect();
        for control in &mut queued {
            control.send("PASS wrong");
        }
        scene.workers.wait_for(1);
        let mut other = Control::connect(scene.address);
        other.command("USER ann", 331);
        other.send("PASS secret");
        drop(Control::connect(scene.address));
        scene.workers.release_first();
        for mut control in queued {
            control.expect(421);
            control.expect_end();
        }
        scene.workers.wait_for(1);
        scene.workers.release();
        other.expect(230);
    });
}

#[test]
fn verification_that_panics_is_a_failed_login() {
    with_server(|scene| {
        scene.workers.hold(|work| matches!(work, Work::Verify(_)));
        let mut control = Control::connect(scene.address);
        control.command("USER ann", 331);
        control.send("PASS secret");
        scene.workers.wait_for(1);
        scene.workers.complete(|job| Completion {
            id: job.id,
            outcome: JobResult::Panicked,
            times: job.times,
        });
        control.expect(530);
        control.command("USER ann", 331);
        control.command("PASS secret", 230);
    });
}
