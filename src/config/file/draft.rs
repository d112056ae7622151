//! A configuration in the making: each key has a place of its own here, whether the values fit
//! together or not.
//!
//! It becomes a [`Config`] when they do, and is made of one to be shown. What does not fit is
//! said of the key that was written.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use crate::config::{Certificate, ClientAuthority, Config, TlsConfig, own_names};
use crate::net::DataSession;
use crate::observe::{Format, TransferLog};
use crate::session::SecurityPolicy;

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

/// The parts of a [`TlsConfig`].
#[derive(Clone, Debug, Default)]
pub(super) struct TlsDraft {
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    pub(super) self_signed: bool,
    pub(super) state: Option<PathBuf>,
    pub(super) names: Option<Vec<String>>,
    pub(super) listen: Vec<std::net::SocketAddr>,
    pub(super) policy: SecurityPolicy,
    pub(super) data_session: DataSession,
    pub(super) client_authority: Option<PathBuf>,
    pub(super) client_required: bool,
}

/// A key that does not go with the others, and what would be right.
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
            tls: config.tls.take().map(TlsDraft::of).unwrap_or_default(),
            config,
            log: Some(log),
        }
    }

    /// Sees whether it fits together; `is_tls` where anything of it was written.
    pub(super) fn finish(self, is_tls: bool) -> Result<(Config, Option<LevelFilter>), Misfit> {
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
        if is_tls {
            config.tls = Some(self.tls.finish()?);
        }
        Ok((config, self.log))
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

impl TlsDraft {
    fn of(tls: TlsConfig) -> Self {
        let mut draft = Self {
            listen: tls.listen,
            policy: tls.policy,
            data_session: tls.data_session,
            ..Self::default()
        };
        match tls.certificate {
            Certificate::Files { certificate, key } => {
                (draft.certificate, draft.key) = (Some(certificate), Some(key));
            }
            Certificate::SelfSigned { state, names } => {
                draft.self_signed = true;
                (draft.state, draft.names) = (state, Some(names));
            }
        }
        if let Some(clients) = tls.clients {
            draft.client_authority = Some(clients.file);
            draft.client_required = clients.required;
        }
        draft
    }

    fn finish(self) -> Result<TlsConfig, Misfit> {
        let needs_clients = [
            (self.client_required, "tls.client-required"),
            (self.policy.certificate_login, "tls.client-login"),
        ];
        if self.client_authority.is_none()
            && let Some((_, key)) = needs_clients.iter().find(|(is_set, _)| *is_set)
        {
            return misfit(key, "goes with tls.client-authority = \"FILE\"");
        }
        let required = self.client_required;
        Ok(TlsConfig {
            policy: self.policy,
            data_session: self.data_session,
            clients: self
                .client_authority
                .clone()
                .map(|file| ClientAuthority { file, required }),
            listen: self.listen.clone(),
            certificate: self.certificate()?,
        })
    }

    fn certificate(self) -> Result<Certificate, Misfit> {
        let is_own = self.state.is_some() || self.names.is_some();
        match (self.certificate, self.key) {
            _ if self.self_signed && !cfg!(feature = "tls") => no_tls(),
            (None, None) if self.self_signed => Ok(Certificate::SelfSigned {
                names: self.names.unwrap_or_else(|| own_names(&self.listen)),
                state: self.state,
            }),
            _ if self.self_signed => misfit(
                "tls.self-signed",
                "goes without tls.certificate and tls.key",
            ),
            _ if is_own && self.state.is_some() => {
                misfit("tls.state-directory", "goes with tls.self-signed = true")
            }
            _ if is_own => misfit("tls.names", "goes with tls.self-signed = true"),
            (Some(_), Some(_)) if !cfg!(feature = "tls") => no_tls(),
            (Some(certificate), Some(key)) => Ok(Certificate::Files { certificate, key }),
            (Some(_), None) => misfit("tls.certificate", "goes with tls.key = \"FILE\""),
            (None, Some(_)) => misfit("tls.key", "goes with tls.certificate = \"FILE\""),
            (None, None) => misfit(
                "tls",
                "needs tls.certificate and tls.key, or tls.self-signed = true",
            ),
        }
    }
}

fn no_tls<T>() -> Result<T, Misfit> {
    misfit("tls", "this build has no TLS; build it with --features tls")
}
