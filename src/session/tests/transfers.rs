//! Transfers and errands, from the command to the final reply.

use super::*;
use crate::observe::{Outcome, TransferRecord, Verb};
use crate::storage::Placement;
use crate::transfer::Direction;

#[test]
fn restart_is_forgotten_unless_a_transfer_follows() {
    let mut talk = Talk::logged_in();
    for line in [
        "REST -1",
        "REST +1",
        "REST x",
        "REST 99999999999999999999",
        "REST 1 2",
    ] {
        assert!(talk.say(line).starts_with("501 "), "{line}");
    }
    assert!(talk.say("REST 18446744073709551615").starts_with("350 "));
    talk.say("NOOP");
    assert_eq!(talk.session.channel.restart, 0);
    talk.say("REST 7");
    talk.say("EPSV");
    assert_eq!(talk.session.channel.restart, 7);
}

#[test]
fn after_rest_stor_and_appe_write_from_the_offset_on() {
    for line in ["STOR f", "APPE f"] {
        let mut talk = Talk::logged_in();
        talk.say("EPSV");
        let address = "127.0.0.1:5000".parse().unwrap();
        talk.handle(SessionEvent::Listening(Ok(address)));
        talk.say("REST 7");
        talk.actions.clear();
        talk.say(line);
        let Action::Open(plan) = talk.action() else {
            panic!("{line} opens nothing");
        };
        let Direction::Store { placement, .. } = plan.direction else {
            panic!("{line} stores nothing");
        };
        assert_eq!(placement, Placement::At(7), "{line}");
        assert_eq!(talk.session.channel.restart, 0, "{line}");
    }
}

#[test]
fn a_transfer_needs_a_data_connection_and_says_so_before_anything_is_opened() {
    let mut talk = Talk::logged_in();
    for line in ["RETR f", "STOR f", "APPE f", "STOU", "LIST", "NLST", "MLSD"] {
        assert!(talk.say(line).starts_with("425 "), "{line}");
    }
    assert!(talk.has_no_orders());
}

#[test]
fn the_idle_clock_stands_still_during_a_transfer() {
    let mut talk = Talk::storing();
    talk.handle(SessionEvent::Connected);
    for moved in 1..100 {
        let stall = talk.settings.timings.data_stall;
        let almost = stall.saturating_sub(Duration::from_secs(1));
        assert_eq!(talk.wait(almost), "");
        talk.handle(SessionEvent::Moved(moved));
    }
    assert!(talk.handle(ended(Ending::Complete, 99)).starts_with("226 "));
    assert!(talk.wait(talk.settings.timings.idle).starts_with("421 "));
}

#[test]
fn a_stalled_transfer_is_cut_and_a_hanging_disk_ends_the_session() {
    let mut talk = Talk::storing();
    talk.handle(SessionEvent::Connected);
    let stall = talk.settings.timings.data_stall;
    assert_eq!(talk.wait(stall), "");
    assert_eq!(talk.action(), Action::Cut(Ending::Stalled));
    assert!(talk.wait(stall).starts_with("421 "));
}

/// The records that were ordered.
fn records(talk: &mut Talk) -> Vec<TransferRecord> {
    let records = talk.actions.drain(..).filter_map(|action| match action {
        Action::Record(record) => Some(*record),
        _ => None,
    });
    records.collect()
}

#[test]
fn a_transfer_is_recorded_once_with_its_own_time() {
    let mut talk = Talk::storing();
    talk.now += Duration::from_secs(5);
    talk.handle(SessionEvent::Connected);
    talk.handle(SessionEvent::Moved(7));
    talk.now += Duration::from_secs(2);
    talk.with(Session::abort);
    talk.now += Duration::from_secs(1);
    talk.handle(ended(Ending::Aborted, 9));
    let record = match records(&mut talk).as_slice() {
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
    talk.with(Session::leave);
    assert_eq!(records(&mut talk), []);
}

#[test]
fn a_transfer_whose_end_nobody_will_report_is_recorded_when_its_session_goes() {
    let mut talk = Talk::storing();
    talk.handle(SessionEvent::Connected);
    talk.handle(SessionEvent::Moved(7));
    talk.with(Session::leave);
    talk.with(Session::leave);
    let records = records(&mut talk);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].bytes, 7);
    assert_eq!(records[0].outcome, Outcome::Incomplete("abandoned"));
}

#[test]
fn each_ending_is_logged_in_words() {
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
fn the_data_connection_has_its_time() {
    let mut talk = Talk::storing();
    assert_eq!(talk.wait(talk.settings.timings.data_connect), "");
    assert_eq!(talk.action(), Action::Cut(Ending::NotConnected));
    assert!(
        talk.handle(ended(Ending::NotConnected, 0))
            .starts_with("425 ")
    );
}

#[test]
fn what_is_lost_is_not_arranged_any_more() {
    let mut talk = Talk::logged_in();
    talk.say("EPSV");
    let address = "127.0.0.1:5000".parse().unwrap();
    talk.handle(SessionEvent::Listening(Ok(address)));
    talk.actions.clear();
    assert_eq!(talk.handle(SessionEvent::Lost), "");
    assert!(talk.say("RETR f").starts_with("425 "));
    assert!(talk.say("ABOR").starts_with("226 "));
    assert!(talk.has_no_orders());
}

#[test]
fn an_abort_is_ordered_once() {
    let mut talk = Talk::storing();
    talk.with(Session::abort);
    talk.with(Session::abort);
    assert_eq!(talk.action(), Action::Cut(Ending::Aborted));
    assert!(talk.has_no_orders());
}

#[test]
fn an_upload_without_its_control_connection_is_cut() {
    let mut talk = Talk::storing();
    talk.with(Session::input_ended);
    assert_eq!(talk.action(), Action::Cut(Ending::Abandoned));
}

#[test]
fn an_errand_that_goes_on_keeps_the_session_awake_and_one_that_hangs_does_not() {
    let mut talk = Talk::logged_in();
    let idle = talk.settings.timings.idle;
    let almost = idle.saturating_sub(Duration::from_secs(1));
    talk.say("DSIZ /");
    for _ in 0..3 {
        assert_eq!(talk.wait(almost), "");
        assert_eq!(talk.handle(SessionEvent::Advanced), "");
    }
    assert!(talk.wait(idle).starts_with("421 "));
}

#[test]
fn an_abort_ends_what_only_reads() {
    let mut talk = Talk::logged_in();
    talk.say("DSIZ /");
    assert!(talk.session.may_be_aborted());
    talk.with(Session::abort);
    assert!(talk.heard().starts_with("426 "));
    assert!(!talk.session.may_be_aborted());
    assert!(talk.session.has_abandoned() && !talk.session.accepts_command());
    assert_eq!(talk.handle(SessionEvent::Dropped), "");
    assert!(talk.session.accepts_command());
    assert!(talk.say("ABOR").starts_with("226 "));
}

#[test]
fn markers_are_acknowledged_while_there_is_room_for_replies() {
    let mark = || Mark {
        theirs: b"m1".to_vec(),
        ours: 7,
    };
    let mut talk = Talk::storing();
    let mut all = 0;
    while !talk.outbox.is_full() {
        talk.with(|session, cx| session.handle(SessionEvent::Marked(mark()), cx));
        all += 1;
    }
    talk.with(|session, cx| session.handle(SessionEvent::Marked(mark()), cx));
    assert_eq!(talk.heard(), "110 MARK m1 = 7\r\n".repeat(all));
    talk.handle(ended(Ending::Complete, 7));
    assert_eq!(talk.handle(SessionEvent::Marked(mark())), "");
}

#[test]
fn a_transfer_is_as_fast_as_the_account_may_be_that_way() {
    let mut account = Account::anonymous(Permissions::ALL);
    account.rate_up = Some(1);
    account.rate_down = Some(2);
    let mut talk = Talk::logged_in_as(account);
    for (line, rate) in [("STOR f", Some(1)), ("RETR f", Some(2)), ("LIST", None)] {
        talk.say("EPSV");
        let address = "127.0.0.1:5000".parse().unwrap();
        talk.handle(SessionEvent::Listening(Ok(address)));
        talk.actions.clear();
        talk.say(line);
        assert!(
            matches!(talk.action(), Action::Open(plan) if plan.rate == rate),
            "{line}"
        );
        talk.handle(SessionEvent::Opened(Err(Error::NotFound)));
    }
}

#[test]
fn pasv_tells_what_it_is_given_and_no_address_of_ipv6() {
    let mut talk = Talk::logged_in();
    talk.say("PASV");
    let address = "203.0.113.7:5000".parse().unwrap();
    let said = talk.handle(SessionEvent::Listening(Ok(address)));
    assert_eq!(said, "227 Entering Passive Mode (203,0,113,7,19,136).\r\n");
    talk.actions.clear();
    // An IPv4 client of a proxy that is here over IPv6.
    talk.say("PASV");
    assert_eq!(talk.action(), Action::Listen { for_ipv4: true });
    let said = talk.handle(SessionEvent::Listening(Err(NoListener::Ipv4)));
    assert_eq!(said, "425 PASV is for IPv4; use EPSV.\r\n");
    talk.say("EPSV");
    assert_eq!(talk.action(), Action::Listen { for_ipv4: false });
    let address = "[2001:db8::1]:5000".parse().unwrap();
    let said = talk.handle(SessionEvent::Listening(Ok(address)));
    assert_eq!(said, "229 Entering Extended Passive Mode (|||5000|).\r\n");
}
