//! Transfers and file tasks, from the command to the final reply.

use super::*;
use crate::observe::{Outcome, TransferRecord, Verb};
use crate::storage::Placement;
use crate::transfer::Direction;

#[test]
fn rest_is_cleared_by_unrelated_command() {
    let mut test = TestSession::logged_in();
    for line in [
        "REST -1",
        "REST +1",
        "REST x",
        "REST 99999999999999999999",
        "REST 1 2",
    ] {
        assert!(test.send(line).starts_with("501 "), "{line}");
    }
    assert!(test.send("REST 18446744073709551615").starts_with("350 "));
    test.send("NOOP");
    assert_eq!(test.session.params.restart, 0);
    test.send("REST 7");
    test.send("EPSV");
    assert_eq!(test.session.params.restart, 7);
}

#[test]
fn rest_sets_offset_of_stor_and_appe() {
    for line in ["STOR f", "APPE f"] {
        let mut test = TestSession::logged_in();
        test.send("EPSV");
        let address = "127.0.0.1:5000".parse().unwrap();
        test.handle(SessionEvent::Listening(Ok(address)));
        test.send("REST 7");
        test.actions.clear();
        test.send(line);
        let Action::Open(plan) = test.action() else {
            panic!("{line}: no Action::Open");
        };
        let Direction::Store { placement, .. } = plan.direction else {
            panic!("{line}: no upload");
        };
        assert_eq!(placement, Placement::At(7), "{line}");
        assert_eq!(test.session.params.restart, 0, "{line}");
    }
}

#[test]
fn transfer_without_data_connection_is_425() {
    let mut test = TestSession::logged_in();
    for line in ["RETR f", "STOR f", "APPE f", "STOU", "LIST", "NLST", "MLSD"] {
        assert!(test.send(line).starts_with("425 "), "{line}");
    }
    assert!(test.has_no_actions());
}

#[test]
fn idle_timer_is_stopped_during_transfer() {
    let mut test = TestSession::with_upload_open();
    test.handle(SessionEvent::Connected);
    for moved in 1..100 {
        let stall = test.settings.timings.data_stall;
        let almost = stall.saturating_sub(Duration::from_secs(1));
        assert_eq!(test.wait(almost), "");
        test.handle(SessionEvent::Moved(moved));
    }
    assert!(test.handle(ended(Ending::Complete, 99)).starts_with("226 "));
    assert!(test.wait(test.settings.timings.idle).starts_with("421 "));
}

#[test]
fn stalled_transfer_is_cut_and_hanging_storage_closes() {
    let mut test = TestSession::with_upload_open();
    test.handle(SessionEvent::Connected);
    let stall = test.settings.timings.data_stall;
    assert_eq!(test.wait(stall), "");
    assert_eq!(test.action(), Action::Cut(Ending::Stalled));
    assert!(test.wait(stall).starts_with("421 "));
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
    test.now += Duration::from_secs(5);
    test.handle(SessionEvent::Connected);
    test.handle(SessionEvent::Moved(7));
    test.now += Duration::from_secs(2);
    test.with(Session::abort);
    test.now += Duration::from_secs(1);
    test.handle(ended(Ending::Aborted, 9));
    let record = match records(&mut test).as_slice() {
        [record] => record.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(record.took, Duration::from_secs(3));
    assert_eq!((record.verb, record.bytes), (Verb::Store, 9));
    assert_eq!(record.outcome, Outcome::Incomplete("aborted"));
    assert_eq!(
        (record.account.as_ref(), record.anonymous),
        (b"ftp".as_slice(), true)
    );
    test.with(Session::leave);
    assert_eq!(records(&mut test), []);
}

#[test]
fn transfer_in_progress_is_recorded_at_disconnect() {
    let mut test = TestSession::with_upload_open();
    test.handle(SessionEvent::Connected);
    test.handle(SessionEvent::Moved(7));
    test.with(Session::leave);
    test.with(Session::leave);
    let records = records(&mut test);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].bytes, 7);
    assert_eq!(records[0].outcome, Outcome::Incomplete("abandoned"));
}

#[test]
fn ending_display_is_readable() {
    let endings = [
        Ending::Complete,
        Ending::NotConnected,
        Ending::NotSecured,
        Ending::Cut,
        Ending::Malformed,
        Ending::Bounded,
        Ending::Stalled,
        Ending::Aborted,
        Ending::Abandoned,
        Ending::Stopped,
        Ending::Revoked,
    ];
    for ending in endings {
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
    let mut test = TestSession::with_upload_open();
    assert_eq!(test.wait(test.settings.timings.data_connect), "");
    assert_eq!(test.action(), Action::Cut(Ending::NotConnected));
    assert!(
        test.handle(ended(Ending::NotConnected, 0))
            .starts_with("425 ")
    );
}

#[test]
fn lost_data_connection_requires_new_setup() {
    let mut test = TestSession::logged_in();
    test.send("EPSV");
    let address = "127.0.0.1:5000".parse().unwrap();
    test.handle(SessionEvent::Listening(Ok(address)));
    test.actions.clear();
    assert_eq!(test.handle(SessionEvent::DataConnectionLost), "");
    assert!(test.send("RETR f").starts_with("425 "));
    assert!(test.send("ABOR").starts_with("226 "));
    assert!(test.has_no_actions());
}

#[test]
fn abort_cuts_transfer_once() {
    let mut test = TestSession::with_upload_open();
    test.with(Session::abort);
    test.with(Session::abort);
    assert_eq!(test.action(), Action::Cut(Ending::Aborted));
    assert!(test.has_no_actions());
}

#[test]
fn upload_is_cut_when_control_connection_ends() {
    let mut test = TestSession::with_upload_open();
    test.with(Session::input_ended);
    assert_eq!(test.action(), Action::Cut(Ending::Abandoned));
}

#[test]
fn file_task_progress_restarts_idle_timer() {
    let mut test = TestSession::logged_in();
    let idle = test.settings.timings.idle;
    let almost = idle.saturating_sub(Duration::from_secs(1));
    test.send("DSIZ /");
    for _ in 0..3 {
        assert_eq!(test.wait(almost), "");
        assert_eq!(test.handle(SessionEvent::TaskAdvanced), "");
    }
    assert!(test.wait(idle).starts_with("421 "));
}

#[test]
fn abort_ends_read_only_file_task() {
    let mut test = TestSession::logged_in();
    test.send("DSIZ /");
    assert!(test.session.may_be_aborted());
    test.with(Session::abort);
    assert!(test.replies().starts_with("426 "));
    assert!(!test.session.may_be_aborted());
    assert!(test.session.has_abandoned() && !test.session.accepts_command());
    assert_eq!(test.handle(SessionEvent::TaskDropped), "");
    assert!(test.session.accepts_command());
    assert!(test.send("ABOR").starts_with("226 "));
}

#[test]
fn panic_in_aborted_file_task_sends_no_second_reply() {
    let mut test = TestSession::logged_in();
    test.send("DSIZ /");
    test.with(Session::abort);
    assert!(test.replies().starts_with("426 "));
    assert_eq!(
        test.handle(SessionEvent::StorageAnswered(Err(Error::Device))),
        ""
    );
    assert!(test.session.accepts_command());
}

#[test]
fn markers_are_acknowledged_until_outbox_is_full() {
    let mark = || Mark {
        marker: b"m1".to_vec(),
        offset: 7,
    };
    let mut test = TestSession::with_upload_open();
    let mut all = 0;
    while !test.outbox.is_full() {
        test.with(|session, cx| session.handle(SessionEvent::MarkerReached(mark()), cx));
        all += 1;
    }
    test.with(|session, cx| session.handle(SessionEvent::MarkerReached(mark()), cx));
    assert_eq!(test.replies(), "110 MARK m1 = 7\r\n".repeat(all));
    test.handle(ended(Ending::Complete, 7));
    assert_eq!(test.handle(SessionEvent::MarkerReached(mark())), "");
}

#[test]
fn transfer_uses_rate_of_its_direction() {
    let mut account = Account::anonymous(Permissions::ALL);
    account.rate_up = Some(1);
    account.rate_down = Some(2);
    let mut test = TestSession::logged_in_as(account);
    for (line, rate) in [("STOR f", Some(1)), ("RETR f", Some(2)), ("LIST", None)] {
        test.send("EPSV");
        let address = "127.0.0.1:5000".parse().unwrap();
        test.handle(SessionEvent::Listening(Ok(address)));
        test.actions.clear();
        test.send(line);
        assert!(
            matches!(test.action(), Action::Open(plan) if plan.rate == rate),
            "{line}"
        );
        test.handle(SessionEvent::Opened(Err(Error::NotFound)));
    }
}

#[test]
fn pasv_refuses_ipv6_address() {
    let mut test = TestSession::logged_in();
    test.send("PASV");
    let address = "203.0.113.7:5000".parse().unwrap();
    let reply = test.handle(SessionEvent::Listening(Ok(address)));
    assert_eq!(reply, "227 Entering Passive Mode (203,0,113,7,19,136).\r\n");
    test.actions.clear();
    // An IPv4 client of a proxy that has connected over IPv6.
    test.send("PASV");
    assert_eq!(test.action(), Action::Listen { for_ipv4: true });
    let reply = test.handle(SessionEvent::Listening(Err(NoListener::Ipv4)));
    assert_eq!(reply, "425 PASV is for IPv4; use EPSV.\r\n");
    test.send("EPSV");
    assert_eq!(test.action(), Action::Listen { for_ipv4: false });
    let address = "[2001:db8::1]:5000".parse().unwrap();
    let reply = test.handle(SessionEvent::Listening(Ok(address)));
    assert_eq!(reply, "229 Entering Extended Passive Mode (|||5000|).\r\n");
}
