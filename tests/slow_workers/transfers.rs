//! A disk that hangs: whoever waits for it has an answer in the end, and nobody is blamed for it.
//!
//! Time is told by other clients, who are cut when theirs is over.

use std::sync::atomic::Ordering;

use mioftpd::limits::INLINE_BYTES;
use mioftpd::session::Settings;
use mioftpd::storage::CutUploads;
use mioftpd::workers::Work;

use crate::support::{Control, until};
use crate::{STALL, Scene, beside, beside_files};

impl Scene {
    /// A client that stalls, until it is cut: so long it takes at least.
    fn let_time_pass(&self) {
        let mut control = Control::login(self.address);
        let data = control.passive();
        control.command("STOR never", 150);
        control.expect(426);
        drop(data);
    }

    /// Waits until a job is kept, and then much longer than any client may take.
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
fn an_upload_is_answered_when_it_is_in_its_place_however_long_that_takes() {
    for keeps in [is_slice, is_commit] {
        beside(|scene| {
            scene.workers.keep(keeps);
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

#[test]
fn what_is_read_slowly_comes_whole() {
    for command in ["RETR large", "LIST", "NLST nothing-*"] {
        beside(|scene| {
            scene.workers.keep(is_slice);
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

/// As every job does where there are no workers.
#[test]
fn what_came_in_time_counts_where_a_job_has_kept_the_loop() {
    let attempt = |scene: &Scene| {
        let mut control = Control::login(scene.address);
        let data = control.passive();
        control.command("STOR new", 150);
        let kept = scene.workers.lock();
        // The loop comes to the jobs, and no further.
        let mut is_early = control.has_reply(STALL / 5);
        data.send(b"content");
        is_early |= control.has_reply(STALL * 3);
        drop(kept);
        // On a machine that is slow its time was over before.
        control.expect_one_of(&[226, 426]).code == 226 && !is_early
    };
    beside(|scene| until("an upload", || attempt(scene).then_some(())));
}

#[test]
fn a_transfer_that_may_not_be_faster_is_not_too_slow() {
    beside(|scene| {
        let mut control = Control::connect(scene.address);
        control.log_in("slow", "secret");
        control.command("TYPE I", 200);
        assert_eq!(control.retrieve("two"), b"22");
    });
}

#[test]
fn a_client_that_has_gone_keeps_no_place_while_the_disk_hangs() {
    for command in ["RETR large", "STOR new"] {
        beside(|scene| {
            scene.workers.keep(is_slice);
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
            assert_eq!(scene.workers.kept(), 1);
        });
    }
}

#[test]
fn who_aborts_does_not_wait_for_a_disk_that_hangs() {
    beside(|scene| {
        scene.workers.keep(is_commit);
        let mut control = Control::login(scene.address);
        let data = control.passive();
        data.send(b"content");
        control.command("STOR new", 150);
        scene.let_it_hang();
        control.command("ABOR", 421);
        control.expect_end();
    });
}

/// A worker that has it meanwhile finds its last byte, and nobody wants it any more.
#[test]
fn an_upload_that_was_cut_on_a_worker_does_not_get_its_name() {
    let settings = Settings {
        cut_uploads: CutUploads::Discard,
        ..Settings::default()
    };
    beside_files(
        settings,
        |disk| disk,
        |scene, directory| {
            scene.workers.keep(is_slice);
            let mut control = Control::login(scene.address);
            let data = control.passive();
            data.send(b"content");
            control.command("STOR new", 150);
            scene.workers.wait_for(1);
            control.send("ABOR");
            // Who is answered later has been heard later.
            Control::login(scene.address);
            scene.workers.release();
            control.expect(426);
            control.expect(226);
            assert!(!directory.join("new").exists());
        },
    );
}
