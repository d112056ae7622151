//! The account table: accounts by name, and the number of sessions of each.
//!
//! A login has two steps. [`Accounts::check`] verifies the credentials, at once or by a [`Verification`]
//! (hash, PAM) on a worker. [`Accounts::admit`] then evaluates the conditions of login and counts the
//! session. Every failed login does the same work, with a decoy hash or a decoy account, so that its
//! duration does not reveal which names exist (no timing side channel).

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::account::{ANONYMOUS, CATCH_ALL};
use super::hash::HashRequest;
use super::pam::{self, PamRequest};
use super::verification::{Verification, VerificationMethod};
use super::{
    Account, Denial, LoginCredentials, PamService, Password, Permissions, Secret, hash,
    is_anonymous,
};
use crate::privsep::Helper;

/// A name that no user has, in the form of a user name. PAM is asked about it for unknown names, so that they
/// take as long as known ones.
const DECOY_ACCOUNT: &[u8] = b"mioftpd-nobody";

/// Excluded from the catch-all account: root needs an account of its own.
const SUPERUSER: &[u8] = b"root";

/// The account table.
#[derive(Clone, Default)]
pub struct Accounts {
    by_name: HashMap<Box<[u8]>, AccountEntry>,
    /// Computed where a login fails for an account without a hash: that of the first account with one.
    decoy_hash: Option<Arc<str>>,
    /// The PAM service of requests about the decoy account: that of the first account with one.
    decoy_service: Option<PamService>,
    /// The PAM helper process, once it is started.
    privsep: Option<Helper>,
    /// Accounts that a reload has removed, as they were last. If one comes back, it must not have fewer
    /// restrictions than before.
    former: HashMap<Box<[u8]>, Arc<Account>>,
}

#[derive(Clone)]
struct AccountEntry {
    account: Arc<Account>,
    sessions: Arc<SessionCounter>,
}

/// Each session holds a clone of the inner `Arc`, so its strong count is the number of sessions plus one.
#[derive(Default)]
struct SessionCounter(Arc<()>);

/// A logged-in user; counts as one session of the account until it is dropped.
#[derive(Clone, Debug)]
pub struct AuthenticatedUser {
    /// The account.
    pub account: Arc<Account>,
    _session: Arc<()>,
}

impl From<Account> for AuthenticatedUser {
    /// A user outside every account table, and so without a limit of sessions.
    fn from(account: Account) -> Self {
        Self {
            account: Arc::new(account),
            _session: Arc::default(),
        }
    }
}

/// The result of [`Accounts::check`].
#[derive(Debug)]
pub enum Check {
    /// The account whose credentials are right; `None`: the name or the password is wrong.
    Done(Option<Arc<Account>>),
    /// The verification blocks: run it on a worker.
    Slow(Verification),
}

impl Accounts {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an account; replaces one of the same name.
    pub fn add(&mut self, account: Account) {
        let account = Arc::new(account);
        match &account.secret {
            Secret::Hash(hash) => {
                self.decoy_hash.get_or_insert_with(|| Arc::clone(hash));
            }
            Secret::System(service) => {
                self.decoy_service.get_or_insert_with(|| service.clone());
            }
            Secret::AnyPassword | Secret::Plain(_) | Secret::Locked(_) => {}
        }
        let name = key(&account.name).into();
        let sessions = Arc::default();
        self.by_name
            .insert(name, AccountEntry { account, sessions });
    }

    /// Adds an account, as [`add`](Self::add) does.
    #[must_use]
    pub fn with(mut self, account: Account) -> Self {
        self.add(account);
        self
    }

    /// Replaces `old` in a reload. Accounts in both keep their session counts, the PAM helper is taken
    /// over, and accounts that are only in `old` are kept as former ones, so that a later
    /// reload can compare their restrictions.
    pub fn succeed(&mut self, old: &Self) {
        self.former.clone_from(&old.former);
        for (name, entry) in &old.by_name {
            self.former.insert(name.clone(), Arc::clone(&entry.account));
        }
        self.former
            .retain(|name, _| !self.by_name.contains_key(name));
        for (name, entry) in &mut self.by_name {
            if let Some(old) = old.by_name.get(name) {
                entry.sessions = Arc::clone(&old.sessions);
            }
        }
        self.privsep.clone_from(&old.privsep);
    }

    /// Starts the PAM helper process if an account needs it. To be called before the process drops its
    /// privileges, which the helper keeps.
    ///
    /// # Errors
    /// As [`Helper::start`].
    pub(crate) fn start_pam_helper(&mut self) -> io::Result<()> {
        if self.needs_pam_helper() {
            self.privsep = Some(pam::start()?);
        }
        Ok(())
    }

    pub(crate) const fn has_pam_helper(&self) -> bool {
        self.privsep.is_some()
    }

    /// Whether an account needs the PAM helper process, which is not started.
    pub(crate) const fn needs_pam_helper(&self) -> bool {
        self.decoy_service.is_some() && self.privsep.is_none()
    }

    /// All accounts, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_name.values().map(|entry| &entry.account)
    }

    /// The names of the PAM services, each once, in no order.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        let mut services = Vec::new();
        for account in self.iter() {
            if let Secret::System(service) = &account.secret
                && !services.contains(&service.name())
            {
                services.push(service.name());
            }
        }
        services.into_iter()
    }

    /// The account of this name; the catch-all account only by its own name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Account>> {
        self.entry(name).map(|entry| &entry.account)
    }

    /// An account that an earlier reload has removed, as it was last.
    pub(crate) fn former(&self, name: &[u8]) -> Option<&Arc<Account>> {
        self.former.get(name)
    }

    /// Whether an account may write to the directory `root`; `None` is that of the server.
    pub fn may_write(&self, root: Option<&Path>) -> bool {
        let may_write = |account: &Arc<Account>| {
            account.root.as_deref() == root && account.permissions.intersects(Permissions::WRITE)
        };
        self.iter().any(may_write)
    }

    /// The account that a certificate with this name authenticates. Not the anonymous or the catch-all
    /// account: their names belong to no user.
    pub(crate) fn by_certificate(&self, name: &[u8]) -> Option<&Arc<Account>> {
        let is_own = |account: &&Arc<Account>| account.is_personal() && !account.is_catch_all();
        self.get(name).filter(is_own)
    }

    /// The account whose password verification takes the most memory, and the bytes; `None`: none takes any.
    /// The decoy takes no more, as it has the hash of one of them.
    pub(crate) fn costliest(&self) -> Option<(&Account, usize)> {
        let hashed = self.iter().filter_map(|account| match &account.secret {
            Secret::Hash(text) => Some((account.as_ref(), hash::hash_bytes(text))),
            _ => None,
        });
        let costly = hashed.filter(|(_, bytes)| *bytes > 0);
        costly.max_by_key(|(account, bytes)| (*bytes, std::cmp::Reverse(&account.name)))
    }

    /// Verifies the credentials of a client at `from`. Never blocks: what would is a [`Verification`].
    pub(crate) fn check(&self, credentials: LoginCredentials, from: IpAddr) -> Check {
        let LoginCredentials { name, password } = credentials;
        let Some(account) = self.resolve(&name) else {
            return self.reject(&password, from);
        };
        match &account.secret {
            Secret::AnyPassword => Check::Done(Some(Arc::clone(account))),
            Secret::Plain(expected) if password.equals(expected) => {
                Check::Done(Some(Arc::clone(account)))
            }
            Secret::Plain(_) | Secret::Locked(_) => self.reject(&password, from),
            Secret::Hash(hash) => {
                let verification = HashRequest::new(hash, &password).map(|request| Verification {
                    account: Some(Arc::clone(account)),
                    decoy: self.decoy_pam_request(&password, from).map(Box::new),
                    method: VerificationMethod::Hash(request),
                });
                verification.map_or_else(|| self.reject(&password, from), Check::Slow)
            }
            Secret::System(service) => {
                let request = PamRequest::new(service, &name, &password, from);
                let verification = request.and_then(|request| self.ask_pam(request, Some(account)));
                verification.map_or_else(|| self.reject(&password, from), Check::Slow)
            }
        }
    }

    /// The account for a login by `name`: that of the name, or else the catch-all account.
    pub(super) fn resolve(&self, name: &[u8]) -> Option<&Arc<Account>> {
        self.resolve_entry(name).map(|entry| &entry.account)
    }

    fn resolve_entry(&self, name: &[u8]) -> Option<&AccountEntry> {
        let catch_all = || self.entry(CATCH_ALL).filter(|_| name != SUPERUSER);
        self.entry(name).or_else(catch_all)
    }

    /// Evaluates the conditions of login for a client at `from` that has proved its right to `account` by
    /// `name`, at `now` (in seconds since 1970), and counts the session. A reload may have replaced the table
    /// since the verification: the name must still be that of the same account with the same secret.
    pub(crate) fn admit(
        &self,
        name: &[u8],
        account: &Account,
        from: IpAddr,
        now: i64,
    ) -> Result<AuthenticatedUser, Denial> {
        let is_proven = |entry: &&AccountEntry| entry.account.is_proven_by(account);
        let entry = self.resolve_entry(name).filter(is_proven);
        let entry = entry.ok_or(Denial::WrongCredentials)?;
        entry.account.admits(from, now)?;
        let sessions = Arc::strong_count(&entry.sessions.0) - 1;
        let limit = entry.account.sessions;
        // Where usize has 16 bits, a larger limit is none.
        if limit.is_some_and(|limit| sessions >= usize::try_from(limit).unwrap_or(usize::MAX)) {
            return Err(Denial::SessionLimit);
        }
        Ok(AuthenticatedUser {
            account: Arc::clone(&entry.account),
            _session: Arc::clone(&entry.sessions.0),
        })
    }

    /// The reason, for the log, that the credentials of a login by `name` were rejected at `now` (in seconds
    /// since 1970). An account that is closed lets no password in, so that is the reason; the client is not
    /// told.
    pub(crate) fn rejection(&self, name: &[u8], now: i64) -> Denial {
        let is_open = |account: &Arc<Account>| account.is_open(now);
        let closed = self
            .resolve(name)
            .and_then(|account| is_open(account).err());
        closed.unwrap_or(Denial::WrongCredentials)
    }

    /// Rejects the credentials, after the same work as for an account: PAM if any account uses it, or else a
    /// hash if any account has one.
    fn reject(&self, password: &Password, from: IpAddr) -> Check {
        if let Some(verification) = self.decoy_pam_request(password, from) {
            return Check::Slow(verification);
        }
        let hash = self.decoy_hash.as_ref();
        if let Some(request) = hash.and_then(|hash| HashRequest::new(hash, password)) {
            return Check::Slow(Verification {
                account: None,
                method: VerificationMethod::Hash(request),
                decoy: None,
            });
        }
        std::hint::black_box(password.equals(&Password::from("")));
        Check::Done(None)
    }

    /// A PAM request about the decoy account, where an account uses PAM: every failed login then takes as
    /// long as PAM does.
    fn decoy_pam_request(&self, password: &Password, from: IpAddr) -> Option<Verification> {
        let service = self.decoy_service.as_ref()?;
        let request = |password: &Password| PamRequest::new(service, DECOY_ACCOUNT, password, from);
        // A password that PAM does not take (too long, or with a NUL) is replaced by another wrong one.
        let request = request(password).or_else(|| request(&Password::from(DECOY_ACCOUNT)))?;
        self.ask_pam(request, None)
    }

    fn ask_pam(&self, request: PamRequest, account: Option<&Arc<Account>>) -> Option<Verification> {
        let Some(privsep) = self.privsep.clone() else {
            log::error!("Cannot ask PAM: its helper process is not running; restart the server");
            return None;
        };
        Some(Verification {
            account: account.cloned(),
            method: VerificationMethod::Pam { privsep, request },
            decoy: None,
        })
    }

    fn entry(&self, name: &[u8]) -> Option<&AccountEntry> {
        self.by_name.get(key(name))
    }
}

/// The key of a name in the table: the name itself, or one key for both names of the anonymous account.
fn key(name: &[u8]) -> &[u8] {
    if is_anonymous(name) { ANONYMOUS } else { name }
}

impl Extend<Account> for Accounts {
    fn extend<I: IntoIterator<Item = Account>>(&mut self, accounts: I) {
        for account in accounts {
            self.add(account);
        }
    }
}

impl FromIterator<Account> for Accounts {
    fn from_iter<I: IntoIterator<Item = Account>>(accounts: I) -> Self {
        accounts.into_iter().fold(Self::new(), Self::with)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
