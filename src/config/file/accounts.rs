//! `[[account]]`: the accounts in a configuration file.
//!
//! Each has a name. `anonymous` accepts any password; every other account has a hash, a password file or a
//! shadow file, which are read together with the configuration, or a PAM service. A file without an account
//! allows no login: the default account is only that of the command line.

use std::path::PathBuf;

use super::moment::Moment;
use crate::auth::{Account, Accounts, PamService, Permissions, Secret, is_anonymous};
use crate::config::combinations::mistake_of_secret;
use crate::config::{Config, password_file, shadow_file};

/// The values of one `[[account]]`. Keys whose type differs from that of [`Account`] have a field of
/// their own.
pub(super) struct AccountDraft {
    pub(super) account: Account,
    pub(super) name: Option<String>,
    pub(super) hash: Option<Secret>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) shadow: Option<PathBuf>,
    pub(super) service: Option<PamService>,
    pub(super) expires: Option<Moment>,
    pub(super) quota_files: Option<u32>,
    /// The keys that are set, with their byte offsets.
    pub(super) set: Vec<(&'static str, usize)>,
}

impl AccountDraft {
    pub(super) fn empty() -> Self {
        Self {
            account: Account::anonymous(Permissions::READ),
            name: None,
            hash: None,
            password_file: None,
            shadow: None,
            service: None,
            expires: None,
            quota_files: None,
            set: Vec::new(),
        }
    }

    /// The account before its secret is known.
    fn named(&self) -> Account {
        // Without a name `finish` fails.
        let name = self.name.as_deref().unwrap_or_default();
        Account {
            name: name.into(),
            ..self.account.clone()
        }
    }

    /// The byte offset of a key.
    fn offset_of(&self, key: &str) -> Option<usize> {
        let mut set = self.set.iter();
        set.find(|(other, _)| *other == key).map(|(_, at)| *at)
    }

    /// The account with its secret. The combination of keys has been validated.
    fn finish(mut self) -> Result<Account, String> {
        let name = self.name.ok_or("[[account]] needs a name")?;
        let mut expires = self.expires.map(|Moment(at)| at);
        if let Some(file) = self.shadow {
            let user = shadow_file::read(&file, &name)
                .map_err(|cause| format!("account.shadow {}: {cause}", file.display()))?;
            expires = expires.into_iter().chain(user.expires).min();
            self.account.enabled &= !matches!(user.secret, Secret::Locked(_));
            self.hash = Some(user.secret);
        }
        let secret = match (self.hash, self.password_file, self.service) {
            (Some(hash), _, _) => hash,
            (None, Some(file), _) => password_file::read(&file)
                .map_err(|cause| format!("account.password-file {}: {cause}", file.display()))?,
            (None, None, Some(service)) => Secret::System(service),
            (None, None, None) if is_anonymous(name.as_bytes()) => Secret::AnyPassword,
            (None, None, None) => return Err(format!("account {name} has no password")),
        };
        Ok(Account {
            name: name.into_bytes(),
            secret,
            expires,
            quota_files: self.quota_files.map(u64::from),
            ..self.account
        })
    }
}

/// All accounts of a file; `drafts` and the error have byte offsets. Adds the password files to the sources.
pub(super) fn all(
    drafts: Vec<(usize, AccountDraft)>,
    config: &mut Config,
) -> Result<Accounts, (usize, String)> {
    let mut accounts = Accounts::new();
    for (at, draft) in drafts {
        config.sources.extend(draft.password_file.clone());
        config.sources.extend(draft.shadow.clone());
        let named = draft.named();
        if accounts.get(&named.name).is_some() {
            let name = String::from_utf8_lossy(&named.name);
            return Err((at, format!("account {name} is defined twice; remove one")));
        }
        if draft.name.is_some()
            && let Some((key, text)) = mistake_of_secret(config, &named)
        {
            // The key may be missing.
            return Err((draft.offset_of(key).unwrap_or(at), text));
        }
        let mut files = ["account.password-file", "account.shadow"].into_iter();
        let at = files.find_map(|key| draft.offset_of(key)).unwrap_or(at);
        accounts.add(draft.finish().map_err(|text| (at, text))?);
    }
    Ok(accounts)
}
