//! Everybody who may log in, found by name, and how many of each are there.
//!
//! A login has two halves. [`Accounts::check`] asks whether somebody is who they say: at once, or
//! by a [`Verification`] where the password has to be hashed, or PAM asked. [`Accounts::admit`] then
//! asks whether they may come in now. Each failure costs the same work, so that its time does not
//! tell which names there are.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::account::{ANONYMOUS, EVERYBODY};
use super::pam::{self, Question};
use super::verification::{Verification, Way};
use super::{
    Account, Credentials, Denial, Password, Permissions, Secret, Service, hash, is_anonymous,
};
use crate::privsep::Helper;

/// A name that nobody has, and that looks as if somebody could: PAM is asked about it for its time
/// alone.
const DECOY_ACCOUNT: &[u8] = b"mioftpd-nobody";

/// Who is let in by what was said of them, and not of everybody.
const SUPERUSER: &[u8] = b"root";

/// Everybody who may log in.
#[derive(Clone, Default)]
pub struct Accounts {
    by_name: HashMap<Box<[u8]>, Entry>,
    /// The hash that is computed for whoever has none: that of the first account with one.
    decoy_hash: Option<Arc<str>>,
    /// By which PAM is asked about whoever is nobody: that of the first account with one.
    decoy_service: Option<Service>,
    privsep: Option<Helper>,
    /// Those that a reload has removed: when they come back, no less may close them.
    former: HashMap<Box<[u8]>, Arc<Account>>,
}

#[derive(Clone)]
struct Entry {
    account: Arc<Account>,
    seats: Arc<Seats>,
}

/// Every guest holds a clone of what is in it: the count is how many are there.
#[derive(Default)]
struct Seats(Arc<()>);

/// Somebody who is in. They are counted for as long as this lives.
#[derive(Clone, Debug)]
pub struct AuthenticatedUser {
    /// Who it is.
    pub account: Arc<Account>,
    _seat: Arc<()>,
}

impl From<Account> for AuthenticatedUser {
    /// Somebody who is not counted among others.
    fn from(account: Account) -> Self {
        Self {
            account: Arc::new(account),
            _seat: Arc::default(),
        }
    }
}

/// What [`Accounts::check`] found out.
#[derive(Debug)]
pub enum Check {
    /// Who it is; `None`: nobody.
    Done(Option<Arc<Account>>),
    /// It takes long to find out.
    Slow(Verification),
}

impl Accounts {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, in place of one with the same name.
    pub fn add(&mut self, account: Account) {
        let account = Arc::new(account);
        match &account.secret {
            Secret::Phc(hash) => {
                self.decoy_hash.get_or_insert_with(|| Arc::clone(hash));
            }
            Secret::System(service) => {
                self.decoy_service.get_or_insert_with(|| service.clone());
            }
            Secret::Anyone | Secret::Plain(_) => {}
        }
        let name = key(&account.name).into();
        let seats = Arc::default();
        self.by_name.insert(name, Entry { account, seats });
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, account: Account) -> Self {
        self.add(account);
        self
    }

    /// These take the place of `old` ones under way: whoever has a name here and had one there is
    /// still counted, and it is the same helper that asks PAM. Who is here no longer is
    /// remembered, so that a later reload does not open what closed that account.
    pub fn succeed(&mut self, old: &Self) {
        self.former.clone_from(&old.former);
        for (name, place) in &old.by_name {
            self.former.insert(name.clone(), Arc::clone(&place.account));
        }
        self.former
            .retain(|name, _| !self.by_name.contains_key(name));
        for (name, place) in &mut self.by_name {
            if let Some(old) = old.by_name.get(name) {
                place.seats = Arc::clone(&old.seats);
            }
        }
        self.privsep.clone_from(&old.privsep);
    }

    /// Starts the process that asks PAM, if there is an account of the system: with the rights that
    /// this one has still.
    ///
    /// # Errors
    /// As of [`Helper::start`].
    pub(crate) fn start_monitor(&mut self) -> io::Result<()> {
        if self.needs_monitor() {
            self.privsep = Some(pam::start()?);
        }
        Ok(())
    }

    /// Whether there is something that asks PAM.
    pub(crate) const fn has_monitor(&self) -> bool {
        self.privsep.is_some()
    }

    /// Whether there is an account of the system, and nothing that could ask PAM about it.
    pub(crate) const fn needs_monitor(&self) -> bool {
        self.decoy_service.is_some() && self.privsep.is_none()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_name.values().map(|place| &place.account)
    }

    /// The services by which PAM is asked, each once, in no order.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        let services = self.iter().filter_map(|account| match &account.secret {
            Secret::System(service) => Some(service.name()),
            Secret::Anyone | Secret::Plain(_) | Secret::Phc(_) => None,
        });
        services.collect::<HashSet<_>>().into_iter()
    }

    /// The one with this name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Account>> {
        self.place(name).map(|place| &place.account)
    }

    /// An account that was removed while the server ran, as it was last.
    pub(crate) fn former(&self, name: &[u8]) -> Option<&Arc<Account>> {
        self.former.get(name)
    }

    /// Whether there is anybody who may change anything in the directory; `None` is the server's.
    pub fn may_write(&self, root: Option<&Path>) -> bool {
        let may_write = |account: &Arc<Account>| {
            account.root.as_deref() == root && account.permissions.intersects(Permissions::WRITE)
        };
        self.iter().any(may_write)
    }

    /// The one with this name, if that it is they can be certain without a password: whoever calls
    /// themselves anonymous is nobody in particular.
    pub fn vouched(&self, name: &[u8]) -> Option<&Arc<Account>> {
        let is_own = |account: &&Arc<Account>| account.is_personal() && !account.is_everybody();
        self.get(name).filter(is_own)
    }

    /// The most memory that verifying a password takes, in bytes.
    pub fn verification_bytes(&self) -> usize {
        let bytes = self.iter().map(|account| match &account.secret {
            Secret::Phc(text) => hash::memory(text),
            Secret::Anyone | Secret::Plain(_) | Secret::System(_) => 0,
        });
        bytes.max().unwrap_or(0)
    }

    /// Who whoever sent these from there is. Never takes long itself.
    pub fn check(&self, credentials: Credentials, from: IpAddr) -> Check {
        let Credentials { name, password } = credentials;
        let Some(account) = self.claimed(&name) else {
            return self.refuse(&password, from);
        };
        match &account.secret {
            Secret::Anyone => Check::Done(Some(Arc::clone(account))),
            Secret::Plain(kept) if password.is_same(kept) => Check::Done(Some(Arc::clone(account))),
            Secret::Plain(_) => self.refuse(&password, from),
            Secret::Phc(hash) => Check::Slow(Verification {
                account: Some(Arc::clone(account)),
                after: self.ask_about_nobody(&password, from).map(Box::new),
                way: Way::Hash {
                    hash: Arc::clone(hash),
                    password,
                },
            }),
            Secret::System(service) => {
                let question = Question::new(service, &name, &password, from);
                let asking = question.and_then(|question| self.ask(question, Some(account)));
                asking.map_or_else(|| self.refuse(&password, from), Check::Slow)
            }
        }
    }

    /// Whose account it is that one with this name wants: its own, or that of everybody.
    pub(super) fn claimed(&self, name: &[u8]) -> Option<&Arc<Account>> {
        self.claimed_place(name).map(|place| &place.account)
    }

    fn claimed_place(&self, name: &[u8]) -> Option<&Entry> {
        let everybody = || self.place(EVERYBODY).filter(|_| name != SUPERUSER);
        self.place(name).or_else(everybody)
    }

    /// Admits a client that has logged in by `name` and proved that `account` is its own, from
    /// there and now. A reload may have exchanged the accounts since: the name must lead to the
    /// same account still, with the same secret.
    pub fn admit(
        &self,
        name: &[u8],
        account: &Account,
        from: IpAddr,
        now: i64,
    ) -> Result<AuthenticatedUser, Denial> {
        let is_proven = |place: &&Entry| place.account.is_proven_by(account);
        let place = self.claimed_place(name).filter(is_proven);
        let place = place.ok_or(Denial::Unproven)?;
        place.account.admits(from, now)?;
        let present = Arc::strong_count(&place.seats.0) - 1;
        let most = place.account.sessions;
        if most.is_some_and(|most| present >= usize::try_from(most).unwrap_or(usize::MAX)) {
            return Err(Denial::Crowded);
        }
        Ok(AuthenticatedUser {
            account: Arc::clone(&place.account),
            _seat: Arc::clone(&place.seats.0),
        })
    }

    /// Nobody, after as much work as for somebody.
    fn refuse(&self, password: &Password, from: IpAddr) -> Check {
        if let Some(asking) = self.ask_about_nobody(password, from) {
            return Check::Slow(asking);
        }
        if let Some(hash) = &self.decoy_hash {
            return Check::Slow(Verification {
                account: None,
                way: Way::Hash {
                    hash: Arc::clone(hash),
                    password: password.clone(),
                },
                after: None,
            });
        }
        std::hint::black_box(password.is_same(&Password::from("")));
        Check::Done(None)
    }

    /// Where there are accounts of the system, whatever login fails takes as long as PAM does.
    fn ask_about_nobody(&self, password: &Password, from: IpAddr) -> Option<Verification> {
        let service = self.decoy_service.as_ref()?;
        let about = |password: &Password| Question::new(service, DECOY_ACCOUNT, password, from);
        // A password that nobody can have is as wrong as any.
        let question = about(password).or_else(|| about(&Password::from(DECOY_ACCOUNT)))?;
        self.ask(question, None)
    }

    fn ask(&self, question: Question, account: Option<&Arc<Account>>) -> Option<Verification> {
        let Some(privsep) = self.privsep.clone() else {
            log::error!("Cannot ask PAM: nothing was started that could");
            return None;
        };
        Some(Verification {
            account: account.cloned(),
            way: Way::Pam { privsep, question },
            after: None,
        })
    }

    fn place(&self, name: &[u8]) -> Option<&Entry> {
        self.by_name.get(key(name))
    }
}

/// Names are what they are to the byte, but for those of anonymous clients.
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
