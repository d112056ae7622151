//! Transfer commands that are refused before their 150: the data connection stays, REST and RANG are cleared.
//! RFC 959 §3.2, RFC 3659 §5.3.

use super::*;

const TRANSFERS: [&str; 7] = [
    "RETR f", "STOR f", "APPE f", "STOU f", "LIST f", "NLST f", "MLSD f",
];

#[test]
fn storage_refusal_keeps_data_connection() {
    let mut test = TestSession::with_listener();
    for line in TRANSFERS {
        for error in ERRORS {
            test.play(&format!("{line} -> => Open("));
            test.actions.clear();
            let reply = test.handle(SessionEvent::Opened(Err(error)));
            let is_final = reply.starts_with(['4', '5']) && reply.lines().count() == 1;
            assert!(is_final && !reply.starts_with("425"), "{line}: {reply}");
            test.actions
                .retain(|action| !matches!(action, Action::Audit(_)));
            assert_eq!(
                test.actions,
                [Action::KeepDataConnection],
                "{line} {error:?}"
            );
        }
    }
    test.play("PORT 127,0,0,1,200,200 -> 200 Command okay.");
    for line in TRANSFERS {
        test.play(&format!("{line}\n @opened NotFound -> 550 =>"));
    }
    test.play("ABOR -> 225 No transfer was in progress. => CloseDataConnection");
}

#[test]
fn early_refusal_keeps_data_connection() {
    TestSession::with_listener().play(
        "RETR -> 501 => KeepDataConnection
         STOR -> 501 => KeepDataConnection
         APPE -> 501 => KeepDataConnection
         RETR a\0b -> 501 => KeepDataConnection
         REST 1 -> 350 =>
         TYPE A -> 200 =>
         REST 1 -> 350 =>
         RETR f -> 554 => KeepDataConnection
         TYPE I -> 200 =>
         STRU R -> 200 =>
         STOU f -> 504 => KeepDataConnection",
    );
    let mut test = TestSession::with_listener();
    test.renew(|account| account.permissions = Permissions::NONE);
    for line in TRANSFERS {
        test.play(&format!("{line} -> 550 => KeepDataConnection"));
    }
}

#[test]
fn refused_command_clears_rest_and_rang() {
    let mut test = TestSession::with_listener();
    for line in [
        "RETR",
        "STOR",
        "APPE",
        "NOOP x",
        "XYZZY",
        "NO\0OP",
        "SMNT x",
        "STOU a\0b",
    ] {
        for part in ["REST 7", "RANG 1 2"] {
            test.play(&format!("{part} -> 350\n {line}"));
            let params = &test.session.params;
            assert_eq!(
                (params.restart, params.range.is_some()),
                (0, false),
                "{line}"
            );
        }
    }
}

#[test]
fn refusal_is_audited_with_path_and_cause() {
    for error in ERRORS {
        let mut test = TestSession::with_listener();
        test.play("RETR f");
        let reply = test.handle(SessionEvent::Opened(Err(error)));
        let record = test.audit().expect("a record of the refusal");
        assert_eq!(record.verb, "RETR", "{error:?}");
        assert_eq!(record.path.as_ref().unwrap().name(), b"f", "{error:?}");
        let reason = String::from_utf8_lossy(&record.reason);
        assert_eq!(reply, format!("{} {reason}\r\n", record.code));
        assert_eq!(
            record.concerns_operator,
            error.concerns_operator(),
            "{error:?}"
        );
    }
    // A refusal of the session itself must not have the cause of an earlier storage error.
    let mut test = TestSession::with_listener();
    test.play("RETR f\n @opened Device");
    test.renew(|account| account.permissions = Permissions::NONE);
    test.play("RETR f -> 550");
    assert!(!test.audit().unwrap().concerns_operator);
}
