//! Files that a quota is for: who would write waits until they have been counted, at the start and before
//! something is refused; no worker does, nor anybody else.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mioftpd::limits::{CHUNK_BYTES, Timings};
use mioftpd::session::Settings;
use mioftpd::storage::{Counter, CutUploads, Disk, Metered, Quota, Usage};

use crate::support::{Control, until};
use crate::{Scene, beside_files};

/// Bytes of the quota.
const QUOTA: usize = 4 * CHUNK_BYTES;

/// Beside a server whose files nobody has counted, until the test does; uploads wait that long.
fn uncounted(most: Duration, test: impl FnOnce(&Scene, &dyn Fn())) {
    let usage = Arc::new(Usage::default());
    let metered = Arc::clone(&usage);
    let settings = Settings {
        timings: Timings {
            count: most,
            ..Timings::default()
        },
        ..Settings::default()
    };
    let quota = Quota {
        bytes: Some(QUOTA as u64),
        files: None,
    };
    beside_files(
        settings,
        |disk| Arc::new(Metered::new(disk, metered, quota)),
        |scene, path| {
            test(scene, &|| {
                usage.count(&Disk::open_root(path).unwrap()).unwrap();
            });
        },
    );
}

const LONG: Duration = Duration::from_secs(60);

/// Longer than any answer takes that is not waited for, and short where it is.
const MOMENT: Duration = Duration::from_millis(200);

#[test]
fn uploads_wait_for_the_first_count_and_nobody_waits_for_them() {
    uncounted(LONG, |scene, count| {
        let mut waiting: Vec<_> = (0..100)
            .map(|number| {
                let mut control = Control::login(scene.address);
                let data = control.passive();
                control.send(&format!("STOR new-{number}"));
                (control, data)
            })
            .collect();
        let mut other = Control::login(scene.address);
        other.command("TYPE I", 200);
        assert_eq!(other.retrieve("two"), b"22");
        other.command("DELE two", 250);
        other.send("ALLO 1");
        assert!(!other.has_reply(MOMENT));
        assert!(!waiting[0].0.has_reply(Duration::from_millis(1)));
        assert_eq!(scene.workers.kept(), 0);
        count();
        other.expect(200);
        for (mut control, data) in waiting.drain(..) {
            control.expect(150);
            data.send(b"content");
            control.expect(226);
        }
    });
}

#[test]
fn every_way_to_write_waits() {
    for command in ["STOR new", "STOU", "APPE new", "APPE two"] {
        uncounted(LONG, |scene, count| {
            let mut control = Control::login(scene.address);
            let data = control.passive();
            control.send(command);
            assert!(!control.has_reply(MOMENT), "{command}");
            count();
            control.expect(150);
            data.send(b"content");
            control.expect(226);
        });
    }
}

#[test]
fn who_waits_too_long_hears_so_and_may_go_on() {
    uncounted(MOMENT, |scene, count| {
        let mut control = Control::login(scene.address);
        drop(control.passive());
        control.command("STOR new", 450);
        control.command("ALLO 1", 450);
        count();
        control.command("ALLO 1", 200);
        control.store("new", b"content");
    });
}

#[test]
fn who_waits_may_abort_and_go_on() {
    uncounted(LONG, |scene, count| {
        let mut control = Control::login(scene.address);
        drop(control.passive());
        control.send("STOR new");
        assert!(!control.has_reply(MOMENT));
        control.command("ABOR", 426);
        control.expect(226);
        assert_eq!(control.retrieve("two"), b"22");
        count();
        control.store("new", b"content");
    });
}

#[test]
fn who_waits_may_leave() {
    uncounted(LONG, |scene, _| {
        for _ in 0..3 {
            let mut control = Control::login(scene.address);
            drop(control.passive());
            control.send("STOR new");
            assert!(!control.has_reply(MOMENT));
        }
        until("the end of their sessions", || {
            (scene.connections.load(Ordering::Acquire) == 0).then_some(())
        });
    });
}

#[test]
fn who_waits_is_not_idle() {
    let usage = Arc::new(Usage::default());
    let settings = Settings {
        timings: Timings {
            idle: MOMENT,
            count: MOMENT * 5,
            ..Timings::default()
        },
        ..Settings::default()
    };
    let quota = Quota {
        bytes: Some(1),
        files: None,
    };
    beside_files(
        settings,
        |disk| Arc::new(Metered::new(disk, usage, quota)),
        |scene, _| {
            // All is said at once. Who comes to that too late, on a busy machine, tries again.
            until("a client that is quick", || {
                let mut control = Control::silent(scene.address);
                control.send_raw(b"USER anonymous\r\nPASS me@\r\nEPSV\r\nSTOR new\r\n");
                for code in [220, 331, 230, 229] {
                    if control.expect_one_of(&[code, 421]).code == 421 {
                        return None;
                    }
                }
                control.expect(450);
                Some(())
            });
        },
    );
}

/// Beside a server whose quota is used up by a file, which the test may remove by hand.
fn full(test: impl FnOnce(&Scene, &Path)) {
    let quota = Quota {
        bytes: Some(QUOTA as u64),
        files: None,
    };
    let settings = Settings {
        cut_uploads: CutUploads::Discard,
        ..Settings::default()
    };
    beside_files(
        settings,
        |disk| {
            let mut upload = disk
                .create(
                    &mioftpd::storage::VirtualPath::root().join(b"full").unwrap(),
                    mioftpd::storage::Placement::Replace,
                    None,
                )
                .unwrap();
            let room = QUOTA - CHUNK_BYTES - 100;
            upload.file.write_at(&vec![b'f'; room], 0).unwrap();
            upload.file.commit().unwrap();
            let usage = Arc::new(Usage::default());
            usage.count(disk.as_ref()).unwrap();
            let counter = Arc::new(Counter::new(usage, Arc::clone(&disk)).with_rest(LONG));
            Arc::new(Metered::recounting(disk, counter, quota))
        },
        test,
    );
}

#[test]
fn an_upload_that_comes_to_the_quota_goes_on_where_others_have_made_room() {
    let size = QUOTA - 100;
    let content: Vec<u8> = (b'a'..=b'w').cycle().take(size).collect();
    let ways: &[(&[&str], &str)] = &[
        (&["TYPE I"], "STOR new"),
        (&["TYPE A"], "STOR new"),
        (&["TYPE I"], "APPE new"),
        (&["TYPE I", "ALLO 200000"], "STOU"),
    ];
    for (before, command) in ways {
        full(|scene, path| {
            fs::remove_file(path.join("full")).unwrap();
            fs::remove_file(path.join("large")).unwrap();
            let mut control = Control::login(scene.address);
            for line in *before {
                control.command(line, 200);
            }
            let data = control.passive();
            control.command(command, 150);
            data.send(&content);
            control.expect(226);
            let stored = fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().path());
            let sizes: Vec<_> = stored.map(|path| fs::read(path).unwrap()).collect();
            assert!(sizes.contains(&content), "{command}");
        });
    }
}

#[test]
fn an_upload_for_which_nobody_makes_room_is_refused_and_leaves_nothing() {
    for data_type in ["TYPE I", "TYPE A"] {
        full(|scene, path| {
            let mut control = Control::login(scene.address);
            control.command(data_type, 200);
            control.command("ALLO 200000", 552);
            let data = control.passive();
            control.command("STOR new", 150);
            let sent = std::thread::spawn(move || {
                use std::io::Write as _;
                // It is cut while it goes on.
                let _ = data.stream().write_all(&vec![b'n'; QUOTA]);
            });
            control.expect(552);
            sent.join().unwrap();
            assert!(!path.join("new").exists());
        });
    }
}
