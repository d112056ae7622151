//! The pool by itself, over sockets of the system.

use super::*;
use crate::limits::LATE_CONNECTION;
use crate::net::SystemNetwork;

/// A session of the client with this address.
fn borrower(session: usize, client: u8) -> Borrower {
    Borrower {
        key: Key::new(0, session),
        claimant: Claimant::only([10, 0, 0, client].into()),
        held: None,
        has_waited: false,
    }
}

fn lend(
    pool: &mut PassivePool,
    here: SocketAddr,
    borrower: Borrower,
    network: &mut SystemNetwork,
) -> (PassiveLease, Key) {
    match pool.lend(here, borrower, network).unwrap() {
        Lending::Port(lease, _) => (lease, borrower.key),
        Lending::Queued => panic!("no port was lent"),
    }
}

#[test]
fn loop_stays_awake_until_the_owner_of_a_wanted_port_knows() {
    // An address of its own, so that no other test is given the port.
    let here = SocketAddr::from(([127, 0, 0, 79], 0));
    let mut network = SystemNetwork::new().unwrap();
    let mut ports = PassivePorts::new(None);
    let token = crate::event_loop::Token(1);
    let listener = ports.open(here, |_| false, |address| network.listen(address, token));
    let port = listener.unwrap().local_address().port();

    let mut pool = PassivePool::new(PassivePorts::new(Some(port..=port)), 9);
    let [owner, waiting] = [1, 2].map(|index| borrower(index, 1));
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
    let mut pool = PassivePool::new(PassivePorts::new(None), 9);
    let now = Instant::now();
    let leases = [1, 2].map(|index| lend(&mut pool, here, borrower(index, 1), &mut network));
    let (lease, owner) = leases[0];
    pool.give_back(lease, owner, now);
    pool.close_idle(now);
    assert_eq!(pool.index.at(here).len(), 2, "a connection may be late");
    pool.expire(now);
    pool.close_idle(now);
    assert_eq!(pool.index.at(here).len(), 1);
}

#[test]
fn listeners_at_which_no_session_waits_make_room_for_others() {
    let [here, there] = [[127, 0, 0, 1], [127, 0, 0, 80]].map(|ip| SocketAddr::from((ip, 0)));
    let mut network = SystemNetwork::new().unwrap();
    let mut pool = PassivePool::new(PassivePorts::new(None), 3);
    let now = Instant::now();
    let leases = [1, 2, 3].map(|index| lend(&mut pool, here, borrower(index, 1), &mut network));
    for (lease, owner) in &leases[1..] {
        pool.give_back(*lease, *owner, now + LATE_CONNECTION);
    }
    // Another client shares them.
    let (shared, owner) = lend(&mut pool, here, borrower(4, 2), &mut network);
    assert!(
        leases
            .iter()
            .any(|(lease, _)| lease.listener == shared.listener)
    );
    pool.give_back(shared, owner, now + LATE_CONNECTION);
    // The oldest goes, then the next.
    for (index, (gone, _)) in leases[1..].iter().enumerate() {
        lend(&mut pool, there, borrower(5 + index, 1), &mut network);
        assert!(pool.listeners.get(gone.listener).is_none());
        assert_eq!(pool.listeners.len(), 3);
    }
    let none = pool.lend(there, borrower(7, 1), &mut network).unwrap();
    assert!(matches!(none, Lending::Queued));
    assert!(pool.listeners.get(leases[0].0.listener).is_some());
}
