//! Errors and endings in words: the replies to commands that have failed, the replies to transfers that have
//! ended, and what the logs say of those. RFC 959 §4.2.
//!
//! [`refusal`] has the usual reply to each error of the storage; the methods have the exceptions of the
//! command.

use std::fmt;

use super::Ending;
use super::question::{DigestForm, DigestQuestion, Question};
use super::transfers::Purpose;
use crate::limits::{DIRECTORIES_PENDING, DIRECTORY_DEPTH};
use crate::observe::Outcome;
use crate::protocol::reply::Reply;
use crate::storage::Error;

/// The reply to a failed storage call before the 150 of a transfer or outside of one.
pub(super) fn refusal(error: Error) -> Reply {
    let code = match error {
        Error::NoSpace => 452,
        Error::Busy | Error::NotCounted => 450,
        Error::QuotaExceeded => 552,
        Error::Device | Error::Exhausted => 451,
        Error::BadName => 553,
        _ => 550,
    };
    Reply::new(code, format!("{}.", error.reason()))
}

impl Question {
    /// The reply where the storage or the file task has failed.
    pub(super) fn refusal(&self, error: Error) -> Reply {
        let is_hash = |digest: &DigestQuestion| matches!(digest.form, DigestForm::Hash(_));
        match (self, error) {
            (Self::RenameTo, Error::Exists | Error::IsDirectory) => {
                Reply::fixed(553, "File already exists, and is not replaced.")
            }
            // Clients match these words, and repeat SIZE in TYPE I.
            (Self::Size, Error::TooLarge) => {
                Reply::fixed(550, "SIZE not allowed in ASCII mode for a file so large.")
            }
            (Self::Change(_), Error::TooLarge) => {
                Reply::fixed(550, "The file system cannot store this time.")
            }
            (Self::Measure, Error::TooLarge) => {
                Reply::fixed(550, "There are more directories than DSIZ goes through.")
            }
            (Self::Digest(digest), Error::IsDirectory) if is_hash(digest) => {
                Reply::fixed(553, "A directory has no digest.")
            }
            (Self::Digest(digest), Error::BeyondEnd) if is_hash(digest) => {
                Reply::fixed(551, "The range is beyond the end of the file.")
            }
            (Self::Size | Self::Digest(_), Error::IsDirectory) => refusal(Error::NotRegular),
            // No file can have such a name, so a query finds none.
            (
                Self::Enter(_)
                | Self::Size
                | Self::ModificationTime
                | Self::Change(_)
                | Self::Space
                | Self::Digest(_),
                Error::BadName,
            ) => refusal(Error::NotFound),
            _ => refusal(error),
        }
    }
}

impl Purpose {
    /// The reply where the file cannot be opened.
    pub(super) fn refusal(&self, error: Error) -> Reply {
        match (self, error) {
            // RFC 959 §4.2: file busy.
            (_, Error::InUse) => Reply::fixed(450, "File in use; try again later."),
            (_, Error::BeyondEnd) => Reply::fixed(554, "REST is beyond the end of the file."),
            (Self::MachineList, Error::NotDirectory) => Reply::fixed(501, "Not a directory."),
            (Self::Retrieve(_), Error::BadName | Error::NotDirectory)
            | (Self::List | Self::MachineList, Error::BadName) => refusal(Error::NotFound),
            // Clients match "not a regular file", also for a directory.
            (_, Error::IsDirectory) => refusal(Error::NotRegular),
            _ => refusal(error),
        }
    }
}

impl Ending {
    /// A word for it, for counters.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::NotConnected => "not connected",
            Self::NotSecured => "not secured",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::Bounded => "bounded",
            Self::Stalled => "stalled",
            Self::Aborted => "aborted",
            Self::Abandoned => "abandoned",
            Self::Stopped => "stopped",
            Self::Revoked => "revoked",
            Self::EndedByOperator => "ended by operator",
            Self::Failed(_) => "failed",
        }
    }

    /// The final reply; with the size of a partial file, from which the client can resume with REST.
    pub(super) fn reply(self, kept: Option<u64>) -> Reply {
        let mut reply = match self {
            Self::Complete => Reply::fixed(226, "Closing data connection; transfer complete."),
            Self::NotConnected => Reply::cannot_open_data_connection(),
            Self::NotSecured => Reply::fixed(522, "TLS failed on the data connection."),
            Self::Cut => Reply::transfer_aborted(),
            Self::Malformed => Reply::fixed(451, "Not what MODE and STRU say; transfer aborted."),
            Self::Bounded => Reply::new(
                451,
                format!(
                    "The listing is not complete: LIST -R goes {DIRECTORY_DEPTH} directories deep, \
                     and remembers {DIRECTORIES_PENDING} that follow."
                ),
            ),
            Self::Stalled => Reply::fixed(426, "No data for too long; transfer aborted."),
            Self::Aborted => Reply::fixed(426, "Transfer aborted, as asked."),
            Self::Abandoned => Reply::fixed(426, "Control connection ended; transfer aborted."),
            Self::Stopped => Reply::fixed(426, "Server is stopping; transfer aborted."),
            Self::Revoked => Reply::fixed(426, "No longer allowed; transfer aborted."),
            Self::EndedByOperator => {
                Reply::fixed(426, "The operator has ended the session; transfer aborted.")
            }
            Self::Failed(error @ (Error::NoSpace | Error::QuotaExceeded)) => refusal(error),
            // A limit of the file system or of the process (RLIMIT_FSIZE).
            Self::Failed(Error::TooLarge) => Reply::fixed(552, "File too large; transfer aborted."),
            Self::Failed(error) => {
                // Some file systems refuse a name only at the rename.
                let code = if error == Error::BadName { 553 } else { 451 };
                Reply::new(code, format!("{}; transfer aborted.", error.reason()))
            }
        };
        if let Some(size) = kept {
            let kept = format!(" {size} bytes are kept.");
            reply = Reply::new(reply.code, [&reply.lines, kept.as_bytes()].concat());
        }
        reply
    }

    pub(super) const fn outcome(self) -> Outcome {
        match self {
            Self::Complete => Outcome::Complete,
            Self::Failed(Error::NoSpace | Error::QuotaExceeded) => Outcome::Incomplete("no-space"),
            _ => Outcome::Incomplete(self.words().0),
        }
    }

    /// The outcome in one word, and what has happened.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Complete => ("complete", "all bytes were transferred"),
            Self::NotConnected => ("not-connected", "the data connection was not established"),
            Self::NotSecured => ("not-secured", "TLS on the data connection failed"),
            Self::Cut => ("cut", "the data connection was cut"),
            Self::Malformed => ("malformed", "the data violates MODE or STRU"),
            Self::Bounded => ("bounded", "the recursive listing was truncated"),
            Self::Stalled => ("stalled", "the data connection stalled"),
            Self::Aborted => ("aborted", "the client sent ABOR"),
            Self::Abandoned => ("abandoned", "the control connection ended"),
            Self::Stopped => ("stopped", "the server is stopping"),
            Self::Revoked => ("revoked", "the permission was revoked"),
            Self::EndedByOperator => ("ended-by-operator", "the operator has ended the session"),
            Self::Failed(error) => ("failed", error.reason()),
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Failed(_) = self {
            f.write_str("the storage failed: ")?;
        }
        f.write_str(self.words().1)
    }
}
