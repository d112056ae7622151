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

use super::{Failure, Options, UsageError};

/// The environment variable with the password of `--user`.
const PASSWORD_VARIABLE: &str = "MIOFTPD_PASSWORD";

/// Whether this build reads configuration files.
pub(super) const HAS_FILES: bool = cfg!(feature = "config");

/// A validated configuration, and the log level.
pub(crate) struct Resolved {
    pub(crate) config: Box<Config>,
    pub(crate) log: LevelFilter,
}

/// The command line and the environment, which stay the same across reloads.
pub(crate) struct CliArgs {
    pub(super) options: Options,
    pub(super) password: Option<OsString>,
}

impl CliArgs {
    /// Reads the files as they are now, and validates the configuration.
    pub(crate) fn resolve(&self) -> Result<Resolved, Failure> {
        let base = match &self.options.file {
            Some(path) => read(path)?,
            None => ConfigDraft::default(),
        };
        let options = self.options.clone();
        let draft = options.apply_to(base, self.password.clone())?;
        let log = draft.log.unwrap_or(LevelFilter::Info);
        let config = draft.finish().map_err(Failure::Invalid)?;
        Ok(Resolved {
            config: Box::new(config),
            log,
        })
    }
}

#[cfg(feature = "config")]
fn read(path: &std::path::Path) -> Result<ConfigDraft, Failure> {
    use mioftpd::internals::config::file::{self, FileError};

    file::read(path).map_err(|error| match error {
        FileError::Unreadable(..) => Failure::Unreadable(error.to_string()),
        FileError::Invalid { .. } => Failure::Invalid(error.to_string()),
    })
}

#[cfg(not(feature = "config"))]
fn read(path: &std::path::Path) -> Result<ConfigDraft, Failure> {
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
    ("state-dir", "tls.state-directory"),
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
    ("writable", "--writable"),
    ("user", "--user"),
];

/// Options that set the key of the same name.
const SAME_KEYS: [&str; 7] = [
    "listen",
    "workers",
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
    /// Overrides the keys in `base` that the options set.
    fn apply_to(
        self,
        base: ConfigDraft,
        password: Option<OsString>,
    ) -> Result<ConfigDraft, UsageError> {
        let ConfigDraft {
            mut config,
            mut tls,
            log,
        } = base;
        let origins = &mut config.origins;
        for option in &self.names {
            origins.set_by_option(&key_of(option), option);
        }
        if password.is_some() {
            origins.set_by_option(PASSWORD_VARIABLE, PASSWORD_VARIABLE);
        }
        if self.writable || self.anonymous || self.user.is_some() {
            config.accounts = self.accounts(&config.accounts, password)?;
            config.sources.extend(self.password_file.clone());
        }
        if !self.listen.is_empty() {
            config.listen = self.listen;
        }
        override_with(&mut config.root, self.root.map(Some));
        override_with(&mut config.passive_ports, self.passive_ports.map(Some));
        override_with(&mut config.passive_address, self.passive_address.map(Some));
        override_with(&mut config.zone, self.zone);
        override_with(&mut config.charset, self.charset.map(Some));
        override_with(&mut config.workers, self.workers);
        override_with(&mut config.umask, self.umask.map(Some));
        override_with(&mut config.run_as, self.run_as.map(Some));
        config.sandbox &= !self.no_sandbox;
        config.allow_combine |= self.allow_combine;
        self.tls.apply_to(&mut tls);
        let log = self.log.or(log);
        Ok(ConfigDraft { config, tls, log })
    }

    /// The accounts that replace those of `base`: an anonymous one with `--anonymous`, or with `--writable`
    /// if `base` has one; and that of `--user`.
    fn accounts(
        &self,
        base: &Accounts,
        password: Option<OsString>,
    ) -> Result<Accounts, UsageError> {
        let permissions = if self.writable {
            Permissions::ALL
        } else {
            Permissions::READ
        };
        let is_kept = || self.user.is_none() && base.get(b"anonymous").is_some();
        let anonymous = (self.anonymous || is_kept()).then(|| Account::anonymous(permissions));
        let named = match &self.user {
            None => None,
            Some(name) => account(name, self.password_file.clone(), password)?,
        };
        let named = named.map(|account| Account {
            allow_fxp: self.allow_fxp,
            ..account
        });
        Ok(anonymous.into_iter().chain(named).collect())
    }
}

/// Overrides a key that an option sets.
pub(super) fn override_with<T>(key: &mut T, option: Option<T>) {
    if let Some(value) = option {
        *key = value;
    }
}

/// The account of `--user`; `None` without a password, which validation reports.
fn account(
    name: &[u8],
    file: Option<PathBuf>,
    variable: Option<OsString>,
) -> Result<Option<Account>, UsageError> {
    if name.is_empty() {
        return Err(UsageError("--user: the name is empty".to_owned()));
    }
    if is_anonymous(name) {
        let text = "--user: 'anonymous' and 'ftp' accept any password; choose another name";
        return Err(UsageError(text.to_owned()));
    }
    let secret = find_secret(file, variable)?;
    Ok(secret.map(|secret| Account::new(name, secret, Permissions::ALL)))
}

/// Reads the secret from the file, or else from the environment. There is no option for it, because every
/// user of the host can read the command line of a process.
fn find_secret(
    file: Option<PathBuf>,
    variable: Option<OsString>,
) -> Result<Option<Secret>, UsageError> {
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
    let secret = secret.map_err(|cause| UsageError(format!("{origin}: {cause}")))?;
    Ok(Some(secret))
}
