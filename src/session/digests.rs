//! HASH, RANG, MD5, XCRC, XMD5, XSHA1, XSHA256, XSHA512, DSIZ and COMB: file tasks, which a worker runs in
//! slices while the client waits for one reply. draft-bryan-ftpext-hash-02, draft-bryan-ftp-range-08; no
//! document specifies the X commands.
//!
//! ABOR ends a task that only reads: the command is answered with 426, then ABOR is executed. Each slice
//! restarts the idle timer, so a long digest does not expire, but a hanging storage does.

use super::attributes::parse_decimal;
use super::question::{DigestForm, DigestQuestion, Question};
use super::uploads::REPLACING;
use super::{Action, Context, Progress, Session};
use crate::auth::Permissions;
use crate::file_task::{Algorithm, TaskSpec};
use crate::limits::{COMBINE_BYTES, COMBINE_PARTS};
use crate::protocol::byte_range::ByteRange;
use crate::protocol::command::trim_trailing_spaces;
use crate::protocol::quoted;
use crate::protocol::reply::Reply;
use crate::storage::VirtualPath;

impl Session {
    pub(super) fn hash(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let range = self.params.range.take().map(|range| *range);
        let algorithm = self.params.algorithm;
        self.digest(DigestForm::Hash(algorithm), algorithm, argument, range, cx);
    }

    pub(super) fn md5(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        self.digest(DigestForm::Named, Algorithm::Md5, argument, None, cx);
    }

    /// XCRC and the other X commands: `path`, or `path first end` with an exclusive end.
    pub(super) fn x_digest(&mut self, algorithm: Algorithm, argument: &[u8], cx: &mut Context<'_>) {
        match parse_x_argument(argument) {
            Some((name, range)) => self.digest(DigestForm::Bare, algorithm, &name, range, cx),
            None => cx.reply(&Reply::fixed(501, "\"path\", or \"path\" first end.")),
        }
    }

    /// OPTS HASH. Without a name it reports the selected algorithm.
    pub(super) fn select_algorithm(&mut self, name: &[u8], cx: &mut Context<'_>) {
        let selected = if name.is_empty() {
            Some(self.params.algorithm)
        } else {
            Algorithm::named(name)
        };
        let Some(algorithm) = selected else {
            let text = "Unknown algorithm, current selection not changed.";
            return cx.reply(&Reply::fixed(501, text));
        };
        self.params.algorithm = algorithm;
        cx.reply(&Reply::fixed(200, algorithm.name()));
    }

    pub(super) fn write_algorithms(&self, out: &mut Vec<u8>) {
        for (index, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            if index > 0 {
                out.push(b';');
            }
            out.extend_from_slice(algorithm.name().as_bytes());
            if algorithm == self.params.algorithm {
                out.push(b'*');
            }
        }
    }

    /// RANG applies to the next RETR or HASH. `reset_sequence_before` clears it as it clears REST.
    pub(super) fn range(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        self.params.range = None;
        match ByteRange::parse(argument) {
            Ok(Some(range)) => {
                self.params.range = Some(Box::new(range));
                cx.reply(&Reply::fixed(350, "Send RETR or HASH for that range."));
            }
            Ok(None) => cx.reply(&Reply::fixed(350, "Whole files again.")),
            Err(_) => cx.reply(&Reply::fixed(501, "RANG first last, or RANG 1 0.")),
        }
    }

    pub(super) fn directory_size(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if let Some(path) = self.permitted_path(Permissions::LIST, argument, cx) {
            self.start_task(Question::Measure, TaskSpec::Measure(path), cx);
        }
    }

    pub(super) fn combine(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if !self.may(Permissions::APPEND | Permissions::DELETE, cx) {
            return;
        }
        let Some(placement) = self.placement(Permissions::OVERWRITE, REPLACING, cx) else {
            return;
        };
        // `None`, a malformed or empty word, gets the same 501 as a missing part.
        let words = quoted::words(argument).unwrap_or_default();
        let Some((target, parts @ [_, ..])) = words.split_first() else {
            return cx.reply(&Reply::fixed(501, "COMB \"target\" \"part\" ..."));
        };
        if parts.len() > COMBINE_PARTS {
            return cx.reply(&Reply::fixed(
                501,
                "There are more parts than COMB puts together.",
            ));
        }
        let Some(target) = self.path(target, cx) else {
            return;
        };
        let parts: Option<Vec<_>> = parts.iter().map(|part| self.path(part, cx)).collect();
        if let Some(parts) = parts {
            if parts.iter().map(VirtualPath::cost).sum::<usize>() > COMBINE_BYTES {
                return cx.reply(&Reply::fixed(
                    501,
                    "The names of the parts are too long together.",
                ));
            }
            let umask = self.umask;
            let spec = TaskSpec::Combine {
                target,
                parts,
                placement,
                umask,
            };
            self.audit.notes().changes = true;
            self.start_task(Question::Combine, spec, cx);
        }
    }

    /// Whether a file task is in progress that only reads, so that ABOR may end it.
    pub(super) const fn is_task_abortable(&self) -> bool {
        matches!(
            self.progress,
            Progress::AwaitingAnswer(Question::Digest(_) | Question::Measure)
        )
    }

    /// ABOR during a file task: replies 426 at once. The next command waits until the file is closed, or a
    /// client could open thousands of files with HASH and ABOR in turn.
    pub(super) fn abort_task(&mut self, cx: &mut Context<'_>) {
        if self.is_task_abortable() {
            self.abandon_task(&Reply::fixed(426, "Aborted, as asked."), cx);
        }
    }

    pub(super) fn abandon_task(&mut self, reply: &Reply, cx: &mut Context<'_>) {
        self.progress = Progress::AwaitingAnswer(Question::Abandoned);
        cx.reply(reply);
    }

    /// Whether the file task in progress was aborted.
    pub const fn has_abandoned(&self) -> bool {
        matches!(self.progress, Progress::AwaitingAnswer(Question::Abandoned))
    }

    /// The file of an aborted task is closed.
    pub(super) fn task_dropped(&mut self) {
        if self.has_abandoned() {
            self.progress = Progress::Idle;
        }
    }

    fn digest(
        &mut self,
        form: DigestForm,
        algorithm: Algorithm,
        name: &[u8],
        range: Option<ByteRange>,
        cx: &mut Context<'_>,
    ) {
        let Some(path) = self.permitted_path(Permissions::RETRIEVE, name, cx) else {
            return;
        };
        let question = Question::Digest(Box::new(DigestQuestion {
            form,
            name: name.to_vec(),
        }));
        let spec = TaskSpec::Digest {
            path,
            algorithm,
            range,
        };
        self.start_task(question, spec, cx);
    }

    fn start_task(&mut self, question: Question, spec: TaskSpec, cx: &mut Context<'_>) {
        self.progress = Progress::AwaitingAnswer(question);
        cx.action(Action::RunFileTask(spec));
    }
}

impl DigestQuestion {
    pub(super) fn reply(&self, value: &[u8], first: u64, length: u64) -> Reply {
        let digits = value.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex = digits.filter_map(|digit| char::from_digit(digit.into(), 16));
        let hex: String = hex.collect();
        let name = self.name.as_slice();
        match self.form {
            DigestForm::Hash(algorithm) => {
                // The draft does not define the range of an empty file: this sends `0-0`.
                let last = first + length.saturating_sub(1);
                let text = format!("{} {first}-{last} {hex} ", algorithm.name());
                Reply::new(213, [text.as_bytes(), name].concat())
            }
            DigestForm::Bare => Reply::new(250, hex.to_ascii_uppercase()),
            DigestForm::Named => {
                let hex = hex.to_ascii_uppercase();
                Reply::new(251, [name, b" ", hex.as_bytes()].concat())
            }
        }
    }
}

/// Parses a quoted name and an optional range, or an unquoted name. Two numbers at the end of an unquoted
/// name are a range, so a file with such a name needs quotes.
fn parse_x_argument(argument: &[u8]) -> Option<(Vec<u8>, Option<ByteRange>)> {
    if argument.starts_with(b"\"") {
        let (name, rest) = quoted::take_word(argument)?;
        let range = match trim_trailing_spaces(rest) {
            b"" => None,
            rest => Some(parse_x_range(rest)?),
        };
        return (!name.is_empty()).then_some((name, range));
    }
    let mut words = argument.rsplitn(3, |&b| b == b' ');
    if let (Some(end), Some(first), Some(name)) = (words.next(), words.next(), words.next())
        && !name.is_empty()
        && let Some(range) = parse_x_range(&[first, b" ", end].concat())
    {
        return Some((name.to_vec(), Some(range)));
    }
    Some((argument.to_vec(), None))
}

/// Parses `first end`, with an exclusive end.
fn parse_x_range(text: &[u8]) -> Option<ByteRange> {
    let mut words = text.split(|&b| b == b' ');
    let mut number = || parse_decimal(words.next()?);
    let first = number()?;
    let last = number()?.checked_sub(1)?;
    words
        .next()
        .is_none()
        .then(|| ByteRange::new(first, last))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_argument_is_split_into_name_and_range() {
        for (argument, expected) in [
            ("a b", Some(("a b", None))),
            ("\"a b\"", Some(("a b", None))),
            ("\"a\" 0 5", Some(("a", ByteRange::new(0, 4)))),
            ("\"a\" 0 5 ", Some(("a", ByteRange::new(0, 4)))),
            ("\"a\"  ", Some(("a", None))),
            ("a  ", Some(("a  ", None))),
            ("a b 2 5", Some(("a b", ByteRange::new(2, 4)))),
            ("\"a 2 5\"", Some(("a 2 5", None))),
            ("a 5", Some(("a 5", None))),
            ("2 5", Some(("2 5", None))),
            ("a 5 5", Some(("a 5 5", None))),
            ("\"a\" 5 5", None),
            ("\"a\" 0 0", None),
            ("\"a\" 5", None),
            ("\"a\" 1 2 3", None),
            ("\"a\"b", None),
            ("\"\"", None),
        ] {
            let expected = expected.map(|(name, range)| (name.as_bytes().to_vec(), range));
            assert_eq!(
                parse_x_argument(argument.as_bytes()),
                expected,
                "{argument}"
            );
        }
    }
}
