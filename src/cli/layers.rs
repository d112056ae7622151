//! What was typed, over what the configuration file says, over the defaults.
//!
//! Each option that was typed takes the place of what the file says; then it has to go together. At
//! SIGHUP the same is done again, so that what was typed stays.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use log::LevelFilter;
use mioftpd::auth::{Account, Accounts, Password, Permissions, Secret, is_anonymous};
use mioftpd::config::{Config, ConfigDraft, password_file};

use super::{Failure, Typed, Usage};

/// The variable that a password may be in.
const PASSWORD_VARIABLE: &str = "MIOFTPD_PASSWORD";

/// Whether this build reads configuration files.
pub(super) const HAS_FILES: bool = cfg!(feature = "config");

/// What a server is to be started with.
pub(crate) struct Resolved {
    pub(crate) config: Box<Config>,
    pub(crate) log: LevelFilter,
}

/// All that was typed.
pub(crate) struct CliArgs {
    pub(super) typed: Typed,
    pub(super) password: Option<OsString>,
}

impl CliArgs {
    /// What comes of it now; at another time another thing may be in the file.
    pub(crate) fn start(&self) -> Result<Resolved, Failure> {
        let base = match &self.typed.file {
            Some(path) => read(path)?,
            None => ConfigDraft::default(),
        };
        let draft = self.typed.clone().over(base, self.password.clone())?;
        let log = draft.log.unwrap_or(LevelFilter::Info);
        let config = draft.finish().map_err(Failure::Wrong)?;
        Ok(Resolved {
            config: Box::new(config),
            log,
        })
    }
}

#[cfg(feature = "config")]
fn read(path: &std::path::Path) -> Result<ConfigDraft, Failure> {
    use mioftpd::config::file::{self, FileError};

    file::read(path).map_err(|error| match error {
        FileError::Unreadable(..) => Failure::Unreadable(error.to_string()),
        FileError::Wrong { .. } => Failure::Wrong(error.to_string()),
    })
}

#[cfg(not(feature = "config"))]
fn read(path: &std::path::Path) -> Result<ConfigDraft, Failure> {
    let path = path.display();
    Err(Failure::Wrong(format!("{path}: this build reads no file")))
}

/// The keys that options set, where they have other names.
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

/// The keys that options set under their own names.
const SAME_KEYS: [&str; 7] = [
    "listen",
    "workers",
    "umask",
    "run-as",
    "time-zone",
    "charset",
    "allow-combine",
];

/// What an option sets: a key, or what no file can set, which is called as the option is.
fn key_of(option: &str) -> String {
    let named = KEYS.iter().find(|(its, _)| *its == option);
    match named {
        Some((_, key)) => (*key).to_owned(),
        None if SAME_KEYS.contains(&option) => option.to_owned(),
        None => format!("--{option}"),
    }
}

impl Typed {
    /// Lays it over `base`.
    fn over(self, base: ConfigDraft, password: Option<OsString>) -> Result<ConfigDraft, Usage> {
        let ConfigDraft {
            mut config,
            mut tls,
            log,
        } = base;
        let origins = &mut config.origins;
        for option in &self.options {
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
        lay(&mut config.root, self.root.map(Some));
        lay(&mut config.passive_ports, self.passive_ports.map(Some));
        lay(&mut config.passive_address, self.passive_address.map(Some));
        lay(&mut config.zone, self.zone);
        lay(&mut config.charset, self.charset.map(Some));
        lay(&mut config.workers, self.workers);
        lay(&mut config.umask, self.umask.map(Some));
        lay(&mut config.run_as, self.run_as.map(Some));
        config.sandbox &= !self.no_sandbox;
        config.allow_combine |= self.allow_combine;
        self.tls.over(&mut tls);
        let log = self.log.or(log);
        Ok(ConfigDraft { config, tls, log })
    }

    /// Those that take the place of `base`: an anonymous one where it is asked for, or may write and
    /// is there already.
    fn accounts(&self, base: &Accounts, password: Option<OsString>) -> Result<Accounts, Usage> {
        let permissions = if self.writable {
            Permissions::ALL
        } else {
            Permissions::READ
        };
        let is_there = || self.user.is_none() && base.get(b"anonymous").is_some();
        let anonymous = (self.anonymous || is_there()).then(|| Account::anonymous(permissions));
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

/// What was typed wins.
pub(super) fn lay<T>(place: &mut T, typed: Option<T>) {
    if let Some(typed) = typed {
        *place = typed;
    }
}

/// `None` where its password is nowhere.
fn account(
    name: &[u8],
    file: Option<PathBuf>,
    variable: Option<OsString>,
) -> Result<Option<Account>, Usage> {
    if name.is_empty() {
        return Err(Usage("--user takes a name".to_owned()));
    }
    if is_anonymous(name) {
        let text = "--user takes another name: 'anonymous' and 'ftp' take any password";
        return Err(Usage(text.to_owned()));
    }
    let secret = find_secret(file, variable)?;
    Ok(secret.map(|secret| Account::new(name, secret, Permissions::ALL)))
}

/// From the file, or else from the environment; never from the command line, which everybody on
/// the machine can read.
fn find_secret(file: Option<PathBuf>, variable: Option<OsString>) -> Result<Option<Secret>, Usage> {
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
    let secret = secret.map_err(|why| Usage(format!("{origin}: {why}")))?;
    Ok(Some(secret))
}
