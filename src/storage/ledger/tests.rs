//! The sums, and what may be done to them.

use super::*;
use crate::storage::Kind;

const QUOTA: Quota = Quota {
    bytes: Some(100),
    files: Some(2),
};
const UNLIMITED: Quota = Quota {
    bytes: None,
    files: None,
};

fn file(inode: u64, size: u64) -> Metadata {
    Metadata {
        kind: Kind::File,
        size,
        modified: 0,
        modified_nanoseconds: 0,
        created: None,
        mode: 0o644,
        links: 1,
        owner: 0,
        group: 0,
        unique: (1, inode),
    }
}

fn charged(ledger: &Ledger) -> (u64, u64) {
    let Amount { bytes, files } = ledger.charged();
    (bytes, files)
}

/// With so much in each of these inodes.
fn with(files: &[(u64, u64)]) -> Ledger {
    let mut walked = Tally::default();
    for &(inode, size) in files {
        walked.add((1, inode), Amount::file(size));
    }
    let mut ledger = Ledger::default();
    ledger.found(&walked, Classes::NONE);
    ledger
}

/// An upload that is to replace this, up to its last byte.
fn upload(ledger: &mut Ledger, instead: u64, size: u64) -> Result<Key> {
    let key = ledger.begin(QUOTA, Some(&file(0, instead)))?;
    ledger.grow(key, QUOTA, size).map(|()| key)
}

#[test]
fn no_more_than_twice_the_quota_is_on_the_disk() {
    let mut ledger = with(&[(1, 100)]);
    for round in 1..4 {
        let (old, new) = (file(round, 100), file(round + 1, 100));
        let Ok(key) = upload(&mut ledger, 100, 100) else {
            assert_eq!(ledger.sums.pending.bytes, 100);
            return;
        };
        // Somebody writes the old one in place, and does so for ever.
        ledger.opened(&old);
        ledger.gone(&old);
        assert_eq!(ledger.sums.pending.bytes + ledger.sums.named.bytes, 200);
        ledger.confirm(key, QUOTA, None).unwrap();
        ledger.placed(key, &new);
        ledger.close(key);
        assert_eq!(ledger.sums.named, Amount::file(100));
    }
    panic!("{ledger:?}");
}

#[test]
fn what_is_replaced_counts_as_long_as_it_is_there() {
    let mut ledger = with(&[(1, 60), (2, 40)]);
    let key = upload(&mut ledger, 60, 60).unwrap();
    assert_eq!(charged(&ledger), (100, 2));
    ledger.gone(&file(1, 60));
    ledger.gone(&file(2, 40));
    assert_eq!(charged(&ledger), (60, 1));
    ledger.close(key);
    assert_eq!(charged(&ledger), (0, 0));
}

#[test]
fn what_makes_it_no_worse_is_not_refused_in_the_end() {
    let mut ledger = with(&[(0, 50)]);
    let key = upload(&mut ledger, 50, 50).unwrap();
    // One without a quota.
    let other = ledger.begin(UNLIMITED, None).unwrap();
    ledger.grow(other, UNLIMITED, 200).unwrap();
    ledger.placed(other, &file(2, 200));
    assert_eq!(ledger.confirm(key, QUOTA, Some(&file(1, 50))), Ok(()));
    let refused = ledger.confirm(key, QUOTA, Some(&file(1, 49)));
    assert_eq!(refused, Err(Error::QuotaExceeded));
    assert_eq!(ledger.grow(key, QUOTA, 51), Err(Error::QuotaExceeded));
}

#[test]
fn a_file_with_two_names_goes_with_the_last() {
    let mut ledger = with(&[(1, 20), (1, 20)]);
    let (first, last) = (
        Metadata {
            links: 2,
            ..file(1, 20)
        },
        file(1, 30),
    );
    let key = ledger.opened(&first);
    ledger.gone(&first);
    assert_eq!(charged(&ledger), (20, 1));
    ledger.grow(key, QUOTA, 30).unwrap();
    ledger.gone(&last);
    assert_eq!(charged(&ledger), (30, 1));
    ledger.close(key);
    assert_eq!(charged(&ledger), (0, 0));
}

#[test]
fn what_others_have_removed_or_cut_is_seen_when_it_is_closed() {
    for (links, left) in [(1, (5, 1)), (0, (0, 0))] {
        let mut ledger = with(&[(1, 20)]);
        let key = ledger.opened(&file(1, 20));
        let other = ledger.opened(&file(1, 20));
        ledger.settle(other, &file(1, 0));
        ledger.close(other);
        assert_eq!(charged(&ledger), (20, 1));
        ledger.settle(
            key,
            &Metadata {
                links,
                ..file(1, 5)
            },
        );
        ledger.close(key);
        assert_eq!(charged(&ledger), left);
        assert!(ledger.open.is_empty());
    }
}

#[test]
fn a_file_may_be_written_as_far_as_the_rest_of_all_goes() {
    let mut ledger = with(&[(1, 20), (2, 30)]);
    let in_place = ledger.opened(&file(1, 20));
    assert_eq!(ledger.end(in_place, 100), 70);
    // What it replaces is room for it.
    let beside = ledger.begin(QUOTA, Some(&file(2, 30))).unwrap();
    assert_eq!(ledger.end(beside, 100), 80);
    ledger.grow(beside, QUOTA, 80).unwrap();
    assert_eq!(charged(&ledger), (100, 2));
    assert_eq!(ledger.end(beside, 100), 80);
    assert_eq!(ledger.end(in_place, 100), 20);
    // What is too much already gives no room, and takes none.
    assert_eq!(ledger.end(in_place, 50), 20);
    ledger.gone(&file(1, 20));
    assert_eq!(ledger.end(in_place, 110), 30);
    ledger.close(in_place);
    assert_eq!(ledger.end(beside, 100), 100);
}
