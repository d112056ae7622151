//! MDTM, MFMT, MFCT and MFF: queries and changes of the times and modes of files. RFC 3659 §3,
//! draft-somers-ftp-mfxx-04.
//!
//! The reply to a change repeats the requested facts, with times in the configured precision; the file
//! system may store them with less, and one that it cannot store within two seconds is refused. `protocol`
//! formats times, and the storage decides whether the change is possible.

use super::question::{Question, TimeOrName};
use super::{Context, Session};
use crate::auth::Permissions;
use crate::protocol::date;
use crate::protocol::reply::Reply;
use crate::storage::{Attributes, Metadata, Operation, VirtualPath};

impl Session {
    /// MDTM. Clients without MFMT send `MDTM time name` to set the time; if a file has that whole argument
    /// as its name, it is a query.
    pub(super) fn modification_time(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let Some(path) = self.path(argument, cx) else {
            return;
        };
        let may_query = self.login.permissions().intersects(Permissions::READ);
        let question = match split_time(argument) {
            // Without READ the existence of a file of that whole name must not leak.
            Some((modified, name)) if !may_query => {
                let name = name.to_vec();
                return self.is_time_and_name(&TimeOrName { modified, name }, cx);
            }
            None if !self.may_any(Permissions::READ, cx) => return,
            None => Question::ModificationTime,
            Some((modified, name)) => Question::TimeOrName(Box::new(TimeOrName {
                modified,
                name: name.to_vec(),
            })),
        };
        self.ask(question, Operation::Metadata(path), cx);
    }

    /// No file has the whole argument as its name, so it is a time and a name.
    pub(super) fn is_time_and_name(&mut self, argument: &TimeOrName, cx: &mut Context<'_>) {
        if self.may(Permissions::TIMES, cx) {
            self.set_modified(argument.modified, &argument.name, cx);
        }
    }

    pub(super) fn modification_time_found(metadata: &Metadata, cx: &mut Context<'_>) {
        let mut text = Vec::new();
        let time = (metadata.modified, metadata.modified_nanoseconds);
        date::write_time_val(&mut text, time, cx.settings.time_precision);
        cx.reply(&Reply::new(213, text));
    }

    pub(super) fn modify_time(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if !self.may(Permissions::TIMES, cx) {
            return;
        }
        match split_time(argument) {
            Some((modified, name)) => self.set_modified(modified, name, cx),
            None => cx.reply(&Reply::fixed(501, "MFMT YYYYMMDDHHMMSS path.")),
        }
    }

    pub(super) fn modify_facts(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if !self.may_any(Permissions::TIMES | Permissions::MODES, cx) {
            return;
        }
        let (facts, name) = split_word(argument);
        match parse_facts(facts) {
            Ok(new) if !name.is_empty() => {
                if self.may(needed(new), cx) {
                    self.set_facts(new, name, cx);
                }
            }
            Ok(_) | Err(BadFact::Syntax) => {
                let text = "MFF Modify=YYYYMMDDHHMMSS;UNIX.mode=0644; path.";
                cx.reply(&Reply::fixed(501, text));
            }
            Err(BadFact::Unchangeable) => {
                let text = "Only Modify, and UNIX.mode up to 0777, can be set.";
                cx.reply(&Reply::fixed(504, text));
            }
        }
    }

    /// Linux has no system call that sets the time of creation.
    pub(super) fn modify_creation_time(cx: &mut Context<'_>) {
        let text = "This system does not let the time of creation be set.";
        cx.reply(&Reply::fixed(504, text));
    }

    /// Asks the storage for a change; `reply` is sent on success.
    pub(super) fn change(
        &mut self,
        path: VirtualPath,
        new: Attributes,
        reply: Reply,
        cx: &mut Context<'_>,
    ) {
        let question = Question::Change(Box::new(reply));
        self.ask(question, Operation::SetAttributes(path, new), cx);
    }

    fn set_modified(&mut self, modified: (i64, u32), name: &[u8], cx: &mut Context<'_>) {
        let new = Attributes {
            modified: Some(modified),
            mode: None,
        };
        self.set_facts(new, name, cx);
    }

    fn set_facts(&mut self, new: Attributes, name: &[u8], cx: &mut Context<'_>) {
        let Some(path) = self.path(name, cx) else {
            return;
        };
        let mut text = Vec::new();
        if let Some(time) = new.modified {
            text.extend_from_slice(b"Modify=");
            date::write_time_val(&mut text, time, cx.settings.time_precision);
            text.push(b';');
        }
        if let Some(mode) = new.mode {
            text.extend_from_slice(format!("UNIX.mode=0{mode:o};").as_bytes());
        }
        text.push(b' ');
        text.extend_from_slice(name);
        self.change(path, new, Reply::new(213, text), cx);
    }
}

fn needed(new: Attributes) -> Permissions {
    let times = new
        .modified
        .map_or(Permissions::NONE, |_| Permissions::TIMES);
    let modes = new.mode.map_or(Permissions::NONE, |_| Permissions::MODES);
    times | modes
}

/// The mode bits that clients may set: not set-user-ID, set-group-ID or sticky.
pub(super) const MODES: u16 = 0o777;

/// Parses an octal mode, which may exceed [`MODES`].
pub(super) fn parse_mode(octal: &[u8]) -> Option<u16> {
    let is_octal = !octal.is_empty() && octal.iter().all(|b| matches!(b, b'0'..=b'7'));
    let text = std::str::from_utf8(octal).ok().filter(|_| is_octal)?;
    u16::from_str_radix(text, 8).ok()
}

/// Parses a decimal number that is digits alone.
pub(super) fn parse_decimal(digits: &[u8]) -> Option<u64> {
    // `parse` accepts `+1`.
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    text.parse().ok()
}

/// Splits at the first space. The second part is empty if there is none.
pub(super) fn split_word(argument: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = argument.splitn(2, |&b| b == b' ');
    // `splitn` yields at least one item.
    let word = parts.next().unwrap_or_default();
    (word, parts.next().unwrap_or_default())
}

/// Parses a time-val, one space, and a name.
fn split_time(argument: &[u8]) -> Option<((i64, u32), &[u8])> {
    let (time, name) = split_word(argument);
    let time = date::parse_time_val(time)?;
    (!name.is_empty()).then_some((time, name))
}

#[derive(Debug, PartialEq, Eq)]
enum BadFact {
    Syntax,
    Unchangeable,
}

/// Parses `fact=value;fact=value;`, at least one.
fn parse_facts(facts: &[u8]) -> Result<Attributes, BadFact> {
    let facts = facts.strip_suffix(b";").ok_or(BadFact::Syntax)?;
    let mut new = Attributes::default();
    for fact in facts.split(|&b| b == b';') {
        let mut parts = fact.splitn(2, |&b| b == b'=');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return Err(BadFact::Syntax);
        };
        if name.eq_ignore_ascii_case(b"modify") {
            new.modified = Some(date::parse_time_val(value).ok_or(BadFact::Syntax)?);
        } else if name.eq_ignore_ascii_case(b"UNIX.mode") {
            let mode = parse_mode(value).ok_or(BadFact::Syntax)?;
            if mode > MODES {
                return Err(BadFact::Unchangeable);
            }
            new.mode = Some(mode.into());
        } else {
            return Err(BadFact::Unchangeable);
        }
    }
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_is_parsed_as_octal() {
        for (text, mode) in [
            ("0", Some(0)),
            ("644", Some(0o644)),
            ("0755", Some(0o755)),
            ("777", Some(0o777)),
            ("1000", Some(0o1000)),
            ("4755", Some(0o4755)),
            ("8", None),
            ("", None),
            ("+7", None),
            ("u+x", None),
            ("77777777777", None),
        ] {
            assert_eq!(parse_mode(text.as_bytes()), mode, "{text}");
        }
    }

    #[test]
    fn time_without_name_is_rejected() {
        let one = b"19700101000001 a b";
        assert_eq!(split_time(one), Some(((1, 0), &b"a b"[..])));
        let fraction = b"19700101000001.5  x";
        assert_eq!(split_time(fraction), Some(((1, 500_000_000), &b" x"[..])));
        for wrong in [&b"19700101000001"[..], b"19700101000001 ", b"x y", b""] {
            assert_eq!(split_time(wrong), None);
        }
    }

    #[test]
    fn mff_facts_are_parsed() {
        let facts = parse_facts(b"unix.MODE=0640;Modify=19700101000001;").unwrap();
        assert_eq!((facts.modified, facts.mode), (Some((1, 0)), Some(0o640)));
        for (text, error) in [
            ("", BadFact::Syntax),
            (";", BadFact::Syntax),
            ("modify=19700101000001", BadFact::Syntax),
            ("modify=1970;", BadFact::Syntax),
            ("modify;", BadFact::Syntax),
            ("UNIX.mode=9;", BadFact::Syntax),
            ("UNIX.mode=1000;", BadFact::Unchangeable),
            ("create=19700101000001;", BadFact::Unchangeable),
            ("modify=19700101000001;x=y;", BadFact::Unchangeable),
        ] {
            assert_eq!(parse_facts(text.as_bytes()), Err(error), "{text}");
        }
    }
}
