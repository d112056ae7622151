//! The commands that wait for one answer: which question is open, and the reply to each answer.
//! RFC 959 §5.4.
//!
//! A command that needs the storage or a file task stores a [`Question`] in the session and sends an
//! [`Action`]; the matching event ends up here. The files of the command families import this file,
//! never the reverse: it calls their methods of [`Session`], and knows no wire format of an argument.

use super::{Action, Context, Progress, Session, refusal};
use crate::file_task::{Algorithm, TaskResult};
use crate::protocol::reply::Reply;
use crate::storage::{Answer, Entry, Error, Kind, Metadata, Operation, Result, VirtualPath};

/// The command in progress, with what its reply needs.
#[derive(Debug)]
pub(super) enum Question {
    /// CWD and CDUP.
    Enter(VirtualPath),
    /// `CWD ~`: whether an entry named `~` exists. If not, the path is relative to the account's root.
    Tilde(Box<TildePaths>),
    /// MKD.
    Make(VirtualPath),
    /// MKD of a name that exists: whether it is a directory.
    Taken,
    /// RMD and DELE.
    Remove,
    /// RNFR.
    RenameFrom(VirtualPath),
    /// RNTO.
    RenameTo,
    /// SIZE.
    Size,
    /// MDTM.
    ModificationTime,
    /// MDTM whose argument is either a name or a time and a name.
    TimeOrName(Box<TimeOrName>),
    /// A change of attributes, with the reply to its success.
    Change(Box<Reply>),
    /// AVBL.
    Space,
    /// ALLO, with the number of bytes that the client asks for.
    Fits(u64),
    /// MLST, with the resolved path.
    Facts(VirtualPath),
    /// HASH, MD5 and the X commands.
    Digest(Box<DigestQuestion>),
    /// DSIZ.
    Measure,
    /// `Digest` or `Measure` after ABOR: the command is answered, its file task still holds a file.
    Abandoned,
    /// COMB.
    Combine,
    /// STAT with an argument, as the client wrote it.
    Status(Vec<u8>),
    /// SITE WHO.
    Who,
    /// PASV.
    Passive,
    /// EPSV.
    ExtendedPassive,
}

/// The two meanings of a path that begins with `~`.
#[derive(Debug)]
pub(super) struct TildePaths {
    /// Below the entry named `~`.
    pub(super) path: VirtualPath,
    /// Below the account's root.
    pub(super) from_start: VirtualPath,
}

pub(super) enum Found {
    Answered(Answer),
    Described(Box<Entry>),
    TaskDone(TaskResult),
    /// Lines that end in CRLF, and whether the listing is complete.
    Listed((Vec<u8>, bool)),
}

/// The argument of an MDTM that reads as a time and a name.
#[derive(Debug)]
pub(super) struct TimeOrName {
    /// Seconds since 1970, and nanoseconds.
    pub(super) modified: (i64, u32),
    /// As the client wrote it.
    pub(super) name: Vec<u8>,
}

/// Which digest command was sent, for the format of its reply.
#[derive(Debug)]
pub(super) struct DigestQuestion {
    pub(super) form: DigestForm,
    /// As the client wrote it.
    pub(super) name: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DigestForm {
    /// HASH: with the algorithm and the range.
    Hash(Algorithm),
    /// The X commands: the digest alone.
    Bare,
    /// MD5: with the name.
    Named,
}

impl Session {
    pub(super) fn ask(&mut self, question: Question, operation: Operation, cx: &mut Context<'_>) {
        self.audit.note_operation(&operation);
        self.progress = Progress::AwaitingAnswer(question);
        cx.action(Action::Operate(operation));
    }

    /// Takes the open question, so that the session accepts the next command. `None` if the session
    /// has ended in the meantime: the answer comes too late.
    pub(super) fn take_question(&mut self) -> Option<Question> {
        match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::AwaitingAnswer(question) | Progress::AwaitingPort(question) => Some(question),
            other => {
                self.progress = other;
                None
            }
        }
    }

    pub(super) fn answered(&mut self, found: Result<Found>, cx: &mut Context<'_>) {
        let Some(question) = self.take_question() else {
            return;
        };
        match found {
            // The 426 of its ABOR has answered it.
            _ if matches!(question, Question::Abandoned) => {}
            Ok(found) => self.succeeded(question, found, cx),
            Err(error) => self.failed(question, error, cx),
        }
    }

    fn succeeded(&mut self, question: Question, found: Found, cx: &mut Context<'_>) {
        use Found::{Answered, Described, Listed, TaskDone};
        let reply = match (question, found) {
            (Question::Tilde(paths), _) => return self.enter(paths.path, cx),
            (Question::Enter(path), Answered(Answer::Done)) => return self.entered(path, cx),
            (Question::Make(path), Answered(Answer::Done)) => return self.made(&path, cx),
            (Question::Taken, Answered(Answer::Metadata(found))) => taken_reply(found.kind),
            (Question::Remove | Question::RenameTo, Answered(Answer::Done))
            | (Question::Combine, TaskDone(TaskResult::Combined)) => Reply::file_action_completed(),
            (Question::Change(reply), Answered(Answer::Done)) => *reply,
            (Question::Fits(wanted), Answered(Answer::Size(space))) => fits_reply(wanted, space),
            (Question::Size | Question::Space, Answered(Answer::Size(size)))
            | (Question::Measure, TaskDone(TaskResult::Size(size))) => {
                Reply::new(213, size.to_string())
            }
            (Question::Size, Answered(Answer::Metadata(metadata))) => size_reply(&metadata),
            (
                Question::ModificationTime | Question::TimeOrName(_),
                Answered(Answer::Metadata(metadata)),
            ) => return Self::modification_time_found(&metadata, cx),
            (Question::RenameFrom(path), Described(_)) => {
                self.rename_from = Some(Box::new(path));
                Reply::pending_further_information()
            }
            (Question::Facts(path), Described(entry)) => self.facts_reply(&path, &entry, cx),
            (
                Question::Digest(digest),
                TaskDone(TaskResult::Digest {
                    value,
                    first,
                    length,
                }),
            ) => digest.reply(&value, first, length),
            (Question::Status(argument), Listed((lines, is_complete))) => {
                status_reply(&argument, lines, is_complete)
            }
            (question, _) => return mismatched(&question, cx),
        };
        cx.reply(&reply);
    }

    fn failed(&mut self, question: Question, error: Error, cx: &mut Context<'_>) {
        match (question, error) {
            (Question::Tilde(paths), Error::NotFound) => self.enter(paths.from_start, cx),
            (Question::Tilde(paths), _) => self.enter(paths.path, cx),
            (Question::Make(path), Error::Exists) => {
                self.ask(Question::Taken, Operation::Metadata(path), cx);
            }
            (Question::Taken, _) => cx.reply(&taken_reply(Kind::File)),
            (
                Question::TimeOrName(argument),
                Error::NotFound | Error::NotDirectory | Error::BadName,
            ) => self.is_time_and_name(&argument, cx),
            (question, error) => cx.reply(&question.refusal(error)),
        }
    }
}

/// An event that does not answer the open question. The reactor answers each action with its own event, or
/// with an error, so this is a bug; the client must still get a reply, or it would wait for ever.
pub(super) fn mismatched(question: &Question, cx: &mut Context<'_>) {
    debug_assert!(false, "an answer of another kind to {question:?}");
    cx.reply(&Reply::local_error());
}

/// MKD of a name that exists: RFC 959 §5.4 has 550, appendix II has 521 in an example only. Clients match
/// these words; `WinSCP` compares the whole line of the first, which has no full stop.
fn taken_reply(kind: Kind) -> Reply {
    match kind {
        Kind::Directory => Reply::fixed(550, "Directory already exists"),
        _ => Reply::fixed(550, "File already exists."),
    }
}

fn size_reply(metadata: &Metadata) -> Reply {
    match metadata.kind {
        Kind::File => Reply::new(213, metadata.size.to_string()),
        Kind::Directory | Kind::Link | Kind::Other(_) => refusal(Error::NotRegular),
    }
}

fn fits_reply(wanted: u64, space: u64) -> Reply {
    if wanted <= space {
        Reply::fixed(200, "There is room for that.")
    } else {
        Reply::new(552, format!("There is room for {space} bytes only."))
    }
}

fn status_reply(argument: &[u8], listing: Vec<u8>, is_complete: bool) -> Reply {
    let mut lines = [b"Status of ", argument, b":\n"].concat();
    lines.extend(listing.into_iter().filter(|&b| b != b'\r'));
    lines.extend_from_slice(if is_complete {
        b"End of status."
    } else {
        b"End of status; LIST tells more."
    });
    Reply::new(213, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allo_compares_to_the_byte() {
        for (wanted, code) in [(9, 200), (10, 200), (11, 552)] {
            assert_eq!(fits_reply(wanted, 10).code, code);
        }
    }
}
