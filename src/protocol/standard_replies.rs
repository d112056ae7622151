//! The replies of RFC 959 §4.2.1 with its wording, as constructors named after their meaning.
//!
//! Only those without parameters in their text. Some share a code. The session chooses the reply to
//! a command.

use super::reply::Reply;

/// Defines one constructor for each row, documented by its wire text.
macro_rules! standard_replies {
    ($($name:ident = $code:literal $text:literal;)*) => {
        impl Reply {
            $(
                #[doc = concat!("`", $code, " ", $text, "`")]
                pub const fn $name() -> Self {
                    Self::fixed($code, $text)
                }
            )*
        }

        #[cfg(test)]
        const ALL: &[fn() -> Reply] = &[$(Reply::$name),*];
    };
}

standard_replies! {
    data_connection_already_open = 125 "Data connection already open; transfer starting.";
    about_to_open_data_connection = 150 "File status okay; about to open data connection.";

    ok = 200 "Command okay.";
    superfluous = 202 "Command not implemented, superfluous at this site.";
    service_ready_for_new_user = 220 "Service ready for new user.";
    connection_close = 221 "Service closing control connection.";
    no_transfer_in_progress = 225 "Data connection open; no transfer in progress.";
    closing_data_connection = 226 "Closing data connection.";
    logged_in = 230 "User logged in, proceed.";
    file_action_completed = 250 "Requested file action okay, completed.";

    need_password = 331 "User name okay, need password.";
    need_account = 332 "Need account for login.";
    pending_further_information = 350 "Requested file action pending further information.";

    service_not_available = 421 "Service not available, closing control connection.";
    cannot_open_data_connection = 425 "Can't open data connection.";
    transfer_aborted = 426 "Connection closed; transfer aborted.";
    file_busy = 450 "Requested file action not taken; file unavailable.";
    local_error = 451 "Requested action aborted: local error in processing.";
    insufficient_storage = 452 "Requested action not taken; insufficient storage space in system.";

    syntax_error = 500 "Syntax error, command unrecognized.";
    argument_syntax_error = 501 "Syntax error in parameters or arguments.";
    not_implemented = 502 "Command not implemented.";
    bad_sequence = 503 "Bad sequence of commands.";
    parameter_not_implemented = 504 "Command not implemented for that parameter.";
    not_logged_in = 530 "Not logged in.";
    need_account_for_storing = 532 "Need account for storing files.";
    file_unavailable = 550 "Requested action not taken; file unavailable.";
    exceeded_storage_allocation = 552 "Requested file action aborted; exceeded storage allocation.";
    file_name_not_allowed = 553 "Requested action not taken; file name not allowed.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    #[test]
    fn every_standard_reply_is_one_static_line() {
        for reply in ALL {
            let reply = reply();
            assert!(matches!(reply.lines, Cow::Borrowed(_)));
            assert!((100..600).contains(&reply.code));
            assert!(reply.lines.ends_with(b".") && !reply.lines.contains(&b'\n'));
        }
    }

    #[test]
    fn control_only_replies_have_their_standard_wording() {
        let mut wire = Vec::new();
        for reply in [
            Reply::service_ready_for_new_user(),
            Reply::ok(),
            Reply::not_implemented(),
            Reply::syntax_error(),
            Reply::connection_close(),
            Reply::service_not_available(),
        ] {
            reply.write_to(&mut wire);
        }
        let expected = "220 Service ready for new user.\r\n\
                        200 Command okay.\r\n\
                        502 Command not implemented.\r\n\
                        500 Syntax error, command unrecognized.\r\n\
                        221 Service closing control connection.\r\n\
                        421 Service not available, closing control connection.\r\n";
        assert_eq!(wire, expected.as_bytes());
    }
}
