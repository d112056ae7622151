//! A line that waits while a command is in progress, looked at without being consumed.
//!
//! RFC 959 §4.1.3 has ABOR and STAT heard during a transfer; so what waits is compared with
//! them, Telnet and all, and nothing else is done to it.

use super::telnet;

/// A complete line that is not consumed yet.
#[derive(Clone, Copy, Debug)]
pub struct WaitingLine<'a> {
    raw: &'a [u8],
}

impl<'a> WaitingLine<'a> {
    pub(super) const fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// Whether the line is this command, with or without an argument, in any letter case.
    pub fn is(&self, verb: &[u8]) -> bool {
        self.behind(verb)
            .is_some_and(|mut rest| matches!(rest.next(), None | Some(b' ')))
    }

    /// Whether the line is this command without an argument.
    pub fn is_bare(&self, verb: &[u8]) -> bool {
        self.behind(verb)
            .is_some_and(|mut rest| rest.next().is_none())
    }

    /// What stands behind the verb, if the line begins with it.
    fn behind(&self, verb: &[u8]) -> Option<impl Iterator<Item = u8>> {
        let mut text = telnet::decoded(self.raw);
        let same = verb
            .iter()
            .all(|byte| text.next().is_some_and(|b| b.eq_ignore_ascii_case(byte)));
        same.then_some(text)
    }
}
