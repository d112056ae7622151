//! The pool by itself, over sockets of the system.

use super::*;
use crate::net::SystemNetwork;

#[test]
fn loop_stays_awake_until_the_owner_of_a_wanted_port_knows() {
    // An address of its own, so that no other test is given the port.
    let here = SocketAddr::from(([127, 0, 0, 79], 0));
    let mut network = SystemNetwork::new().unwrap();
    let mut ports = PassivePorts::new(None);
    let token = crate::event_loop::Token(1);
    let listener = ports.open(here, |_| false, |address| network.listen(address, token));
    let port = listener.unwrap().local_address().port();

    let mut pool = PassivePool::new(PassivePorts::new(Some(port..=port)));
    let [owner, waiting] = [1, 2].map(|index| Borrower {
        key: Key::new(0, index),
        claimant: Claimant::only([10, 0, 0, 1].into()),
        held: None,
        has_waited: false,
    });
    let now = Instant::now();
    let lent = pool.lend(here, owner, &mut network).unwrap();
    assert!(matches!(lent, Lending::Port(..)));
    assert_eq!(pool.wakes_at(now), None);
    let queued = pool.lend(here, waiting, &mut network).unwrap();
    assert!(matches!(queued, Lending::Queued));
    assert_eq!(pool.wakes_at(now), Some(now));
    assert_eq!(pool.queue.next_wanted(), Some(owner.key));
    assert_eq!(pool.wakes_at(now), None);
}

#[test]
fn only_listeners_without_claims_are_closed_for_their_descriptors() {
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut network = SystemNetwork::new().unwrap();
    let mut pool = PassivePool::new(PassivePorts::new(None));
    let now = Instant::now();
    let leases = [1, 2].map(|index| {
        let borrower = Borrower {
            key: Key::new(0, index),
            claimant: Claimant::only([10, 0, 0, 1].into()),
            held: None,
            has_waited: false,
        };
        match pool.lend(here, borrower, &mut network).unwrap() {
            Lending::Port(lease, _) => (lease, borrower.key),
            Lending::Queued => panic!("no port was lent"),
        }
    });
    let (lease, owner) = leases[0];
    pool.give_back(lease, owner, now);
    pool.close_idle(now);
    assert_eq!(pool.index.at(here).len(), 2, "a connection may be late");
    pool.expire(now);
    pool.close_idle(now);
    assert_eq!(pool.index.at(here).len(), 1);
}
