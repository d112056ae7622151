//! Resolves the configuration: options override the configuration file, which overrides the defaults.
//!
//! The result is validated as a whole. SIGHUP repeats this with the same options, so that they still
//! override the changed file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use log::LevelFilter;
use mioftpd::internals::config::password_file;
use mioftpd::{
    Account, Accounts, Config, ConfigDraft, Password, Permissions, Secret, is_anonymous,
};

use super::Failure;
use super::options::{AccountOptions, Options, ProcessOptions};

/// The environment variable with the password of `--user`.
const PASSWORD_VARIABLE: &str = "MIOFTPD_PASSWORD";

/// A validated configuration, and the log level.
pub(crate) struct Resolved {
    pub(crate) config: Box<Config>,
    pub(crate) log: LevelFilter,
}

/// The command line and the environment, which stay the same across reloads.
pub(crate) struct CliArgs {
    pub(super) arguments: Vec<OsString>,
    /// As read from the arguments alone.
    pub(super) options: Options,
    pub(super) password: Option<OsString>,
}

impl CliArgs {
    pub(crate) const fn process(&self) -> &ProcessOptions {
        &self.options.process
    }

    /// Reads the files as they are now, and validates the configuration.
    pub(crate) fn resolve(&self) -> Result<Resolved, Failure> {
        let mut draft = match &self.options.file {
            Some(path) => read(path)?,
            None => ConfigDraft::default(),
        };
        self.options.clear_replaced(&mut draft);
        let mut options = Options {
            draft,
            ..Options::default()
        };
        options.read(&self.arguments)?;
        let draft = options.finish(self.password.clone())?;
        // The default of `--log`.
        let log = draft.log.unwrap_or(LevelFilter::Info);
        let config = draft.finish().map_err(Failure::Invalid)?;
        Ok(Resolved {
            config: Box::new(config),
            log,
        })
    }
}

#[cfg(feature = "settings")]
pub(super) fn read(path: &std::path::Path) -> Result<ConfigDraft, Failure> {
    use mioftpd::internals::config::file::{self, FileError};

    file::read(path).map_err(|error| match error {
        FileError::Unreadable(..) => Failure::Unreadable(error.to_string()),
        FileError::Invalid { .. } => Failure::Invalid(error.to_string()),
    })
}

#[cfg(not(feature = "settings"))]
pub(super) fn read(path: &std::path::Path) -> Result<ConfigDraft, Failure> {
    let path = path.display();
    let text = format!("{path}: this build cannot read configuration files");
    Err(Failure::Invalid(text))
}

/// Options, and the keys that they set under another name.
const KEYS: [(&str, &str); 18] = [
    ("DIR", "directory"),
    ("log", "log.level"),
    ("no-sandbox", "sandbox"),
    ("passive-address", "passive.address"),
    ("passive-ports", "passive.ports"),
    ("reopen", "storage.reopen"),
    ("state-dir", "tls.state-directory"),
    ("syslog", "log.syslog"),
    ("tls-allow-ccc", "tls.allow-clear"),
    ("tls-cert", "tls.certificate"),
    ("tls-client-ca", "tls.client-authority"),
    ("tls-client-login", "tls.client-login"),
    ("tls-client-required", "tls.client-required"),
    ("tls-data-session", "tls.data-session"),
    ("tls-key", "tls.key"),
    ("tls-listen", "tls.listen"),
    ("tls-require", "tls.require"),
    ("tls-self-signed", "tls.self-signed"),
];

/// Options that set the key of the same name.
const SAME_KEYS: [&str; 8] = [
    "listen",
    "workers",
    "busy-poll",
    "umask",
    "run-as",
    "time-zone",
    "charset",
    "allow-combine",
];

/// The key that an option sets; an option without a key counts as the key `--OPTION`.
fn key_of(option: &str) -> String {
    let renamed = KEYS.iter().find(|(name, _)| *name == option);
    match renamed {
        Some((_, key)) => (*key).to_owned(),
        None if SAME_KEYS.contains(&option) => option.to_owned(),
        None => format!("--{option}"),
    }
}

impl Options {
    /// The configuration, with the origins of its keys and the accounts of the options.
    fn finish(self, password: Option<OsString>) -> Result<ConfigDraft, Failure> {
        let mut draft = self.draft;
        let config = &mut draft.config;
        for option in &self.names {
            config.origins.set_by_option(&key_of(option), option);
        }
        if password.is_some() {
            let origins = &mut config.origins;
            origins.set_by_option(PASSWORD_VARIABLE, PASSWORD_VARIABLE);
        }
        let accounts = self.accounts;
        if accounts.writable || accounts.anonymous || accounts.user.is_some() {
            config.sources.extend(accounts.password_file.clone());
            config.accounts = accounts.replace(&config.accounts, password)?;
        }
        Ok(draft)
    }
}

impl AccountOptions {
    /// The accounts that replace those of `base`: an anonymous one with `--anonymous`, or with `--writable`
    /// if `base` has one; and that of `--user`.
    fn replace(self, base: &Accounts, password: Option<OsString>) -> Result<Accounts, Failure> {
        let permissions = if self.writable {
            Permissions::ALL
        } else {
            Permissions::READ
        };
        let is_kept = self.user.is_none() && base.get(b"anonymous").is_some();
        let anonymous = (self.anonymous || is_kept).then(|| Account::anonymous(permissions));
        let named = match &self.user {
            None => None,
            Some(name) => account(name, self.password_file, password)?,
        };
        let named = named.map(|account| Account {
            allow_fxp: self.allow_fxp,
            ..account
        });
        Ok(anonymous.into_iter().chain(named).collect())
    }
}

/// The account of `--user`; `None` without a password, which validation reports.
fn account(
    name: &[u8],
    file: Option<PathBuf>,
    variable: Option<OsString>,
) -> Result<Option<Account>, Failure> {
    if name.is_empty() {
        return Err(Failure::Invalid("--user: the name is empty".to_owned()));
    }
    if is_anonymous(name) {
        let text = "--user: 'anonymous' and 'ftp' accept any password; choose another name";
        return Err(Failure::Invalid(text.to_owned()));
    }
    let secret = find_secret(file, variable)?;
    Ok(secret.map(|secret| Account::new(name, secret, Permissions::ALL)))
}

/// Reads the secret from the file, or else from the environment. There is no option for it, because every
/// user of the host can read the command line of a process.
fn find_secret(
    file: Option<PathBuf>,
    variable: Option<OsString>,
) -> Result<Option<Secret>, Failure> {
    let (secret, origin) = match (file, variable) {
        (Some(path), _) => {
            let origin = format!("--password-file {}", path.display());
            (password_file::read(&path), origin)
        }
        (None, Some(variable)) => {
            let password = Password::new(variable.into_vec());
            let secret = password_file::secret(password.as_bytes());
            (secret, PASSWORD_VARIABLE.to_owned())
        }
        (None, None) => return Ok(None),
    };
    let secret = secret.map_err(|cause| Failure::Invalid(format!("{origin}: {cause}")))?;
    Ok(Some(secret))
}
