//! AVBL and ALLO: the free space. RFC 959 §4.1.3,
//! draft-peterson-streamlined-ftp-command-extensions §4.
//!
//! ALLO reserves nothing: an upload takes space as its bytes arrive. It only refuses early what STOR would
//! refuse late.

use super::attributes::parse_decimal;
use super::question::Question;
use super::{Context, Session};
use crate::protocol::reply::Reply;
use crate::storage::Operation;

impl Session {
    pub(super) fn available(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(path) = self.path(argument, cx) {
            self.ask(Question::Space, Operation::Space { path, wanted: 0 }, cx);
        }
    }

    pub(super) fn allocate(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        match parse_allocation(argument) {
            Some(bytes) => {
                let path = self.directory.clone();
                let here = Operation::Space {
                    path,
                    wanted: bytes,
                };
                self.ask(Question::Fits(bytes), here, cx);
            }
            None => cx.reply(&Reply::fixed(501, "ALLO takes a decimal number of bytes.")),
        }
    }
}

/// Parses `bytes` or `bytes R record-size`.
fn parse_allocation(argument: &[u8]) -> Option<u64> {
    let number = |word: &[u8]| {
        let is_number = !word.is_empty() && word.iter().all(u8::is_ascii_digit);
        // All digits, so only an overflow fails: no disk is as large.
        is_number.then(|| parse_decimal(word).unwrap_or(u64::MAX))
    };
    let mut words = argument.split(|&b| b == b' ');
    let bytes = number(words.next()?)?;
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Some(bytes),
        (Some(b"R" | b"r"), Some(record), None) => number(record).map(|_| bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allo_argument_is_parsed() {
        for (argument, bytes) in [
            ("0", Some(0)),
            ("1024 R 80", Some(1024)),
            ("18446744073709551616", Some(u64::MAX)),
            ("", None),
            ("-1", None),
            ("1 R", None),
            ("1 R x", None),
            ("1 80", None),
            ("1 R 80 x", None),
        ] {
            assert_eq!(parse_allocation(argument.as_bytes()), bytes, "{argument}");
        }
    }
}
