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
    ok = 200 "Command okay.";
    superfluous = 202 "Command not implemented, superfluous at this site.";
    service_ready_for_new_user = 220 "Service ready for new user.";
    connection_close = 221 "Service closing control connection.";
    logged_in = 230 "User logged in, proceed.";
    file_action_completed = 250 "Requested file action okay, completed.";

    need_password = 331 "User name okay, need password.";
    pending_further_information = 350 "Requested file action pending further information.";

    service_not_available = 421 "Service not available, closing control connection.";
    cannot_open_data_connection = 425 "Can't open data connection.";
    transfer_aborted = 426 "Connection closed; transfer aborted.";
    local_error = 451 "Requested action aborted: local error in processing.";

    syntax_error = 500 "Syntax error, command unrecognized.";
    not_implemented = 502 "Command not implemented.";
    not_logged_in = 530 "Not logged in.";
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
}
