//! A line that is pending while a command is in progress: compared with a verb, not consumed.
//!
//! During a transfer the server must react to ABOR and STAT (RFC 959 §4.1.3). Pending lines are
//! compared with these, with Telnet decoded; nothing else is known of them here.

use super::telnet;

/// A complete line that is not yet consumed.
#[derive(Clone, Copy, Debug)]
pub struct PendingLine<'a> {
    raw: &'a [u8],
}

impl<'a> PendingLine<'a> {
    pub(super) const fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// Whether the line is this command, with or without an argument, in any letter case.
    pub fn is(&self, verb: &[u8]) -> bool {
        self.after(verb)
            .is_some_and(|mut rest| matches!(rest.next(), None | Some(b' ')))
    }

    /// Whether the line is this command without an argument.
    pub fn is_bare(&self, verb: &[u8]) -> bool {
        self.after(verb)
            .is_some_and(|mut rest| rest.next().is_none())
    }

    /// The text after the verb, if the line begins with it.
    fn after(&self, verb: &[u8]) -> Option<impl Iterator<Item = u8>> {
        let mut text = telnet::decoded(self.raw);
        let same = verb
            .iter()
            .all(|byte| text.next().is_some_and(|b| b.eq_ignore_ascii_case(byte)));
        same.then_some(text)
    }
}
