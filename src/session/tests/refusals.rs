//! Commands that are refused before their 150, and what they leave behind: the data connection as it is,
//! and nothing of what was agreed on for one transfer. RFC 959 §3.2, RFC 3659 §5.3.

use super::*;

/// As far as the client's knowing where to connect to.
fn arranged(account: Account) -> Talk {
    let mut talk = Talk::logged_in_as(account);
    talk.say("EPSV");
    let address = "127.0.0.1:5000".parse().unwrap();
    talk.handle(SessionEvent::Listening(Ok(address)));
    talk.actions.clear();
    talk
}

const TRANSFERS: [&str; 7] = [
    "RETR f", "STOR f", "APPE f", "STOU f", "LIST f", "NLST f", "MLSD f",
];

/// Why a file may not be opened.
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
fn whatever_the_storage_refuses_leaves_the_data_connection_as_it_is() {
    let mut talk = arranged(Account::anonymous(Permissions::ALL));
    for line in TRANSFERS {
        for error in ERRORS {
            assert_eq!(talk.say(line), "");
            assert!(matches!(talk.action(), Action::Open(_)), "{line}");
            let said = talk.handle(SessionEvent::Opened(Err(error)));
            let is_final = said.starts_with(['4', '5']) && said.lines().count() == 1;
            assert!(is_final && !said.starts_with("425"), "{line}: {said}");
            assert_eq!(talk.action(), Action::Keep, "{line} {error:?}");
            assert!(talk.has_no_orders(), "{line} {error:?}");
        }
    }
    assert_eq!(talk.say("PORT 127,0,0,1,200,200"), "200 Command okay.\r\n");
    talk.actions.clear();
    for line in TRANSFERS {
        talk.say(line);
        talk.actions.clear();
        talk.handle(SessionEvent::Opened(Err(Error::NotFound)));
        assert!(talk.has_no_orders(), "{line}");
    }
    assert_eq!(talk.say("ABOR"), "225 No transfer was in progress.\r\n");
    assert_eq!(talk.action(), Action::HangUp);
}

#[test]
fn what_is_refused_before_the_storage_is_asked_leaves_it_too() {
    let mut talk = arranged(Account::anonymous(Permissions::ALL));
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
        assert!(talk.say(line).starts_with(code), "{line}");
        if code.starts_with('5') {
            assert_eq!(talk.action(), Action::Keep, "{line}");
        }
        assert!(talk.has_no_orders(), "{line}");
    }
    let mut talk = arranged(Account::anonymous(Permissions::NONE));
    for line in TRANSFERS {
        assert!(talk.say(line).starts_with("550 "), "{line}");
        assert_eq!(talk.action(), Action::Keep, "{line}");
    }
}

#[test]
fn a_refused_command_forgets_where_a_transfer_was_to_begin() {
    let mut talk = arranged(Account::anonymous(Permissions::ALL));
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
            assert!(talk.say(part).starts_with("350 "));
            talk.say(line);
            let channel = &talk.session.channel;
            assert_eq!((channel.restart, channel.range), (0, None), "{line}");
        }
    }
}

#[test]
fn a_transfer_whose_data_connection_is_lost_is_425_and_nothing_else() {
    let mut talk = arranged(Account::anonymous(Permissions::ALL));
    assert_eq!(talk.say("STOR f"), "");
    let said = talk.handle(SessionEvent::Lost);
    assert_eq!(said, "425 Use PASV, EPSV, PORT or EPRT first.\r\n");
    assert!(talk.session.accepts_command());
    assert!(talk.say("STOR f").starts_with("425 "));
}

#[test]
fn a_refusal_is_recorded_with_what_it_was_about_and_for_whom_it_is() {
    for error in ERRORS {
        let mut talk = arranged(Account::anonymous(Permissions::ALL));
        talk.say("RETR f");
        let said = talk.handle(SessionEvent::Opened(Err(error)));
        let record = talk.actions.iter().find_map(|action| match action {
            Action::Audit(record) => Some(record),
            _ => None,
        });
        let record = record.expect("a record of the refusal");
        assert_eq!(record.verb, "RETR", "{error:?}");
        assert_eq!(record.path.as_ref().unwrap().name(), b"f", "{error:?}");
        let reason = String::from_utf8_lossy(&record.reason);
        assert_eq!(said, format!("{} {reason}\r\n", record.code));
        assert_eq!(record.is_for_operator, error.is_for_operator(), "{error:?}");
    }
    // Of what was refused for itself the storage is not the cause, whatever it said before.
    let mut talk = arranged(Account::anonymous(Permissions::ALL));
    talk.say("RETR f");
    talk.handle(SessionEvent::Opened(Err(Error::Device)));
    talk.actions.clear();
    talk.say("STRU R");
    talk.say("STOU f");
    let is_for_operator = |action: &Action| match action {
        Action::Audit(record) => record.is_for_operator,
        _ => false,
    };
    assert!(!talk.actions.iter().any(is_for_operator));
}
