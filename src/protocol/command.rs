//! Requests: how a line becomes a command with its argument (RFC 959 §5.3).
//!
//! A [`Request`] borrows the line. Which verbs there are is in the table, which is public
//! here too; what a command does with its argument, and whether it may be given at all, is
//! for the session to decide.

pub use super::command_table::{Access, Argument, Command, Origin, Row, TABLE, features, lookup};

/// A command with its argument.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// What is asked for.
    pub command: Command,
    /// What followed exactly one space, with all its own but those at the end of words and numbers;
    /// empty when nothing did.
    pub argument: &'a [u8],
}

/// Why a line is no request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ParseError<'a> {
    /// No such command; the verb as it was written.
    Unrecognized(&'a [u8]),
    /// A NUL in the argument.
    Nul,
}

impl<'a> Request<'a> {
    /// Reads a line: a verb in any letter case, and what follows one space.
    ///
    /// Whether the argument is one that the command takes is left to who serves it.
    pub fn parse(line: &'a [u8]) -> Result<Self, ParseError<'a>> {
        let mut parts = line.splitn(2, |&byte| byte == b' ');
        let verb = parts.next().unwrap_or_default();
        let mut argument = parts.next().unwrap_or_default();
        let row = lookup(verb).ok_or(ParseError::Unrecognized(verb))?;
        if !row.keeps_spaces {
            argument = without_spaces_behind(argument);
        }
        if argument.contains(&0) {
            return Err(ParseError::Nul);
        }
        Ok(Self {
            command: row.command,
            argument,
        })
    }
}

/// Some clients pad what they send, and every other server takes it.
pub fn without_spaces_behind(mut text: &[u8]) -> &[u8] {
    while let [before @ .., b' '] = text {
        text = before;
    }
    text
}

/// Whether this is how a client of HTTP or SMTP begins, who will never understand a reply.
pub fn is_foreign(verb: &[u8]) -> bool {
    const VERBS: [&str; 13] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "EHLO",
        "HELO", "MAIL", "RCPT",
    ];
    VERBS
        .iter()
        .any(|known| verb.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether this is how TLS begins (RFC 8446 §5.1): a handshake record of version 3.
pub fn is_tls_hello(line: &[u8]) -> bool {
    line.starts_with(&[0x16, 0x03])
}

#[cfg(test)]
mod tests {
    use super::*;
    use Command::{Acct, Cwd, Noop, Pass, Pwd, Rmd, Stor, Type, User};

    #[test]
    fn arguments_keep_their_spaces() {
        for (line, command, argument) in [
            ("NOOP", Noop, ""),
            ("noop", Noop, ""),
            ("NoOp ", Noop, ""),
            ("NOOP   ", Noop, ""),
            ("TYPE I  ", Type, "I"),
            ("TYPE  I ", Type, " I"),
            ("TYPE   ", Type, ""),
            ("TYPE I\t", Type, "I\t"),
            ("USER ann ", User, "ann "),
            ("PASS  a b  ", Pass, " a b  "),
            ("ACCT a ", Acct, "a "),
            ("CWD  a b ", Cwd, " a b "),
            ("xpwd", Pwd, ""),
            ("XRMD x", Rmd, "x"),
            ("STOR\u{20}\u{e9}", Stor, "\u{e9}"),
        ] {
            let request = Request::parse(line.as_bytes()).unwrap();
            assert_eq!(
                (request.command, request.argument),
                (command, argument.as_bytes())
            );
        }
    }

    #[test]
    fn what_is_not_a_command() {
        for (line, verb) in [
            (&b""[..], &b""[..]),
            (b" NOOP", b""),
            (b"NOOPS x", b"NOOPS"),
            (b"NOOPNOOPNOOP", b"NOOPNOOPNOOP"),
            (b"NOO", b"NOO"),
            (b"PWD\0", b"PWD\0"),
            (b"NOOP\t", b"NOOP\t"),
            (b"\xffOOP", b"\xffOOP"),
        ] {
            assert_eq!(Request::parse(line), Err(ParseError::Unrecognized(verb)));
        }
        assert_eq!(Request::parse(b"CWD a\0b"), Err(ParseError::Nul));
    }

    #[test]
    fn other_protocols_are_recognised() {
        assert!(is_foreign(b"GET") && is_foreign(b"ehlo") && is_foreign(b"DELETE"));
        assert!(!is_foreign(b"DELE") && !is_foreign(b"NOOP") && !is_foreign(b""));
        assert!(TABLE.iter().all(|row| !is_foreign(row.name.as_bytes())));
        assert!(is_tls_hello(b"\x16\x03\x01\x02\0\x01") && !is_tls_hello(b"\x16"));
    }
}
