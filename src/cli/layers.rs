//! What was typed, over what the configuration file says, over the defaults.
//!
//! The file has to fit together by itself; then each option that was typed takes the place of what
//! it says. At SIGHUP the same is done again, so that what was typed stays.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use log::LevelFilter;
use mioftpd::auth::{Account, Accounts, Password, Permissions, Secret, is_anonymous};
use mioftpd::config::{Config, password_file};

use super::{Failure, Typed, Usage};

/// The variable that a password may be in.
const PASSWORD_VARIABLE: &str = "MIOFTPD_PASSWORD";

/// Whether this build reads configuration files.
pub(super) const HAS_FILES: bool = cfg!(feature = "config");

/// What a server is to be started with.
pub(crate) struct Start {
    pub(crate) config: Box<Config>,
    pub(crate) log: LevelFilter,
}

/// All that was typed.
pub(crate) struct Wish {
    pub(super) typed: Typed,
    pub(super) password: Option<OsString>,
}

impl Wish {
    /// What comes of it now; at another time another thing may be in the file.
    pub(crate) fn start(&self) -> Result<Start, Failure> {
        let base = match &self.typed.file {
            Some(path) => read(path)?,
            None => Start {
                config: Box::default(),
                log: LevelFilter::Info,
            },
        };
        let start = self.typed.clone().over(base, self.password.clone())?;
        if start.config.tls.is_some() && start.config.root.is_none() {
            let text = "TLS goes with a directory to serve: DIR, or the key directory";
            return Err(Failure::Wrong(text.to_owned()));
        }
        if start.config.greeting.is_some() && start.config.root.is_none() {
            let text = "greeting goes with a directory to serve: without one the words are fixed";
            return Err(Failure::Wrong(text.to_owned()));
        }
        if start.config.root.is_some() && start.config.accounts.iter().next().is_none() {
            let place = start.config.origins.prefix(None, "directory");
            let what = if place.is_empty() { "DIR" } else { "directory" };
            let text = format!(
                "{place}{what} needs an account, because no client could log in: write [[account]] with \
                 name = \"anonymous\" into the file to let anonymous clients read, or add --anonymous \
                 or --user NAME"
            );
            return Err(Failure::Wrong(text));
        }
        if start.config.workers == 0 && start.config.accounts.services().next().is_some() {
            let text = "account.pam goes with 1 worker or more: PAM takes its time";
            return Err(Failure::Wrong(text.to_owned()));
        }
        Ok(start)
    }
}

#[cfg(feature = "config")]
fn read(path: &std::path::Path) -> Result<Start, Failure> {
    use mioftpd::config::file::{self, FileError};

    match file::read(path) {
        Ok(read) => Ok(Start {
            config: Box::new(read.config),
            log: read.log.unwrap_or(LevelFilter::Info),
        }),
        Err(error @ FileError::Unreadable(..)) => Err(Failure::Unreadable(error.to_string())),
        Err(error @ FileError::Wrong { .. }) => Err(Failure::Wrong(error.to_string())),
    }
}

#[cfg(not(feature = "config"))]
fn read(path: &std::path::Path) -> Result<Start, Failure> {
    let path = path.display();
    Err(Failure::Wrong(format!("{path}: this build reads no file")))
}

impl Typed {
    /// What was typed to no effect was meant otherwise.
    fn check(&self, serves: bool, has_anonymous: bool) -> Result<(), Usage> {
        let wrong = |text: &str| Err(Usage(text.to_owned()));
        if self.is_about_accounts() && !serves {
            return wrong("--writable, --user and --anonymous go with a DIR to serve");
        }
        if self.writable && !self.anonymous && (self.user.is_some() || !has_anonymous) {
            return wrong(
                "--writable is for anonymous clients: add --anonymous, or leave it out; --user may write",
            );
        }
        if self.user.as_deref().is_some_and(is_anonymous) {
            return wrong("--user takes another name: 'anonymous' and 'ftp' take any password");
        }
        if self.user.is_none() && self.password_file.is_some() {
            return wrong("--password-file goes with --user NAME");
        }
        Ok(())
    }

    const fn is_about_accounts(&self) -> bool {
        self.writable || self.anonymous || self.user.is_some()
    }

    /// Lays it over `base`, and sees whether it fits.
    fn over(self, base: Start, password: Option<OsString>) -> Result<Start, Usage> {
        let Start { mut config, log } = base;
        let serves = self.root.is_some() || config.root.is_some();
        self.check(serves, config.accounts.get(b"anonymous").is_some())?;
        if self.is_about_accounts() {
            config.sources.extend(self.password_file.clone());
            let permissions = if self.writable {
                Permissions::ALL
            } else {
                Permissions::READ
            };
            let anonymous = self.anonymous || self.user.is_none();
            let named = self
                .user
                .map(|name| account(name, self.password_file, password));
            config.accounts = Accounts::new();
            let anonymous = anonymous.then(|| Account::anonymous(permissions));
            config.accounts.extend(anonymous);
            config.accounts.extend(named.transpose()?);
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
        config.allow_fxp |= self.allow_fxp;
        config.allow_combine |= self.allow_combine;
        config.tls = self.tls.over(config.tls.take(), serves)?;
        let log = self.log.unwrap_or(log);
        Ok(Start { config, log })
    }
}

/// What was typed wins.
pub(super) fn lay<T>(place: &mut T, typed: Option<T>) {
    if let Some(typed) = typed {
        *place = typed;
    }
}

fn account(
    name: Vec<u8>,
    file: Option<PathBuf>,
    variable: Option<OsString>,
) -> Result<Account, Usage> {
    if name.is_empty() {
        return Err(Usage("--user takes a name".to_owned()));
    }
    let secret = find_secret(file, variable)?;
    Ok(Account::new(name, secret, Permissions::ALL))
}

/// From the file, or else from the environment; never from the command line, which everybody on
/// the machine can read.
fn find_secret(file: Option<PathBuf>, variable: Option<OsString>) -> Result<Secret, Usage> {
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
        (None, None) => {
            return Err(Usage(format!(
                "--user needs a password, in {PASSWORD_VARIABLE} or in --password-file FILE"
            )));
        }
    };
    secret.map_err(|why| Usage(format!("{origin}: {why}")))
}
