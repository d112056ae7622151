//! The checks, each a function, in the order in which they run.
//!
//! [`Known`] is what earlier ones have found out for later ones. A check must leave the session in step, or
//! [`Stop`].

mod active;
mod control;
mod features;
pub(super) mod greeting;
mod idle;
mod listing;
mod names;
mod passive;
mod reading;
pub(super) mod security;
mod stranger;
mod uploads;
mod writing;

use super::client::{Broken, Reply};
use super::data::Session;
use super::finding::{Fault, Report};
use super::target::Target;

/// A check of a session.
pub(super) type Check = fn(&mut Visit<'_, '_>) -> Result<(), Stop>;

/// The checks that each server gets. The first of them makes a file for the others, if it may write.
pub(super) const EACH: &[Check] = &[
    writing::prepare,
    features::check,
    control::replies,
    control::lines,
    control::long_line,
    control::pipelining,
    passive::addresses,
    passive::extended,
    stranger::check,
    active::check,
    listing::choose,
    listing::facts,
    listing::unix,
    reading::sizes,
    reading::restarts,
    reading::dates,
    reading::text,
    reading::aborts,
    uploads::changes,
    uploads::restarts,
    uploads::cuts,
    names::check,
    writing::clean,
    passive::only_extended,
    idle::check,
];

/// What must be done even if there is no time for the other checks.
pub(super) const LAST: &[Check] = &[writing::clean];

/// The checks of a session with TLS.
pub(super) const SECURED: &[Check] = &[security::data, security::clear_data];

/// Why a check needs no more of its session.
#[derive(Debug)]
pub(super) enum Stop {
    /// The conversation ended, which is a fault.
    Broken(Broken),
    /// What there is to say was said; the next check needs another session.
    Restart,
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// What a check works with.
pub(super) struct Visit<'v, 't> {
    pub(super) session: Session<'t>,
    pub(super) target: &'v Target<'t>,
    pub(super) known: &'v mut Known,
    pub(super) report: &'v mut Report,
}

impl Visit<'_, '_> {
    /// Sends a command and reads its reply.
    fn command(&mut self, command: impl AsRef<[u8]>) -> Result<Reply, Stop> {
        Ok(self.session.command(command)?)
    }

    /// Adds a finding: what was answered to a command.
    fn answered(&mut self, fault: Fault, command: &str, reply: &Reply) {
        let what = format!("{command} was answered '{}'", reply.shown);
        self.report.add(fault, what);
    }
}

/// A file whose content is known.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) path: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

/// What is known of the server.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The time, in seconds since 1970.
    pub(super) now: i64,
    /// The lines of FEAT, in capital letters and without blanks around them.
    pub(super) features: Vec<String>,
    /// The server is mioftpd.
    pub(super) is_ours: bool,
    /// AUTH TLS, or implicit TLS, works.
    pub(super) has_tls: bool,
    /// USER is accepted in the clear, with a name that has a password.
    pub(super) has_clear_login: bool,
    /// The directory that is listed; empty: that of the login.
    pub(super) directory: Vec<u8>,
    /// The names in MLSD, if all of them are known.
    pub(super) names: Option<Vec<Vec<u8>>>,
    /// The file for the checks of downloads.
    pub(super) sample: Option<Sample>,
    /// The directory that was made for uploads.
    pub(super) scratch: Option<Vec<u8>>,
    /// The files that were made in it.
    pub(super) made: Vec<Vec<u8>>,
}

impl Known {
    /// Whether FEAT has this word first in a line.
    pub(super) fn claims(&self, name: &str) -> bool {
        let mut lines = self.features.iter();
        lines.any(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        })
    }

    /// The path of a new file for uploads, which will be removed; `None` if nothing may be written.
    fn new_file(&mut self, name: &str) -> Option<Vec<u8>> {
        let path = joined(self.scratch.as_ref()?, name.as_bytes());
        self.made.push(path.clone());
        Some(path)
    }
}

/// A command with a path.
fn with_path(verb: &str, path: &[u8]) -> Vec<u8> {
    [verb.as_bytes(), b" ", path].concat()
}

/// The path of a name in a directory.
fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    if directory.is_empty() || directory.ends_with(b"/") {
        [directory, name].concat()
    } else {
        [directory, b"/", name].concat()
    }
}

/// The text of a reply or listing.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
