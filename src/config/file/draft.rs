//! A configuration file in the making: each key has a place of its own here.
//!
//! It becomes a [`ConfigDraft`], which options of the command line are laid over, and is made of a
//! [`Config`] to be shown. Whether keys go together is for `combinations` to know.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use crate::config::{Config, ConfigDraft, TlsDraft};
use crate::observe::{Format, TransferLog};

/// What was written, and the defaults for the rest.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// All but TLS.
    pub(super) config: Config,
    pub(super) log: Option<LevelFilter>,
    /// Of events.
    pub(super) command: Vec<String>,
    /// The transfer logs, by their formats.
    pub(super) transfers: Option<PathBuf>,
    pub(super) transfers_json: Option<PathBuf>,
    pub(super) audit_json: Option<PathBuf>,
    pub(super) tls: TlsDraft,
}

/// A key whose value cannot be meant, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) key: &'static str,
    pub(super) text: String,
}

fn misfit<T>(key: &'static str, text: &str) -> Result<T, Misfit> {
    let text = text.to_owned();
    Err(Misfit { key, text })
}

impl Draft {
    /// Nothing is written.
    pub(super) fn empty() -> Self {
        Self {
            config: Config::default(),
            log: None,
            command: Vec::new(),
            transfers: None,
            transfers_json: None,
            audit_json: None,
            tls: TlsDraft::default(),
        }
    }

    /// What is in force, to be shown.
    pub(super) fn of(config: &Config, log: LevelFilter) -> Self {
        let mut config = config.clone();
        if config.listen.is_empty() && config.tls.as_ref().is_none_or(|tls| tls.listen.is_empty()) {
            config.listen = Config::DEFAULT_ADDRESSES.to_vec();
        }
        let words = config.events.command.iter();
        let transfers = |format| {
            let mut logs = config.transfer_logs.iter();
            let log = logs.find(|log| log.format == format);
            log.map(|log| log.file.clone())
        };
        Self {
            command: words.map(|word| word.to_string_lossy().into()).collect(),
            transfers: transfers(Format::Xferlog),
            transfers_json: transfers(Format::Json),
            audit_json: transfers(Format::Audit),
            tls: TlsDraft::of(config.tls.take()),
            config,
            log: Some(log),
        }
    }

    /// What was written, whether it goes together or not.
    pub(super) fn finish(self) -> Result<ConfigDraft, Misfit> {
        let mut config = self.config;
        config.events.command = self.command.into_iter().map(Into::into).collect();
        for (file, format) in [
            (self.transfers, Format::Xferlog),
            (self.transfers_json, Format::Json),
            (self.audit_json, Format::Audit),
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

/// What the sandbox forbids would only be found out at the first upload.
fn check_events(config: &Config) -> Result<(), Misfit> {
    let events = &config.events;
    let own_path = |word: &OsString| Path::new(word).is_absolute();
    if events.command.first().is_some_and(|word| !own_path(word)) {
        return misfit(
            "events.command",
            "begins with the absolute path of a program",
        );
    }
    if events.digest && !cfg!(feature = "digests") {
        let text = "needs a build with --features digests";
        return misfit("events.digest", text);
    }
    Ok(())
}
