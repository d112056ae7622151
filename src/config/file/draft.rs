//! The values of a configuration file: one field for each key.
//!
//! [`FileDraft::finish`] makes a [`ConfigDraft`] of it, which options of the command line override.
//! Combinations of keys are validated in `combinations`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use crate::config::{Config, ConfigDraft, TlsDraft};
use crate::observe::{TransferLog, TransferLogFormat};

/// The values in the file, and defaults for the rest. Keys whose type differs from that of
/// [`Config`] have a field of their own.
#[derive(Clone, Debug, Default)]
pub(super) struct FileDraft {
    /// Everything except TLS.
    pub(super) config: Config,
    pub(super) log: Option<LevelFilter>,
    /// `events.command`.
    pub(super) command: Vec<String>,
    /// The transfer logs, by format.
    pub(super) transfers: Option<PathBuf>,
    pub(super) transfers_json: Option<PathBuf>,
    pub(super) audit_json: Option<PathBuf>,
    pub(super) tls: TlsDraft,
}

/// A key with an invalid value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidKey {
    pub(super) key: &'static str,
    pub(super) text: String,
}

fn invalid<T>(key: &'static str, text: &str) -> Result<T, InvalidKey> {
    let text = text.to_owned();
    Err(InvalidKey { key, text })
}

impl FileDraft {
    pub(super) fn finish(self) -> Result<ConfigDraft, InvalidKey> {
        let mut config = self.config;
        config.events.command = self.command.into_iter().map(Into::into).collect();
        for (file, format) in [
            (self.transfers, TransferLogFormat::Xferlog),
            (self.transfers_json, TransferLogFormat::Json),
            (self.audit_json, TransferLogFormat::Audit),
        ] {
            let log = file.map(|file| TransferLog { file, format });
            config.transfer_logs.extend(log);
        }
        check_events(&config)?;
        Ok(ConfigDraft {
            config,
            tls: self.tls,
            log: self.log,
        })
    }
}

/// Checks the event keys early: the server would fail with them only at the first upload.
fn check_events(config: &Config) -> Result<(), InvalidKey> {
    let events = &config.events;
    let is_absolute = |word: &OsString| Path::new(word).is_absolute();
    if events
        .command
        .first()
        .is_some_and(|word| !is_absolute(word))
    {
        return invalid(
            "events.command",
            "must begin with the absolute path of a program",
        );
    }
    if events.digest && !cfg!(feature = "digests") {
        let text = "needs a build with --features digests";
        return invalid("events.digest", text);
    }
    Ok(())
}
