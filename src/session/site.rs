//! SITE CHMOD, HELP, IDLE, UMASK, UTIME and WHO: site-specific commands (RFC 959 §4.1.3), with the syntax of
//! other servers.
//!
//! A table has one row for each subcommand: its syntax, the permissions that it needs, and its method.
//! There is no SITE EXEC: no subcommand runs a program.

use std::time::Duration;

use super::attributes::{MODES, parse_mode, split_word};
use super::question::{Question, mismatched};
use super::{Action, Context, Progress, Session};
use crate::auth::Permissions;
use crate::protocol::command::trim_trailing_spaces;
use crate::protocol::date;
use crate::protocol::reply::Reply;
use crate::storage::{Attributes, Umask};

struct Subcommand {
    /// For HELP and 501. If it ends with a path, that may end in spaces.
    syntax: &'static str,
    /// The permissions that it needs with any argument.
    needs: Permissions,
    /// Executes it. `None`: the argument is malformed, and the caller replies 501.
    serve: fn(&mut Session, &[u8], &mut Context<'_>) -> Option<()>,
}

impl Subcommand {
    /// The name in the audit log: `SITE` and the subcommand in capitals.
    fn verb(&self) -> &'static str {
        let end = self.syntax.match_indices(' ').nth(1).map(|(at, _)| at);
        let verb = end.and_then(|end| self.syntax.get(..end));
        // SITE HELP and SITE WHO have no argument.
        verb.unwrap_or(self.syntax)
    }
}

/// The minimum of SITE IDLE.
const MIN_IDLE: Duration = Duration::from_secs(30);

const TABLE: [Subcommand; 6] = [
    Subcommand {
        syntax: "SITE CHMOD <octal mode> <path>",
        needs: Permissions::MODES,
        serve: Session::change_mode,
    },
    Subcommand {
        syntax: "SITE HELP",
        needs: Permissions::NONE,
        serve: |_, _, cx| {
            cx.reply(&all_subcommands());
            Some(())
        },
    },
    Subcommand {
        syntax: "SITE IDLE [<seconds>]",
        needs: Permissions::NONE,
        serve: Session::change_idle_time,
    },
    Subcommand {
        syntax: "SITE UMASK [<octal mask>]",
        needs: Permissions::NONE,
        serve: Session::change_umask,
    },
    Subcommand {
        syntax: "SITE UTIME <YYYYMMDDhhmm[ss]> <path>",
        needs: Permissions::TIMES,
        serve: Session::change_time,
    },
    Subcommand {
        syntax: "SITE WHO",
        needs: Permissions::NONE,
        serve: Session::list_sessions,
    },
];

impl Session {
    pub(super) fn site(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let (name, argument) = split_word(argument);
        let verb = [b"SITE ", name].concat();
        let known = |row: &&Subcommand| verb.eq_ignore_ascii_case(row.verb().as_bytes());
        let Some(row) = TABLE.iter().find(known) else {
            return cx.reply(&Reply::fixed(500, "Unknown SITE command."));
        };
        self.audit.notes().verb = Some(row.verb());
        if !self.may(row.needs, cx) {
            return;
        }
        let argument = if row.syntax.ends_with("<path>") {
            argument
        } else {
            trim_trailing_spaces(argument)
        };
        if (row.serve)(self, argument, cx).is_none() {
            cx.reply(&Reply::new(501, format!("Syntax: {}", row.syntax)));
        }
    }

    fn change_mode(&mut self, argument: &[u8], cx: &mut Context<'_>) -> Option<()> {
        let (mode, name) = split_word(argument);
        let (mode, name) = (parse_mode(mode)?, non_empty(name)?);
        if mode > MODES {
            // Upon a 501 lftp would not send CHMOD again.
            cx.reply(&Reply::fixed(504, "Only modes up to 0777 can be set."));
            return Some(());
        }
        let new = Attributes {
            modified: None,
            mode: Some(mode.into()),
        };
        self.change_at(name, new, "CHMOD command okay.", cx);
        Some(())
    }

    fn change_time(&mut self, argument: &[u8], cx: &mut Context<'_>) -> Option<()> {
        let (seconds, name) = parse_utime(argument)?;
        let new = Attributes {
            modified: Some((seconds, 0)),
            mode: None,
        };
        self.change_at(non_empty(name)?, new, "UTIME command okay.", cx);
        Some(())
    }

    /// SITE IDLE sets a time-out between [`MIN_IDLE`] and `timings.idle`.
    fn change_idle_time(&mut self, argument: &[u8], cx: &mut Context<'_>) -> Option<()> {
        let maximum = cx.settings.timings.idle;
        if !argument.is_empty() {
            let seconds = std::str::from_utf8(argument).ok()?.parse().ok()?;
            let requested = Duration::from_secs(seconds);
            self.idle = Some(requested.clamp(MIN_IDLE.min(maximum), maximum));
            self.restart_idle_timer(cx);
        }
        let seconds = self.idle.unwrap_or(maximum).as_secs();
        let text = format!("An idle session ends after {seconds} seconds.");
        cx.reply(&Reply::new(200, text));
        Some(())
    }

    /// SITE WHO. Not for anonymous accounts, since it shows the addresses of other clients.
    fn list_sessions(&mut self, argument: &[u8], cx: &mut Context<'_>) -> Option<()> {
        if !argument.is_empty() {
            return None;
        }
        if self.login.is_personal() {
            self.progress = Progress::AwaitingAnswer(Question::Who);
            cx.action(Action::ListSessions);
        } else {
            cx.reply(&Reply::fixed(550, "Permission denied."));
        }
        Some(())
    }

    pub(super) fn sessions_listed(&mut self, sessions: &[String], cx: &mut Context<'_>) {
        match self.take_question() {
            Some(Question::Who) => {
                let lines = format!("Sessions:\n{}\nEnd of list.", sessions.join("\n"));
                cx.reply(&Reply::new(200, lines));
            }
            Some(question) => mismatched(&question, cx),
            None => {}
        }
    }

    fn change_umask(&mut self, argument: &[u8], cx: &mut Context<'_>) -> Option<()> {
        let current = self.umask.unwrap_or(cx.settings.umask).bits();
        if argument.is_empty() {
            let text = format!("Current UMASK is {current:03o}.");
            cx.reply(&Reply::new(200, text));
            return Some(());
        }
        // A wider umask grants what CHMOD would, so it needs the same permission.
        if !self.may(Permissions::MODES, cx) {
            return Some(());
        }
        let umask = Umask::new(parse_mode(argument)?)?;
        self.umask = Some(umask);
        let text = format!("UMASK is {:03o} (was {current:03o}).", umask.bits());
        cx.reply(&Reply::new(200, text));
        Some(())
    }

    fn change_at(
        &mut self,
        name: &[u8],
        new: Attributes,
        text: &'static str,
        cx: &mut Context<'_>,
    ) {
        if let Some(path) = self.path(name, cx) {
            self.change(path, new, Reply::fixed(200, text), cx);
        }
    }
}

fn non_empty(name: &[u8]) -> Option<&[u8]> {
    (!name.is_empty()).then_some(name)
}

/// Parses both forms that clients send: `time path`, and `path access modification creation UTC`. All times
/// are in UTC; only the time of modification is used.
fn parse_utime(argument: &[u8]) -> Option<(i64, &[u8])> {
    let mut words = trim_trailing_spaces(argument).rsplitn(5, |&b| b == b' ');
    if let (Some(zone), Some(created), Some(modified), Some(accessed), Some(name)) = (
        words.next(),
        words.next(),
        words.next(),
        words.next(),
        words.next(),
    ) && zone.eq_ignore_ascii_case(b"UTC")
        && let (Some(modified), Some(_), Some(_)) = (
            parse_time(modified),
            parse_time(accessed),
            parse_time(created),
        )
    {
        return Some((modified, name));
    }
    let (time, name) = split_word(argument);
    Some((parse_time(time)?, name))
}

/// Parses `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`.
fn parse_time(digits: &[u8]) -> Option<i64> {
    let (seconds, _) = match digits.len() {
        12 => date::parse_time_val(&[digits, b"00"].concat())?,
        14 => date::parse_time_val(digits)?,
        _ => return None,
    };
    Some(seconds)
}

fn all_subcommands() -> Reply {
    let mut lines = "These SITE commands are served:".to_owned();
    for row in &TABLE {
        lines.push('\n');
        lines.push_str(row.syntax);
    }
    lines.push_str("\nEnd of help.");
    Reply::new(214, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utime_parses_both_forms() {
        for (argument, expected) in [
            ("197001010001 f", Some((60, "f"))),
            ("19700101000001 a b", Some((1, "a b"))),
            (
                "a b 19700101000001 19700101000002 19700101000003 UTC",
                Some((2, "a b")),
            ),
            (
                "f 197001010001 197001010002 197001010003 utc",
                Some((120, "f")),
            ),
            (
                "f 197001010001 197001010002 197001010003 UTC ",
                Some((120, "f")),
            ),
            ("197001010001 f ", Some((60, "f "))),
            // The first form, with a name that ends in `UTC`.
            ("19700101000001 a x y z UTC", Some((1, "a x y z UTC"))),
            ("f 19700101000001 19700101000002 19700101000003 CET", None),
            ("f 19700101000001", None),
            ("1970010100000 f", None),
            ("", None),
        ] {
            let expected = expected.map(|(seconds, name)| (seconds, name.as_bytes()));
            assert_eq!(parse_utime(argument.as_bytes()), expected, "{argument}");
        }
    }

    #[test]
    fn subcommands_are_sorted_and_have_their_names() {
        let verbs = TABLE.map(|row| row.verb());
        let names = ["CHMOD", "HELP", "IDLE", "UMASK", "UTIME", "WHO"];
        assert_eq!(verbs, names.map(|name| format!("SITE {name}")));
    }
}
