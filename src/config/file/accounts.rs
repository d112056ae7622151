//! `[[account]]`: who may log in, in the file.
//!
//! Each has a name; `anonymous` takes any password, every other has the hash of one, here or in a file
//! that is read with this one, or the password that the system has for them. Those that are
//! written are all that there are.

use std::path::PathBuf;

use super::account_value::Moment;
use crate::auth::{Account, Accounts, Permissions, Secret, Service, is_anonymous};
use crate::config::combinations::mistake_of_secret;
use crate::config::{Config, password_file};

/// One that is written.
pub(super) struct AccountDraft {
    pub(super) account: Account,
    pub(super) name: Option<String>,
    pub(super) hash: Option<Secret>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) service: Option<Service>,
    pub(super) expires: Option<Moment>,
    pub(super) quota_files: Option<u32>,
    /// The keys that are written, and where.
    pub(super) set: Vec<(&'static str, usize)>,
}

impl AccountDraft {
    /// Nothing is written.
    pub(super) fn empty() -> Self {
        Self {
            account: Account::anonymous(Permissions::READ),
            name: None,
            hash: None,
            password_file: None,
            service: None,
            expires: None,
            quota_files: None,
            set: Vec::new(),
        }
    }

    /// One to be shown.
    pub(super) fn of(account: &Account) -> Self {
        let files = account.quota_files;
        Self {
            name: Some(String::from_utf8_lossy(&account.name).into_owned()),
            hash: None,
            password_file: None,
            service: match &account.secret {
                Secret::System(service) => Some(service.clone()),
                Secret::Anyone | Secret::Plain(_) | Secret::Phc(_) => None,
            },
            expires: account.expires.map(Moment),
            quota_files: files.map(|files| files.try_into().unwrap_or(u32::MAX)),
            account: account.clone(),
            set: Vec::new(),
        }
    }

    /// What is said of it before anything proves who logs in.
    fn named(&self) -> Account {
        let name = self.name.as_deref().unwrap_or_default();
        Account {
            name: name.into(),
            ..self.account.clone()
        }
    }

    /// Where a key is written.
    fn place(&self, key: &str) -> Option<usize> {
        let mut set = self.set.iter();
        set.find(|(its, _)| *its == key).map(|(_, at)| *at)
    }

    /// With what proves who logs in; the table has been asked whether that can be.
    fn finish(self) -> Result<Account, String> {
        let name = self.name.ok_or("account needs a name")?;
        let secret = match (self.hash, self.password_file, self.service) {
            (Some(hash), _, _) => hash,
            (None, Some(file), _) => password_file::read(&file)
                .map_err(|why| format!("account.password-file {}: {why}", file.display()))?,
            (None, None, Some(service)) => Secret::System(service),
            (None, None, None) if is_anonymous(name.as_bytes()) => Secret::Anyone,
            (None, None, None) => return Err(format!("account {name} has no password")),
        };
        Ok(Account {
            name: name.into_bytes(),
            secret,
            expires: self.expires.map(|Moment(at)| at),
            quota_files: self.quota_files.map(u64::from),
            ..self.account
        })
    }
}

/// All that are written, each with its place.
pub(super) fn all(
    drafts: Vec<(usize, AccountDraft)>,
    config: &mut Config,
) -> Result<Accounts, (usize, String)> {
    let mut accounts = Accounts::new();
    for (at, draft) in drafts {
        config.sources.extend(draft.password_file.clone());
        let named = draft.named();
        if accounts.get(&named.name).is_some() {
            let name = String::from_utf8_lossy(&named.name);
            return Err((at, format!("account {name} is there twice")));
        }
        if draft.name.is_some()
            && let Some((key, text)) = mistake_of_secret(config, &named)
        {
            return Err((draft.place(key).unwrap_or(at), text));
        }
        accounts.add(draft.finish().map_err(|text| (at, text))?);
    }
    Ok(accounts)
}
