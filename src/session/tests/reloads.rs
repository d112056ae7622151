//! What a reload changes in the middle of a conversation.

use super::*;

const TLS_REQUIRED: SecurityPolicy = SecurityPolicy {
    require: TlsRequired::Control,
    allow_clear: false,
    certificate_login: false,
};

#[test]
fn a_login_in_the_clear_is_refused_once_tls_is_required() {
    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ftp");
    talk.orders.clear();
    talk.settings.security = Some(TLS_REQUIRED);
    assert!(talk.say("PASS x").starts_with("530 "));
    assert!(talk.has_no_orders());
    assert!(talk.say("PASS x").starts_with("503 "));

    let mut talk = Talk::new(Mode::Serving);
    talk.say("USER ftp");
    talk.say("PASS x");
    talk.settings.security = Some(TLS_REQUIRED);
    let guest = Guest::from(Account::anonymous(Permissions::ALL));
    let said = talk.report(Report::Verified(Ok(guest)));
    assert!(said.starts_with("530 "), "{said}");
    assert!(talk.session.account_name().is_none() && talk.session.accepts_command());
}

#[test]
fn a_transfer_that_is_being_cut_has_its_time_when_the_server_stops() {
    let mut talk = Talk::storing();
    talk.with(Session::abort);
    assert_eq!(talk.order(), Order::Cut(Ending::Aborted));
    talk.with(Session::stop_now);
    assert_eq!(talk.heard(), "");
    assert!(talk.has_no_orders());
    let said = talk.report(ended(Ending::Aborted, 0));
    assert!(
        said.starts_with("426 ") && said.contains("\r\n421 Service not"),
        "{said}"
    );
}
