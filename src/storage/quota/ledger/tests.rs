//! The sums of the ledger, and the bounds that hold for them.

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

/// A ledger of these inodes and sizes.
fn with(files: &[(u64, u64)]) -> Ledger {
    let mut walked = Tally::default();
    for &(inode, size) in files {
        walked.add((1, inode), Amount::file(size));
    }
    let mut ledger = Ledger::default();
    ledger.apply_walk(&walked, InodeClasses::NONE);
    ledger
}

/// An upload written up to `size`, replacing a file of size `replaces`.
fn upload(ledger: &mut Ledger, replaces: u64, size: u64) -> Result<LedgerKey> {
    let key = ledger.begin_upload(QUOTA, Some(&file(0, replaces)))?;
    ledger.reserve(key, QUOTA, size).map(|()| key)
}

#[test]
fn disk_usage_is_at_most_twice_the_quota() {
    let mut ledger = with(&[(1, 100)]);
    for round in 1..4 {
        let (old, new) = (file(round, 100), file(round + 1, 100));
        let Ok(key) = upload(&mut ledger, 100, 100) else {
            assert_eq!(ledger.sums.uncommitted.bytes, 100);
            return;
        };
        // The old file stays open for writing in place.
        ledger.open_in_place(&old);
        ledger.unlink(&old);
        assert_eq!(
            ledger.sums.uncommitted.bytes + ledger.sums.visible.bytes,
            200
        );
        ledger.recheck(key, QUOTA, None).unwrap();
        ledger.commit(key, &new);
        ledger.close(key);
        assert_eq!(ledger.sums.visible, Amount::file(100));
    }
    panic!("{ledger:?}");
}

#[test]
fn discount_ends_when_replaced_file_is_removed() {
    let mut ledger = with(&[(1, 60), (2, 40)]);
    let key = upload(&mut ledger, 60, 60).unwrap();
    assert_eq!(charged(&ledger), (100, 2));
    ledger.unlink(&file(1, 60));
    ledger.unlink(&file(2, 40));
    assert_eq!(charged(&ledger), (60, 1));
    ledger.close(key);
    assert_eq!(charged(&ledger), (0, 0));
}

#[test]
fn recheck_allows_charge_that_does_not_grow() {
    let mut ledger = with(&[(0, 50)]);
    let key = upload(&mut ledger, 50, 50).unwrap();
    // An unlimited account exceeds the quota.
    let other = ledger.begin_upload(UNLIMITED, None).unwrap();
    ledger.reserve(other, UNLIMITED, 200).unwrap();
    ledger.commit(other, &file(2, 200));
    assert_eq!(ledger.recheck(key, QUOTA, Some(&file(1, 50))), Ok(()));
    let refused = ledger.recheck(key, QUOTA, Some(&file(1, 49)));
    assert_eq!(refused, Err(Error::QuotaExceeded));
    assert_eq!(ledger.reserve(key, QUOTA, 51), Err(Error::QuotaExceeded));
}

#[test]
fn file_with_two_links_is_unlinked_with_the_last() {
    let mut ledger = with(&[(1, 20), (1, 20)]);
    let (first, last) = (
        Metadata {
            links: 2,
            ..file(1, 20)
        },
        file(1, 30),
    );
    let key = ledger.open_in_place(&first);
    ledger.unlink(&first);
    assert_eq!(charged(&ledger), (20, 1));
    ledger.reserve(key, QUOTA, 30).unwrap();
    ledger.unlink(&last);
    assert_eq!(charged(&ledger), (30, 1));
    ledger.close(key);
    assert_eq!(charged(&ledger), (0, 0));
}

#[test]
fn external_truncate_or_remove_is_settled_at_close() {
    for (links, left) in [(1, (5, 1)), (0, (0, 0))] {
        let mut ledger = with(&[(1, 20)]);
        let key = ledger.open_in_place(&file(1, 20));
        let other = ledger.open_in_place(&file(1, 20));
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
fn writers_that_end_together_leave_the_real_size() {
    for (links, left) in [(1, (5, 1)), (0, (0, 0))] {
        let mut ledger = with(&[(1, 5)]);
        let writers = [(); 2].map(|()| ledger.open_in_place(&file(1, 5)));
        // Reserved, and not written.
        ledger.reserve(writers[0], QUOTA, 20).unwrap();
        for key in writers {
            ledger.settle(
                key,
                &Metadata {
                    links,
                    ..file(1, 5)
                },
            );
        }
        for key in writers {
            ledger.close(key);
        }
        assert_eq!(charged(&ledger), left);
        assert!(ledger.open.is_empty());
    }
}

#[test]
fn max_size_is_bounded_by_remaining_quota() {
    let mut ledger = with(&[(1, 20), (2, 30)]);
    let in_place = ledger.open_in_place(&file(1, 20));
    assert_eq!(ledger.max_size(in_place, 100), 70);
    // The size of the replaced file is available too.
    let upload = ledger.begin_upload(QUOTA, Some(&file(2, 30))).unwrap();
    assert_eq!(ledger.max_size(upload, 100), 80);
    ledger.reserve(upload, QUOTA, 80).unwrap();
    assert_eq!(charged(&ledger), (100, 2));
    assert_eq!(ledger.max_size(upload, 100), 80);
    assert_eq!(ledger.max_size(in_place, 100), 20);
    // With the quota exceeded, the file may keep its size.
    assert_eq!(ledger.max_size(in_place, 50), 20);
    ledger.unlink(&file(1, 20));
    assert_eq!(ledger.max_size(in_place, 110), 30);
    ledger.close(in_place);
    assert_eq!(ledger.max_size(upload, 100), 100);
}
