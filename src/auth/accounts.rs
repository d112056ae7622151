//! Everybody who may log in, found by name, and how many of each are there.
//!
//! A login has two halves. [`Accounts::check`] asks whether somebody is who they say: at once, or
//! by a [`Verification`] where the password has to be hashed. [`Accounts::admit`] then asks whether
//! they may come in now. Each failure costs the same work, so that its time does not tell which
//! names there are.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::account::ANONYMOUS;
use super::{Account, Credentials, Denial, Password, Permissions, Secret, hash, is_anonymous};

/// Everybody who may log in.
#[derive(Clone, Default)]
pub struct Accounts {
    by_name: HashMap<Box<[u8]>, Place>,
    /// The hash that is computed for whoever has none: that of the first account with one.
    decoy: Option<Arc<Account>>,
}

#[derive(Clone)]
struct Place {
    account: Arc<Account>,
    seats: Arc<Seats>,
}

/// Every guest holds a clone of what is in it: the count is how many are there.
#[derive(Default)]
struct Seats(Arc<()>);

/// Somebody who is in. They are counted for as long as this lives.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Who it is.
    pub account: Arc<Account>,
    _seat: Arc<()>,
}

impl From<Account> for Guest {
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

/// A password that is to be hashed and compared: everything that is needed for it.
pub struct Verification {
    /// Whose hash it is compared with.
    against: Arc<Account>,
    /// Whether the outcome counts, or only the time that it takes.
    counts: bool,
    password: Password,
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verification").finish_non_exhaustive()
    }
}

impl Verification {
    /// Who it is; `None`: nobody. Takes long, and much memory.
    pub fn run(self) -> Option<Arc<Account>> {
        let Secret::Phc(text) = &self.against.secret else {
            return None;
        };
        let is_right = hash::verify(&self.password, text);
        (is_right && self.counts).then_some(self.against)
    }
}

impl Accounts {
    /// Nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, in place of one with the same name.
    pub fn add(&mut self, account: Account) {
        let account = Arc::new(account);
        if self.decoy.is_none() && matches!(account.secret, Secret::Phc(_)) {
            self.decoy = Some(Arc::clone(&account));
        }
        let name = key(&account.name).into();
        let seats = Arc::default();
        self.by_name.insert(name, Place { account, seats });
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, account: Account) -> Self {
        self.add(account);
        self
    }

    /// Whoever has a name here and had one there is still counted: for accounts that take the place
    /// of `old` ones under way.
    pub fn keep_seats(&mut self, old: &Self) {
        for (name, place) in &mut self.by_name {
            if let Some(old) = old.by_name.get(name) {
                place.seats = Arc::clone(&old.seats);
            }
        }
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Account>> {
        self.by_name.values().map(|place| &place.account)
    }

    /// The one with this name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Account>> {
        self.place(name).map(|place| &place.account)
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
        self.get(name).filter(|account| account.is_personal())
    }

    /// The most memory that verifying a password takes, in bytes.
    pub fn verification_bytes(&self) -> usize {
        let bytes = self.iter().map(|account| match &account.secret {
            Secret::Phc(text) => hash::memory(text),
            Secret::Anyone | Secret::Plain(_) => 0,
        });
        bytes.max().unwrap_or(0)
    }

    /// Who whoever sent these is. Never takes long itself.
    pub fn check(&self, credentials: Credentials) -> Check {
        let Credentials { name, password } = credentials;
        let account = self.get(&name);
        match account.map(|account| (account, &account.secret)) {
            Some((account, Secret::Anyone)) => Check::Done(Some(Arc::clone(account))),
            Some((account, Secret::Plain(kept))) if password.is_same(kept) => {
                Check::Done(Some(Arc::clone(account)))
            }
            Some((account, Secret::Phc(_))) => Check::Slow(Verification {
                against: Arc::clone(account),
                counts: true,
                password,
            }),
            None | Some((_, Secret::Plain(_))) => self.refuse(password),
        }
    }

    /// Lets somebody in who has proved who they are, from there and now; the accounts may be
    /// others than when they began to.
    pub fn admit(&self, account: &Account, from: IpAddr, now: i64) -> Result<Guest, Denial> {
        let place = self.place(&account.name).ok_or(Denial::Unproven)?;
        place.account.admits(from, now)?;
        let present = Arc::strong_count(&place.seats.0) - 1;
        let most = place.account.sessions;
        if most.is_some_and(|most| present >= usize::try_from(most).unwrap_or(usize::MAX)) {
            return Err(Denial::Crowded);
        }
        Ok(Guest {
            account: Arc::clone(&place.account),
            _seat: Arc::clone(&place.seats.0),
        })
    }

    /// Nobody, after as much work as for somebody.
    fn refuse(&self, password: Password) -> Check {
        if let Some(decoy) = &self.decoy {
            return Check::Slow(Verification {
                against: Arc::clone(decoy),
                counts: false,
                password,
            });
        }
        std::hint::black_box(password.is_same(&Password::from("")));
        Check::Done(None)
    }

    fn place(&self, name: &[u8]) -> Option<&Place> {
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
mod tests {
    use super::*;
    use crate::auth::Permissions;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn credentials(name: &str, password: &str) -> Credentials {
        Credentials {
            name: name.into(),
            password: password.into(),
        }
    }

    /// The name of who it is, and whether that took long.
    fn find(accounts: &Accounts, name: &str, password: &str) -> (Option<String>, bool) {
        let (account, is_slow) = match accounts.check(credentials(name, password)) {
            Check::Done(account) => (account, false),
            Check::Slow(verification) => (verification.run(), true),
        };
        let name = account.map(|account| String::from_utf8(account.name.clone()).unwrap());
        (name, is_slow)
    }

    #[test]
    fn anonymous_takes_any_password_under_both_names() {
        let accounts = Accounts::new().with(Account::anonymous(Permissions::READ));
        for name in ["anonymous", "ftp", "FTP", "Anonymous"] {
            let found = find(&accounts, name, "me@home");
            assert_eq!(found, (Some("anonymous".into()), false));
        }
        assert_eq!(find(&accounts, "", ""), (None, false));
        assert_eq!(find(&accounts, "root", ""), (None, false));
    }

    #[test]
    fn a_password_and_its_name_are_right_to_the_byte() {
        let accounts = Accounts::new().with(Account::with_password("ann", "secret"));
        assert_eq!(
            find(&accounts, "ann", "secret"),
            (Some("ann".into()), false)
        );
        for (name, password) in [
            ("ann", "secre"),
            ("ann", ""),
            ("Ann", "secret"),
            ("anonymous", "secret"),
            ("bob", "secret"),
            ("", ""),
        ] {
            assert_eq!(
                find(&accounts, name, password),
                (None, false),
                "{name} {password}"
            );
        }
    }

    #[cfg(feature = "hashed-passwords")]
    #[test]
    fn every_failure_takes_as_long_where_one_does() {
        let hash = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
        let hashed = Secret::hashed(hash).unwrap();
        let accounts: Accounts = [
            Account::anonymous(Permissions::READ),
            Account::with_password("ann", "plain"),
            Account::new("bob", hashed, Permissions::ALL),
        ]
        .into_iter()
        .collect();
        assert_eq!(find(&accounts, "bob", "secret"), (Some("bob".into()), true));
        for (name, password) in [("bob", "x"), ("ann", "x"), ("eve", "x")] {
            assert_eq!(find(&accounts, name, password), (None, true), "{name}");
        }
        // Right for the hash that is only computed for its time.
        for name in ["eve", "ann"] {
            assert_eq!(find(&accounts, name, "secret"), (None, true), "{name}");
        }
        assert_eq!(find(&accounts, "ann", "plain"), (Some("ann".into()), false));
        assert_eq!(
            find(&accounts, "ftp", "x"),
            (Some("anonymous".into()), false)
        );
    }

    #[test]
    fn guests_are_counted_while_they_are_there() {
        let mut ann = Account::with_password("ann", "secret");
        ann.sessions = Some(2);
        let accounts = Accounts::new().with(ann.clone());
        let admit = |accounts: &Accounts| accounts.admit(&ann, HERE, 0);
        let first = admit(&accounts).unwrap();
        let second = admit(&accounts).unwrap();
        assert_eq!(admit(&accounts).unwrap_err(), Denial::Crowded);
        drop(first);
        let third = admit(&accounts).unwrap();

        let mut reloaded = Accounts::new().with(ann.clone());
        reloaded.keep_seats(&accounts);
        assert_eq!(admit(&reloaded).unwrap_err(), Denial::Crowded);
        drop((second, third));
        assert!(admit(&reloaded).is_ok());
    }

    #[test]
    fn an_account_that_is_gone_meanwhile_admits_nobody() {
        let ann = Account::with_password("ann", "secret");
        let denied = Accounts::new().admit(&ann, HERE, 0);
        assert_eq!(denied.unwrap_err(), Denial::Unproven);
    }

    #[test]
    fn whoever_may_write_is_found_by_directory() {
        let reader = || Account::anonymous(Permissions::READ);
        let mut ann = Account::with_password("ann", "secret");
        let here = Path::new("/home/ann");
        assert!(!Accounts::new().may_write(None));
        assert!(!Accounts::new().with(reader()).may_write(None));
        assert!(
            Accounts::new()
                .with(reader())
                .with(ann.clone())
                .may_write(None)
        );
        for permissions in [Permissions::ALL, Permissions::WRITE, Permissions::MODES] {
            let accounts = Accounts::new().with(Account::anonymous(permissions));
            assert!(accounts.may_write(None), "{permissions}");
        }
        ann.root = Some(here.into());
        let accounts = Accounts::new().with(reader()).with(ann);
        assert!(accounts.may_write(Some(here)) && !accounts.may_write(None));
        assert!(!accounts.may_write(Some(Path::new("/home"))));
    }

    #[test]
    fn only_an_account_of_somebodys_own_can_be_vouched_for() {
        let accounts = Accounts::new()
            .with(Account::anonymous(Permissions::READ))
            .with(Account::with_password("ann", "secret"));
        assert_eq!(accounts.vouched(b"ann").unwrap().name, b"ann");
        for name in ["Ann", "bob", "anonymous", "ftp", ""] {
            assert_eq!(accounts.vouched(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let accounts = Accounts::new().with(Account::with_password("ann", "hunter2"));
        assert!(!format!("{accounts:?}").contains("hunter2"));
    }
}
