//! A session that is interrupted by another between the check of a file and the change (TOCTOU).
//!
//! If a lock makes the second session wait for the first, the first goes on after a short time-out: there
//! is no race then.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mioftpd::internals::storage::{Memory, Placement, QuotaStorage, Storage, TreeUsage, Upload};

use crate::hooked::{Hooked, Step};
use crate::quota::{counted, quota};
use crate::shared_quota::same;
use crate::{create, put, remove_file, rename};

/// The time-out for the second session, long enough if no lock blocks it.
const INTERRUPTION: Duration = Duration::from_millis(50);

type Second = fn(&dyn Storage);

/// Runs a second session at the next step of a kind.
#[derive(Clone, Default)]
struct Interruption {
    next: Arc<Mutex<Option<(Step, Second)>>>,
    running: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Interruption {
    fn at(&self, step: Step, second: Second) {
        *self.next.lock().unwrap() = Some((step, second));
    }

    fn run(&self, done: Step, storage: &QuotaStorage) {
        let Some((_, second)) = self.next.lock().unwrap().take_if(|(step, _)| *step == done) else {
            return;
        };
        let (ended, end) = channel();
        let storage = storage.clone();
        let run = move |ended: Sender<()>| {
            second(&storage);
            let _ = ended.send(());
        };
        *self.running.lock().unwrap() = Some(thread::spawn(move || run(ended)));
        let _ = end.recv_timeout(INTERRUPTION);
    }
}

/// `/x` has 20 bytes and `/y` has 10; `first` sets the step at which it is interrupted.
fn interrupted(first: impl FnOnce(&dyn Storage, &Interruption)) {
    let memory = [("/x", 20), ("/y", 10), ("/stays", 30)]
        .iter()
        .fold(Memory::new(), |memory, &(path, size)| {
            memory.with_file(path, &vec![b'o'; size])
        });
    let usage = Arc::new(TreeUsage::default());
    usage.count(&memory).unwrap();
    let metered = |storage| QuotaStorage::new(storage, Arc::clone(&usage), quota(200, 10));
    let tree: Arc<dyn Storage> = Arc::new(memory.clone());
    let (other, interruption) = (metered(Arc::clone(&tree)), Interruption::default());
    let hook = interruption.clone();
    let storage = metered(Hooked::around(&memory, move |done| {
        hook.run(done, &other);
        None
    }));
    first(&storage, &interruption);
    let running = interruption.running.lock().unwrap().take();
    running.unwrap().join().unwrap();
    same(&storage, &counted(&tree, quota(200, 10)));
}

fn begun(storage: &dyn Storage, path: &str, placement: Placement, size: usize) -> Upload {
    let upload = create(storage, path, placement).unwrap();
    upload
        .file
        .write_at(&vec![b'w'; size], upload.offset)
        .unwrap();
    upload
}

fn remove(storage: &dyn Storage) {
    let _ = remove_file(storage, "/x");
}

fn replace(storage: &dyn Storage) {
    put(storage, "/x", Placement::Replace, &[b'2'; 27]).unwrap();
}

fn append(storage: &dyn Storage) {
    put(storage, "/x", Placement::Append, &[b'2'; 3]).unwrap();
}

fn move_over(storage: &dyn Storage) {
    let _ = rename(storage, "/y", "/x");
}

fn move_away(storage: &dyn Storage) {
    let _ = rename(storage, "/x", "/z");
}

const SECONDS: [Second; 5] = [remove, replace, append, move_over, move_away];

#[test]
fn change_between_check_and_removal_is_counted() {
    for second in SECONDS {
        for first in [remove, replace, move_over] {
            interrupted(|storage, interruption| {
                interruption.at(Step::Checked, second);
                first(storage);
            });
        }
    }
}

#[test]
fn change_between_check_and_commit_is_counted() {
    for second in SECONDS {
        interrupted(|storage, interruption| {
            let mut upload = begun(storage, "/x", Placement::Replace, 5);
            interruption.at(Step::Checked, second);
            upload.file.commit().unwrap();
        });
    }
}

#[test]
fn change_between_check_and_creation_is_counted() {
    for step in [Step::Checked, Step::Created] {
        for second in SECONDS {
            interrupted(|storage, interruption| {
                remove(storage);
                interruption.at(step, second);
                append(storage);
            });
        }
    }
}

#[test]
fn change_between_open_and_reservation_is_counted() {
    for second in SECONDS {
        for placement in [Placement::Append, Placement::At(20)] {
            interrupted(|storage, interruption| {
                interruption.at(Step::Created, second);
                drop(begun(storage, "/x", placement, 4));
            });
        }
    }
}

#[test]
fn change_between_settle_and_close_is_counted() {
    for second in SECONDS {
        interrupted(|storage, interruption| {
            let upload = begun(storage, "/x", Placement::Append, 1);
            interruption.at(Step::Checked, second);
            drop(upload);
        });
    }
}
