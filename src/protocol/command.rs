//! Parses a line into a command with its argument (RFC 959 §5.3).
//!
//! A [`Request`] borrows the line. The verbs are in the command table, which is reexported here.
//! This module knows neither the syntax of arguments nor whether a command is allowed: both
//! belong to the session.

pub use super::command_table::{Access, Argument, Command, Row, Standard, TABLE, features, lookup};

/// A command with its argument.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The command.
    pub command: Command,
    /// The text after the first space, or empty. Trailing spaces are kept if the command's row says
    /// [`keeps_spaces`](Row::keeps_spaces), all others always.
    pub argument: &'a [u8],
}

/// Why a line is not a request.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ParseError<'a> {
    /// Unknown verb, as the client wrote it.
    Unrecognized(&'a [u8]),
    /// The argument contains a NUL.
    Nul,
}

impl<'a> Request<'a> {
    /// Parses a line: a verb in any letter case, optionally a space and an argument.
    ///
    /// The argument is not checked against the command's syntax.
    pub fn parse(line: &'a [u8]) -> Result<Self, ParseError<'a>> {
        // The second part is missing if there is no space, the first one never.
        let mut parts = line.splitn(2, |&byte| byte == b' ');
        let verb = parts.next().unwrap_or_default();
        let mut argument = parts.next().unwrap_or_default();
        let row = lookup(verb).ok_or(ParseError::Unrecognized(verb))?;
        if !row.keeps_spaces {
            argument = trim_trailing_spaces(argument);
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

/// `text` without trailing spaces: some clients pad arguments, and other servers accept that.
pub fn trim_trailing_spaces(mut text: &[u8]) -> &[u8] {
    while let [before @ .., b' '] = text {
        text = before;
    }
    text
}

/// Whether `verb` is one of HTTP or SMTP: the client does not speak FTP and cannot use a reply.
pub fn is_foreign(verb: &[u8]) -> bool {
    const VERBS: [&str; 13] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "EHLO",
        "HELO", "MAIL", "RCPT",
    ];
    VERBS
        .iter()
        .any(|known| verb.eq_ignore_ascii_case(known.as_bytes()))
}

/// Whether the line begins like a TLS `ClientHello` (RFC 8446 §5.1): a handshake record of version 3.
pub fn is_tls_hello(line: &[u8]) -> bool {
    line.starts_with(&[0x16, 0x03])
}

#[cfg(test)]
mod tests {
    use super::*;
    use Command::{Acct, Cwd, Noop, Pass, Pwd, Rmd, Stor, Type, User};

    #[test]
    fn arguments_keep_or_lose_trailing_spaces() {
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
    fn unknown_verbs_and_nul_are_errors() {
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
    fn http_smtp_and_tls_are_recognised() {
        assert!(is_foreign(b"GET") && is_foreign(b"ehlo") && is_foreign(b"DELETE"));
        assert!(!is_foreign(b"DELE") && !is_foreign(b"NOOP") && !is_foreign(b""));
        assert!(TABLE.iter().all(|row| !is_foreign(row.name.as_bytes())));
        assert!(is_tls_hello(b"\x16\x03\x01\x02\0\x01") && !is_tls_hello(b"\x16"));
    }
}
