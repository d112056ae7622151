//! Counting the files under a quota: uploads wait for the first count, and for a recount before they
//! are refused. Neither workers nor other clients wait.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mioftpd::internals::limits::CHUNK_BYTES;
use mioftpd::internals::session::Settings;
use mioftpd::internals::storage::{Disk, Quota, QuotaStorage, TreeUsage, UsageCounter};
use mioftpd::{CutUploads, Timings};

use crate::slow_workers::{Scene, with_storage};
use crate::support::{Control, until};

/// The quota in bytes.
const QUOTA: usize = 4 * CHUNK_BYTES;

/// Runs a test with a server whose files are not counted until the test calls its second argument.
/// Uploads wait at most `most`.
fn uncounted(most: Duration, test: impl FnOnce(&Scene, &dyn Fn())) {
    let usage = Arc::new(TreeUsage::default());
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
    with_storage(
        settings,
        |disk| Arc::new(QuotaStorage::new(disk, metered, quota)),
        |scene, path| {
            test(scene, &|| {
                usage.count(&Disk::open_root(path).unwrap()).unwrap();
            });
        },
    );
}

const LONG: Duration = Duration::from_secs(60);

/// Longer than any reply takes that is not delayed, and short as a time-out.
const MOMENT: Duration = Duration::from_millis(200);

#[test]
fn uploads_wait_for_first_count_without_delaying_others() {
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
        assert_eq!(scene.workers.held(), 0);
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
fn every_upload_command_waits_for_count() {
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
fn upload_is_450_if_count_times_out() {
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
fn waiting_upload_can_be_aborted() {
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
fn client_can_disconnect_while_waiting_for_count() {
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
fn idle_time_out_is_paused_while_waiting_for_count() {
    let usage = Arc::new(TreeUsage::default());
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
    with_storage(
        settings,
        |disk| Arc::new(QuotaStorage::new(disk, usage, quota)),
        |scene, _| {
            // All commands are sent at once. On a busy machine the loop or a worker may take longer than
            // the idle time-out: retry.
            until("a client that is fast enough", || {
                let mut control = Control::silent(scene.address);
                control.send_raw(b"USER anonymous\r\nPASS me@\r\nEPSV\r\nSTOR new\r\n");
                let codes = [220, 331, 230, 229, 450];
                let is_quick = |code: &u16| control.expect_one_of(&[*code, 421]).code != 421;
                codes.iter().all(is_quick).then_some(())
            });
        },
    );
}

/// Runs a test with a server whose quota is used up by a file, which the test may remove.
fn full(test: impl FnOnce(&Scene, &Path)) {
    let quota = Quota {
        bytes: Some(QUOTA as u64),
        files: None,
    };
    let settings = Settings {
        cut_uploads: CutUploads::Discard,
        ..Settings::default()
    };
    with_storage(
        settings,
        |disk| {
            let mut upload = disk
                .create(
                    &mioftpd::VirtualPath::root().join(b"full").unwrap(),
                    mioftpd::internals::storage::Placement::Replace,
                    None,
                )
                .unwrap();
            let room = QUOTA - CHUNK_BYTES - 100;
            upload.file.write_at(&vec![b'f'; room], 0).unwrap();
            upload.file.commit().unwrap();
            let usage = Arc::new(TreeUsage::default());
            usage.count(disk.as_ref()).unwrap();
            let counter = Arc::new(UsageCounter::new(usage, Arc::clone(&disk)).with_cooldown(LONG));
            Arc::new(QuotaStorage::with_recounts(disk, counter, quota))
        },
        test,
    );
}

#[test]
fn upload_continues_after_recount_finds_room() {
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
fn upload_over_quota_is_refused_and_leaves_nothing() {
    for data_type in ["TYPE I", "TYPE A"] {
        full(|scene, path| {
            let mut control = Control::login(scene.address);
            control.command(data_type, 200);
            control.command("ALLO 200000", 552);
            let data = control.passive();
            control.command("STOR new", 150);
            let sent = std::thread::spawn(move || {
                use std::io::Write as _;
                // The server resets the connection.
                let _ = data.stream().write_all(&vec![b'n'; QUOTA]);
            });
            control.expect(552);
            sent.join().unwrap();
            assert!(!path.join("new").exists());
        });
    }
}
