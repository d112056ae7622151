//! A hanging disk: clients that wait for it get a reply in the end, and do not time out.
//!
//! The tests measure time by other clients, which stall until they time out.

use std::io::Write as _;
use std::net::Shutdown;
use std::sync::atomic::Ordering;

use mioftpd::CutUploads;
use mioftpd::internals::limits::INLINE_BYTES;
use mioftpd::internals::session::Settings;
use mioftpd::internals::workers::Work;

use crate::slow_workers::{STALL, Scene, with_server, with_storage};
use crate::support::{Control, read_all, until};

impl Scene {
    /// Waits until a stalled client has timed out.
    fn let_time_pass(&self) {
        let mut control = Control::login(self.address);
        let data = control.passive();
        control.command("STOR never", 150);
        control.expect(426);
        drop(data);
    }

    /// Waits until a job is held back, and then for several time-outs.
    fn let_it_hang(&self) {
        self.workers.wait_for(1);
        for _ in 0..4 {
            self.let_time_pass();
        }
    }
}

fn is_slice(work: &Work) -> bool {
    matches!(work, Work::Slice(_))
}

fn is_commit(work: &Work) -> bool {
    matches!(work, Work::Commit(_))
}

#[test]
fn upload_is_confirmed_after_slow_write_or_commit() {
    for filter in [is_slice, is_commit] {
        with_server(|scene| {
            scene.workers.hold(filter);
            let mut control = Control::login(scene.address);
            let data = control.passive();
            data.send(b"content");
            control.command("STOR new", 150);
            scene.let_it_hang();
            scene.workers.release();
            control.expect(226);
            assert_eq!(control.retrieve("new"), b"content");
        });
    }
}

/// PHP waits one second for the end of the data connection, and warns.
#[test]
fn data_connection_of_an_upload_ends_before_a_slow_commit() {
    with_server(|scene| {
        scene.workers.hold(is_commit);
        let mut control = Control::login(scene.address);
        let mut data = control.passive().stream();
        control.command("STOR new", 150);
        data.write_all(b"content").unwrap();
        data.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut data), b"");
        scene.workers.wait_for(1);
        scene.workers.release();
        control.expect(226);
        assert_eq!(control.retrieve("new"), b"content");
    });
}

#[test]
fn slowly_read_files_and_listings_are_complete() {
    for command in ["RETR large", "LIST", "NLST nothing-*"] {
        with_server(|scene| {
            scene.workers.hold(is_slice);
            let mut control = Control::login(scene.address);
            let data = control.passive();
            control.command(command, 150);
            scene.let_it_hang();
            scene.workers.release();
            let bytes = data.receive();
            control.expect(226);
            assert_eq!(bytes.len() > INLINE_BYTES, command == "RETR large");
        });
    }
}

/// Without worker threads, every job blocks the event loop.
#[test]
fn data_that_arrived_while_a_job_blocked_the_loop_counts() {
    let attempt = |scene: &Scene| {
        let mut control = Control::login(scene.address);
        let data = control.passive();
        control.command("STOR new", 150);
        let lock = scene.workers.block();
        let mut is_early = control.has_reply(STALL / 5);
        data.send(b"content");
        is_early |= control.has_reply(STALL * 3);
        drop(lock);
        // On a slow machine the time-out may have passed before.
        control.expect_one_of(&[226, 426]).code == 226 && !is_early
    };
    with_server(|scene| until("an upload", || attempt(scene).then_some(())));
}

#[test]
fn rate_limited_transfer_does_not_time_out() {
    with_server(|scene| {
        let mut control = Control::connect(scene.address);
        control.log_in("slow", "secret");
        control.command("TYPE I", 200);
        assert_eq!(control.retrieve("two"), b"22");
    });
}

#[test]
fn session_ends_at_disconnect_although_the_disk_hangs() {
    for command in ["RETR large", "STOR new"] {
        with_server(|scene| {
            scene.workers.hold(is_slice);
            let mut control = Control::login(scene.address);
            let data = control.passive();
            if command.starts_with("STOR") {
                data.send(b"content");
            }
            control.command(command, 150);
            scene.workers.wait_for(1);
            drop(control);
            until("the end of its session", || {
                (scene.connections.load(Ordering::Acquire) == 0).then_some(())
            });
            assert_eq!(scene.workers.held(), 1);
        });
    }
}

#[test]
fn abor_does_not_wait_for_a_hanging_disk() {
    with_server(|scene| {
        scene.workers.hold(is_commit);
        let mut control = Control::login(scene.address);
        let data = control.passive();
        data.send(b"content");
        control.command("STOR new", 150);
        scene.let_it_hang();
        control.command("ABOR", 421);
        control.expect_end();
    });
}

/// The worker reaches the end of the file after the client has aborted.
#[test]
fn upload_cut_on_a_worker_is_not_committed() {
    let settings = Settings {
        cut_uploads: CutUploads::Discard,
        ..Settings::default()
    };
    with_storage(
        settings,
        |disk| disk,
        |scene, directory| {
            scene.workers.hold(is_slice);
            let mut control = Control::login(scene.address);
            let data = control.passive();
            data.send(b"content");
            control.command("STOR new", 150);
            scene.workers.wait_for(1);
            control.send("ABOR");
            // The reply to a later client shows that ABOR was processed.
            Control::login(scene.address);
            scene.workers.release();
            control.expect(426);
            control.expect(226);
            assert!(!directory.join("new").exists());
        },
    );
}
