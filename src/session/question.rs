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
    Tilde {
        path: VirtualPath,
        from_start: VirtualPath,
    },
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

/// The format of a digest in a reply.
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
            Progress::AwaitingAnswer(question) => Some(question),
            other => {
                self.progress = other;
                None
            }
        }
    }

    pub(super) fn operated(&mut self, answer: Result<Answer>, cx: &mut Context<'_>) {
        let Some(question) = self.take_question() else {
            return;
        };
        match answer {
            Ok(answer) => self.storage_succeeded(question, answer, cx),
            Err(error) => self.storage_failed(question, error, cx),
        }
    }

    fn storage_succeeded(&mut self, question: Question, answer: Answer, cx: &mut Context<'_>) {
        match (question, answer) {
            (Question::Tilde { path, .. }, _) => self.enter(path, cx),
            (Question::Enter(path), Answer::Done) => self.entered(path, cx),
            (Question::Make(path), Answer::Done) => self.made(&path, cx),
            (Question::Taken, Answer::Metadata(found)) => cx.reply(&taken_reply(found.kind)),
            (Question::Remove | Question::RenameTo, Answer::Done) => {
                cx.reply(&Reply::file_action_completed());
            }
            (Question::Change(reply), Answer::Done) => cx.reply(&reply),
            (Question::Fits(wanted), Answer::Size(space)) => Self::room_found(wanted, space, cx),
            (Question::Size | Question::Space, Answer::Size(size)) => {
                cx.reply(&Reply::new(213, size.to_string()));
            }
            (Question::Size, Answer::Metadata(metadata)) => cx.reply(&size_reply(&metadata)),
            (Question::ModificationTime | Question::TimeOrName(_), Answer::Metadata(metadata)) => {
                Self::modification_time_found(&metadata, cx);
            }
            (question, _) => mismatched(&question, cx),
        }
    }

    fn storage_failed(&mut self, question: Question, error: Error, cx: &mut Context<'_>) {
        match (question, error) {
            // The job of the task has panicked. The 426 of its ABOR has answered it.
            (Question::Abandoned, _) => {}
            (Question::Tilde { from_start, .. }, Error::NotFound) => self.enter(from_start, cx),
            (Question::Tilde { path, .. }, _) => self.enter(path, cx),
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

    pub(super) fn entry_described(&mut self, entry: Result<Box<Entry>>, cx: &mut Context<'_>) {
        let Some(question) = self.take_question() else {
            return;
        };
        match (question, entry) {
            (question, Err(error)) => cx.reply(&question.refusal(error)),
            (Question::RenameFrom(path), Ok(_)) => {
                self.rename_from = Some(Box::new(path));
                cx.reply(&Reply::pending_further_information());
            }
            (Question::Facts(path), Ok(entry)) => self.facts_reply(&path, &entry, cx),
            (question, Ok(_)) => mismatched(&question, cx),
        }
    }

    pub(super) fn task_finished(&mut self, result: Result<TaskResult>, cx: &mut Context<'_>) {
        let Some(question) = self.take_question() else {
            return;
        };
        let reply = match (&question, result) {
            // The 426 of its ABOR has answered it.
            (Question::Abandoned, _) => return,
            (
                Question::Digest(digest),
                Ok(TaskResult::Digest {
                    value,
                    first,
                    length,
                }),
            ) => digest.reply(&value, first, length),
            (Question::Measure, Ok(TaskResult::Size(size))) => Reply::new(213, size.to_string()),
            (Question::Combine, Ok(TaskResult::Combined)) => Reply::file_action_completed(),
            (question, Ok(_)) => return mismatched(question, cx),
            (question, Err(error)) => question.refusal(error),
        };
        cx.reply(&reply);
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
