//! Transfer commands that are refused before their 150: the data connection stays, REST and RANG are cleared.
//! RFC 959 §3.2, RFC 3659 §5.3.

use super::*;

/// A session with a passive listener.
fn with_listener(account: Account) -> TestSession {
    let mut test = TestSession::logged_in_as(account);
    test.send("EPSV");
    let address = "127.0.0.1:5000".parse().unwrap();
    test.handle(SessionEvent::Listening(Ok(address)));
    test.actions.clear();
    test
}

const TRANSFERS: [&str; 7] = [
    "RETR f", "STOR f", "APPE f", "STOU f", "LIST f", "NLST f", "MLSD f",
];

/// The errors of opening a file.
const ERRORS: [Error; 18] = [
    Error::NotFound,
    Error::Exists,
    Error::IsDirectory,
    Error::NotDirectory,
    Error::NotEmpty,
    Error::NotRegular,
    Error::Denied,
    Error::Forbidden,
    Error::ReadOnly,
    Error::BadName,
    Error::BeyondEnd,
    Error::TooLarge,
    Error::NoSpace,
    Error::QuotaExceeded,
    Error::NotCounted,
    Error::Exhausted,
    Error::Busy,
    Error::Device,
];

#[test]
fn storage_refusal_keeps_data_connection() {
    let mut test = with_listener(Account::anonymous(Permissions::ALL));
    for line in TRANSFERS {
        for error in ERRORS {
            assert_eq!(test.send(line), "");
            assert!(matches!(test.action(), Action::Open(_)), "{line}");
            let reply = test.handle(SessionEvent::Opened(Err(error)));
            let is_final = reply.starts_with(['4', '5']) && reply.lines().count() == 1;
            assert!(is_final && !reply.starts_with("425"), "{line}: {reply}");
            assert_eq!(
                test.action(),
                Action::KeepDataConnection,
                "{line} {error:?}"
            );
            assert!(test.has_no_actions(), "{line} {error:?}");
        }
    }
    assert_eq!(test.send("PORT 127,0,0,1,200,200"), "200 Command okay.\r\n");
    test.actions.clear();
    for line in TRANSFERS {
        test.send(line);
        test.actions.clear();
        test.handle(SessionEvent::Opened(Err(Error::NotFound)));
        assert!(test.has_no_actions(), "{line}");
    }
    assert_eq!(test.send("ABOR"), "225 No transfer was in progress.\r\n");
    assert_eq!(test.action(), Action::CloseDataConnection);
}

#[test]
fn early_refusal_keeps_data_connection() {
    let mut test = with_listener(Account::anonymous(Permissions::ALL));
    let refused = [
        ("RETR", "501 "),
        ("STOR", "501 "),
        ("APPE", "501 "),
        ("RETR a\0b", "501 "),
        ("REST 1", "350 "),
        ("TYPE A", "200 "),
        ("REST 1", "350 "),
        ("RETR f", "554 "),
        ("TYPE I", "200 "),
        ("STRU R", "200 "),
        ("STOU f", "504 "),
    ];
    for (line, code) in refused {
        assert!(test.send(line).starts_with(code), "{line}");
        if code.starts_with('5') {
            assert_eq!(test.action(), Action::KeepDataConnection, "{line}");
        }
        assert!(test.has_no_actions(), "{line}");
    }
    let mut test = with_listener(Account::anonymous(Permissions::NONE));
    for line in TRANSFERS {
        assert!(test.send(line).starts_with("550 "), "{line}");
        assert_eq!(test.action(), Action::KeepDataConnection, "{line}");
    }
}

#[test]
fn refused_command_clears_rest_and_rang() {
    let mut test = with_listener(Account::anonymous(Permissions::ALL));
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
            assert!(test.send(part).starts_with("350 "));
            test.send(line);
            let channel = &test.session.params;
            assert_eq!((channel.restart, channel.range), (0, None), "{line}");
        }
    }
}

#[test]
fn lost_data_connection_is_425() {
    let mut test = with_listener(Account::anonymous(Permissions::ALL));
    assert_eq!(test.send("STOR f"), "");
    let reply = test.handle(SessionEvent::DataConnectionLost);
    assert_eq!(reply, "425 Use PASV, EPSV, PORT or EPRT first.\r\n");
    assert!(test.session.accepts_command());
    assert!(test.send("STOR f").starts_with("425 "));
}

#[test]
fn refusal_is_audited_with_path_and_cause() {
    for error in ERRORS {
        let mut test = with_listener(Account::anonymous(Permissions::ALL));
        test.send("RETR f");
        let reply = test.handle(SessionEvent::Opened(Err(error)));
        let record = test.actions.iter().find_map(|action| match action {
            Action::Audit(record) => Some(record),
            _ => None,
        });
        let record = record.expect("a record of the refusal");
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
    let mut test = with_listener(Account::anonymous(Permissions::ALL));
    test.send("RETR f");
    test.handle(SessionEvent::Opened(Err(Error::Device)));
    test.actions.clear();
    test.send("STRU R");
    test.send("STOU f");
    let concerns_operator = |action: &Action| match action {
        Action::Audit(record) => record.concerns_operator,
        _ => false,
    };
    assert!(!test.actions.iter().any(concerns_operator));
}
