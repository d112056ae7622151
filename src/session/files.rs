//! DELE, RNFR, RNTO, SIZE, MLST: files by name, without a data connection, and the
//! answers that such questions to the storage get. RFC 959 §4.1.3, RFC 3659 §2 to §4 and §7.

use super::attributes::{TimeOrName, modification_reply};
use super::digests::DigestQuestion;
use super::space::fits_reply;
use super::{Action, Context, Progress, Session, refusal};
use crate::auth::Permissions;
use crate::limits::ASCII_SIZE_BYTES;
use crate::protocol::facts::{EntryRole, FactFormat, write_facts};
use crate::protocol::reply::Reply;
use crate::storage::{Answer, Entry, Error, Kind, Metadata, Operation, Result, VirtualPath};
use crate::transfer::{DataType, Structure};

/// What was asked of the storage, or of the network, and so what its answer means.
#[derive(Debug)]
pub(super) enum Question {
    /// CWD, CDUP.
    Enter(VirtualPath),
    /// Whether anything is called `~`, so that CWD means that, and not the account's start.
    Tilde {
        path: VirtualPath,
        from_start: VirtualPath,
    },
    /// MKD.
    Make(VirtualPath),
    /// Whether it is a directory that MKD has found there.
    Taken,
    /// RMD, DELE.
    Remove,
    /// RNFR.
    RenameFrom(VirtualPath),
    /// RNTO.
    RenameTo,
    /// SIZE.
    Size,
    /// MDTM.
    ModificationTime,
    /// MDTM of what may also be a time and a name.
    TimeOrName(Box<TimeOrName>),
    /// A change of attributes, and what is said when it is made.
    Change(Box<Reply>),
    /// AVBL.
    Space,
    /// ALLO, of so many bytes.
    Fits(u64),
    /// MLST, of what the client called it.
    Facts(VirtualPath),
    /// HASH, MD5 and the X names.
    Digest(Box<DigestQuestion>),
    /// DSIZ.
    Measure,
    /// Either of these two, after ABOR: its reply is said, and what it has open is being closed.
    Abandoned,
    /// COMB.
    Combine,
    /// STAT with a path, as the client wrote it.
    Status(Vec<u8>),
    /// SITE WHO.
    Who,
    /// PASV.
    Passive,
    /// EPSV.
    ExtendedPassive,
}

impl Session {
    pub(super) fn delete(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if !self.may(Permissions::DELETE, cx) {
            return;
        }
        if let Some(path) = self.path(argument, cx) {
            self.ask(Question::Remove, Operation::RemoveFile(path), cx);
        }
    }

    pub(super) fn rename_from(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if !self.may(Permissions::RENAME, cx) {
            return;
        }
        if let Some(path) = self.path(argument, cx) {
            self.progress = Progress::Asking(Question::RenameFrom(path.clone()));
            cx.action(Action::Describe(path));
        }
    }

    pub(super) fn rename_to(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        let Some(from) = self.rename_from.take() else {
            return cx.reply(&Reply::fixed(503, "Send RNFR first."));
        };
        // The account may have lost the permission since RNFR.
        if !self.may(Permissions::RENAME, cx) {
            return;
        }
        self.audited.names(&from);
        if let Some(to) = self.path(argument, cx) {
            let operation = Operation::Rename {
                from: *from,
                to,
                replace: self.login.permissions().contains(Permissions::OVERWRITE),
            };
            self.ask(Question::RenameTo, operation, cx);
        }
    }

    pub(super) fn size(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if !self.may_some(Permissions::READ, cx) {
            return;
        }
        let Some(path) = self.path(argument, cx) else {
            return;
        };
        let representation = self.channel.representation;
        if representation.structure == Structure::Record {
            return cx.reply(&Reply::fixed(550, "SIZE works in STRU F."));
        }
        // What MODE adds or saves is not counted (RFC 3659 §4.1): a client compares with its file.
        let operation = match representation.data_type {
            DataType::Image | DataType::Ebcdic(_) => Operation::Metadata(path),
            DataType::Ascii(_) => Operation::AsciiSize {
                path,
                limit: ASCII_SIZE_BYTES,
            },
        };
        self.ask(Question::Size, operation, cx);
    }

    pub(super) fn list_one(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        if !self.may(Permissions::LIST, cx) {
            return;
        }
        if let Some(path) = self.path(argument, cx) {
            self.progress = Progress::Asking(Question::Facts(path.clone()));
            cx.action(Action::Describe(path));
        }
    }

    /// How MLST and MLSD tell of files.
    pub(super) fn fact_format(&self, cx: &Context<'_>) -> FactFormat {
        FactFormat {
            facts: self.channel.facts,
            precision: cx.settings.time_precision,
            permissions: self.login.permissions(),
        }
    }

    pub(super) fn ask(&mut self, question: Question, operation: Operation, cx: &mut Context<'_>) {
        self.audited.asks(&operation);
        self.progress = Progress::Asking(question);
        cx.action(Action::Operate(operation));
    }

    /// Takes the question that is answered now; the next command may come.
    pub(super) fn answered(&mut self) -> Option<Question> {
        match std::mem::replace(&mut self.progress, Progress::Idle) {
            Progress::Asking(question) => Some(question),
            other => {
                self.progress = other;
                None
            }
        }
    }

    pub(super) fn operated(&mut self, answer: Result<Answer>, cx: &mut Context<'_>) {
        let Some(question) = self.answered() else {
            return;
        };
        let answer = match (&question, answer) {
            (Question::Abandoned, _) => return,
            (Question::Tilde { from_start, .. }, Err(Error::NotFound)) => {
                return self.enter(from_start.clone(), cx);
            }
            (Question::Tilde { path, .. }, _) => return self.enter(path.clone(), cx),
            (Question::Make(path), Err(Error::Exists)) => {
                let operation = Operation::Metadata(path.clone());
                return self.ask(Question::Taken, operation, cx);
            }
            (Question::Taken, answer) => return cx.reply(&taken_reply(&answer)),
            (_, Ok(answer)) => answer,
            (
                Question::TimeOrName(meant),
                Err(Error::NotFound | Error::NotDirectory | Error::BadName),
            ) => return self.is_time_and_name(meant, cx),
            (question, Err(error)) => return cx.reply(&refused(question, error)),
        };
        match (question, answer) {
            (Question::Enter(path), _) => self.entered(path, cx),
            (Question::Make(path), _) => {
                let mut text = self.shown(path.quoted(), cx);
                text.extend_from_slice(b" created.");
                cx.reply(&Reply::new(257, text));
            }
            (Question::Change(reply), _) => cx.reply(&reply),
            (Question::Fits(wanted), Answer::Size(space)) => cx.reply(&fits_reply(wanted, space)),
            (Question::Size | Question::Space, Answer::Size(size)) => {
                cx.reply(&Reply::new(213, size.to_string()));
            }
            (Question::Size, Answer::Metadata(metadata)) => cx.reply(&size_reply(&metadata)),
            (Question::ModificationTime | Question::TimeOrName(_), Answer::Metadata(metadata)) => {
                cx.reply(&modification_reply(&metadata, cx.settings.time_precision));
            }
            _ => cx.reply(&Reply::file_action_completed()),
        }
    }

    pub(super) fn described_entry(&mut self, entry: Result<Box<Entry>>, cx: &mut Context<'_>) {
        let Some(question) = self.answered() else {
            return;
        };
        match (question, entry) {
            (question, Err(error)) => cx.reply(&refused(&question, error)),
            (Question::RenameFrom(path), Ok(_)) => {
                self.rename_from = Some(Box::new(path));
                cx.reply(&Reply::pending_further_information());
            }
            (Question::Facts(path), Ok(entry)) => self.facts_reply(&path, &entry, cx),
            _ => {}
        }
    }

    /// RFC 3659 §7.2: one space, the facts, one space, the name, between two lines of 250. Names are in
    /// UTF-8 (§2.2) here and in MLSD, whatever the charset is: only newer clients ask, and every command
    /// takes UTF-8.
    fn facts_reply(&self, path: &VirtualPath, entry: &Entry, cx: &mut Context<'_>) {
        let mut lines = b"Listing follows.\n".to_vec();
        write_facts(&mut lines, self.fact_format(cx), entry, EntryRole::Entry);
        lines.push(b' ');
        lines.extend_from_slice(&path.to_bytes());
        lines.extend_from_slice(b"\nEnd.");
        cx.reply(&Reply::new(250, lines));
    }
}

fn refused(question: &Question, error: Error) -> Reply {
    match (question, error) {
        (Question::RenameTo, Error::Exists | Error::IsDirectory) => {
            Reply::fixed(553, "File already exists, and is not replaced.")
        }
        // What clients look for to ask again in TYPE I.
        (Question::Size, Error::TooLarge) => {
            Reply::fixed(550, "SIZE not allowed in ASCII mode for a file so large.")
        }
        (Question::Size, Error::IsDirectory) => refusal(Error::NotRegular),
        // Looking cannot fail for a bad name: there is no such thing.
        (
            Question::Enter(_)
            | Question::Size
            | Question::ModificationTime
            | Question::Change(_)
            | Question::Space,
            Error::BadName,
        ) => refusal(Error::NotFound),
        _ => refusal(error),
    }
}

/// RFC 959 §5.4 has 550 for MKD, and 521 only in an example of appendix II. Programs look for these
/// words, and some for the whole line of the first, without a full stop.
fn taken_reply(answer: &Result<Answer>) -> Reply {
    match answer {
        Ok(Answer::Metadata(metadata)) if metadata.kind == Kind::Directory => {
            Reply::fixed(550, "Directory already exists")
        }
        _ => Reply::fixed(550, "File already exists."),
    }
}

fn size_reply(metadata: &Metadata) -> Reply {
    match metadata.kind {
        Kind::File => Reply::new(213, metadata.size.to_string()),
        Kind::Directory | Kind::Link | Kind::Other(_) => refusal(Error::NotRegular),
    }
}
