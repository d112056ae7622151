//! Transfers and file tasks, from the command to the final reply.

use super::*;
use crate::observe::{Outcome, TransferRecord, Verb};
use crate::transfer::Mark;

#[test]
fn rest_takes_64_bits() {
    let mut test = TestSession::logged_in();
    test.play("REST 18446744073709551615 -> 350");
    assert_eq!(test.session.params.restart, u64::MAX);
}

#[test]
fn rest_sets_offset_of_stor_and_appe() {
    for line in ["STOR f", "APPE f"] {
        let mut test = TestSession::with_listener();
        test.play(&format!("REST 7\n {line} -> => placement: At(7)"));
        assert_eq!(test.session.params.restart, 0, "{line}");
    }
}

#[test]
fn transfer_without_data_connection_is_425() {
    let mut test = TestSession::logged_in();
    for line in ["RETR f", "STOR f", "APPE f", "STOU", "LIST", "NLST", "MLSD"] {
        test.play(&format!("{line} -> 425 =>"));
    }
}

#[test]
fn idle_timer_is_stopped_during_transfer() {
    let mut test = TestSession::with_upload_open();
    test.play("@connected");
    for moved in 1..100 {
        test.play(&format!("@wait 119 ->\n @moved {moved}"));
    }
    test.play("@Complete 99 -> 226\n @wait 600 -> 421");
}

#[test]
fn stalled_transfer_is_cut_and_hanging_storage_closes() {
    TestSession::with_upload_open().play(
        "@connected
         @wait 120 -> => Cut(Stalled)
         @wait 120 -> 421",
    );
}

/// The transfer records among the actions.
fn records(test: &mut TestSession) -> Vec<TransferRecord> {
    let records = test.actions.drain(..).filter_map(|action| match action {
        Action::Record(record) => Some(*record),
        _ => None,
    });
    records.collect()
}

#[test]
fn transfer_is_recorded_once_with_duration() {
    let mut test = TestSession::with_upload_open();
    test.play(
        "@wait 5
         @connected
         @moved 7
         @wait 2
         @abort
         @wait 1
         @Aborted 9",
    );
    let record = match records(&mut test).as_slice() {
        [record] => record.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(record.took, Duration::from_secs(3));
    assert_eq!((record.verb, record.bytes), (Verb::Store, 9));
    assert_eq!(record.outcome, Outcome::Incomplete("aborted"));
    assert_eq!((&*record.account, record.anonymous), (&b"ftp"[..], true));
    test.play("@leave");
    assert_eq!(records(&mut test), []);
}

#[test]
fn transfer_in_progress_is_recorded_at_disconnect() {
    let mut test = TestSession::with_upload_open();
    test.play("@connected\n @moved 7");
    test.with(|session, cx| session.leave(Ending::Stopped, cx));
    assert!(
        test.audit()
            .is_some_and(|record| record.code == 426 && record.unsent)
    );
    test.with(|session, cx| session.leave(Ending::Abandoned, cx));
    let records = records(&mut test);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].bytes, 7);
    assert_eq!(records[0].outcome, Outcome::Incomplete("stopped"));
}

#[test]
fn ending_display_is_readable() {
    for ending in ENDINGS {
        let (shown, name) = (ending.to_string(), format!("{ending:?}"));
        assert!(
            shown.contains(' ') && !shown.contains(&name),
            "{name}: {shown}"
        );
    }
    let failed = Ending::Failed(Error::NoSpace).to_string();
    assert_eq!(failed, "the storage failed: No space left on device");
}

#[test]
fn missing_data_connection_times_out() {
    TestSession::with_upload_open().play(
        "@wait 30 -> => Cut(NotConnected)
         @NotConnected 0 -> 425",
    );
}

#[test]
fn lost_data_connection_requires_new_setup() {
    TestSession::with_listener().play(
        "@lost ->
         RETR f -> 425 =>
         ABOR -> 226 =>",
    );
    // While the file is being opened.
    TestSession::with_listener().play(
        "STOR f ->
         @lost -> 425 Use PASV, EPSV, PORT or EPRT first.
         @ready
         STOR f -> 425",
    );
}

#[test]
fn abort_cuts_transfer_once() {
    TestSession::with_upload_open().play("@abort => Cut(Aborted)\n @abort =>");
}

#[test]
fn upload_is_cut_when_control_connection_ends() {
    TestSession::with_upload_open().play("@input-ended => Cut(Abandoned)");
}

#[test]
fn file_task_progress_restarts_idle_timer() {
    let mut test = TestSession::logged_in();
    test.play("DSIZ /");
    test.play(&"@wait 599 ->\n @task-advanced ->\n".repeat(3));
    test.play("@wait 600 -> 421");
}

#[test]
fn abort_ends_read_only_file_task() {
    let mut test = TestSession::logged_in();
    test.play("DSIZ /");
    assert!(test.session.may_be_aborted());
    test.play("@abort -> 426\n @busy");
    assert!(test.session.has_abandoned() && !test.session.may_be_aborted());
    test.play("@task-dropped ->\n @ready\n ABOR -> 226");
}

#[test]
fn panic_in_aborted_file_task_sends_no_second_reply() {
    TestSession::logged_in().play(
        "DSIZ /
         @abort -> 426
         @answered Device ->
         @ready",
    );
}

#[test]
fn markers_are_acknowledged_until_outbox_is_full() {
    let mark = || {
        let marker = b"m1".to_vec();
        SessionEvent::MarkerReached(Mark { marker, offset: 7 })
    };
    let mut test = TestSession::with_upload_open();
    let mut all = 0;
    while !test.outbox.is_full() {
        test.with(|session, cx| session.handle(mark(), cx));
        all += 1;
    }
    assert_eq!(test.handle(mark()), "110 MARK m1 = 7\r\n".repeat(all));
    test.play("@Complete 7");
    assert_eq!(test.handle(mark()), "");
}

#[test]
fn transfer_uses_rate_of_its_direction() {
    let mut account = Account::anonymous(Permissions::ALL);
    account.rate_up = Some(1);
    account.rate_down = Some(2);
    let mut test = TestSession::logged_in_as(account);
    for (line, rate) in [
        ("STOR f", "Some(1)"),
        ("RETR f", "Some(2)"),
        ("LIST", "None"),
    ] {
        test.play(&format!(
            "EPSV
             @listening
             {line} -> => rate: {rate}
             @opened NotFound"
        ));
    }
}

#[test]
fn pasv_refuses_ipv6_address() {
    TestSession::logged_in().play(
        "PASV
         @listening 203.0.113.7:5000 -> 227 Entering Passive Mode (203,0,113,7,19,136).
         PASV -> => Listen { for_ipv4: true }
         @no-ipv4 -> 425 PASV is for IPv4; use EPSV.
         EPSV -> => Listen { for_ipv4: false }
         @listening [2001:db8::1]:5000 -> 229 Entering Extended Passive Mode (|||5000|).",
    );
}
