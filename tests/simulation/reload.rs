//! A reload in the middle of a run: what it takes, from whom, and when.
//!
//! Clients from whom nothing is taken must not notice. Those who would not be let in any more must be
//! told so and go: nothing that they say later is executed, and in the end the server has none of their
//! connections. Before the last look around the old rules are in force again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mioftpd::auth::{Account, Accounts, Permissions, RevokedSessions};
use mioftpd::limits::Timings;
use mioftpd::net::{AddressRules, Cidr, PassiveAddresses};
use mioftpd::reactor::{Change, Reactor};
use mioftpd::session::Settings;

use crate::client::{Login, address};
use crate::rng::Rng;
use crate::run::Stage;
use crate::world::{Occurrence, Rules, World};

/// After it a command is said for certain under the new rules.
const SLACK: Duration = Duration::from_millis(10);

/// What the reload takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Nothing,
    /// Connections from this address.
    Address(IpAddr),
    /// All logins by this name, one way or the other.
    Account(Login, How),
    /// Of this name, all but this.
    Rights(Login, Permissions),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Removed,
    Disabled,
    Expired,
    Elsewhere,
    OtherSecret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reload {
    pub(crate) at: Duration,
    /// It comes again after this, and takes nothing more.
    pub(crate) again: Option<Duration>,
    pub(crate) taken: Taken,
    pub(crate) sessions: RevokedSessions,
}

impl Reload {
    pub(crate) fn draw(rng: &mut Rng) -> Option<Self> {
        if !rng.one_in(2) {
            return None;
        }
        let login = rng.pick(&[Login::Named, Login::Named, Login::Anonymous]);
        let hows = [
            How::Removed,
            How::Disabled,
            How::Expired,
            How::Elsewhere,
            How::OtherSecret,
        ];
        // Who may still store could do it over what was arranged for a transfer that was refused.
        let left = [Permissions::NONE, Permissions::READ];
        let taken = match rng.below(6) {
            0 => Taken::Nothing,
            1 | 2 => Taken::Address(address(rng.below(4), rng.one_in(3))),
            3 => Taken::Rights(login, rng.pick(&left)),
            _ => Taken::Account(login, rng.pick(&hows)),
        };
        let most = rng.pick(&[50, 2_000, 60_000]);
        Some(Self {
            at: rng.time(Duration::from_millis(most)),
            again: rng.one_in(2).then(|| rng.time(Duration::from_millis(most))),
            taken,
            sessions: if rng.one_in(4) {
                RevokedSessions::Keep
            } else {
                RevokedSessions::End
            },
        })
    }

    /// Puts the signals into the agenda.
    pub(crate) fn plan(&self, world: &mut World) {
        world.plan(self.at, Occurrence::Reload);
        if let Some(later) = self.again {
            world.plan(self.at + later, Occurrence::Reload);
        }
    }

    /// Whether a client may notice anything of it.
    pub(crate) fn concerns(&self, ip: IpAddr, login: Login) -> bool {
        match self.taken {
            Taken::Nothing => false,
            Taken::Address(denied) => denied == ip,
            Taken::Rights(of, _) | Taken::Account(of, _) => of == login || login == Login::Wrong,
        }
    }

    /// What a login by this name may do afterwards, who might this before; `None`: there is none.
    pub(crate) fn permissions(&self, login: Login, before: Permissions) -> Option<Permissions> {
        match self.taken {
            Taken::Rights(of, left) if of == login => Some(before.and(left)),
            Taken::Account(of, _) if of == login => None,
            Taken::Nothing | Taken::Address(_) | Taken::Rights(..) | Taken::Account(..) => {
                Some(before)
            }
        }
    }

    /// Whether sessions that were there keep what they had.
    pub(crate) fn keeps_sessions(&self) -> bool {
        self.sessions == RevokedSessions::Keep
    }

    /// Whether what is done now may be done by its rules.
    pub(crate) fn has_come(&self, now: Duration) -> bool {
        now >= self.at
    }

    /// Whether what is said then is done by its rules for certain.
    pub(crate) fn is_over(&self, said: Duration) -> bool {
        said >= self.at + SLACK
    }

    /// From when on what is said is said under the new rules.
    pub(crate) fn in_force(&self) -> Duration {
        self.at + SLACK
    }

    /// Whether what is said then by a client, logged in or not, is not executed.
    pub(crate) fn ends(&self, ip: IpAddr, login: Login, is_inside: bool, said: Duration) -> bool {
        if self.sessions == RevokedSessions::Keep || said < self.in_force() {
            return false;
        }
        match self.taken {
            Taken::Nothing | Taken::Rights(..) => false,
            Taken::Address(denied) => denied == ip,
            Taken::Account(of, _) => of == login && is_inside,
        }
    }

    /// When the server can have none of them any more, however badly they behave.
    fn over_at(&self, timings: &Timings) -> Duration {
        let longest = [
            timings.data_stall,
            timings.reply_stall,
            timings.linger,
            timings.handshake,
        ];
        self.at + longest.into_iter().sum::<Duration>() + Duration::from_secs(120)
    }

    /// What is in force from then on.
    fn rules(&self, before: &Settings) -> (Settings, AddressRules) {
        let mut rules = AddressRules::default();
        let mut accounts: Vec<_> = before.accounts.iter().map(|one| (**one).clone()).collect();
        match self.taken {
            Taken::Nothing => {}
            Taken::Address(ip) => rules.deny = vec![of(ip)],
            Taken::Rights(login, left) => {
                for account in accounts.iter_mut().filter(|one| is_of(one, login)) {
                    account.permissions = account.permissions.and(left);
                }
            }
            Taken::Account(login, How::Removed) => accounts.retain(|one| !is_of(one, login)),
            Taken::Account(login, how) => {
                for account in accounts.iter_mut().filter(|one| is_of(one, login)) {
                    close(account, how);
                }
            }
        }
        let mut accounts: Accounts = accounts.into_iter().collect();
        accounts.succeed(&before.accounts);
        let settings = Settings {
            accounts: Arc::new(accounts),
            revoked_sessions: self.sessions,
            ..before.clone()
        };
        (settings, rules)
    }
}

fn close(account: &mut Account, how: How) {
    match how {
        How::Removed => {}
        How::Disabled => account.enabled = false,
        How::Expired => account.expires = Some(1),
        How::Elsewhere => account.addresses = vec![of([192, 0, 2, 1].into())],
        How::OtherSecret => account.secret = mioftpd::auth::Secret::Plain("other".into()),
    }
}

fn is_of(account: &Account, login: Login) -> bool {
    account.is_personal() == (login == Login::Named)
}

fn of(ip: IpAddr) -> Cidr {
    ip.to_string().parse().expect("a network")
}

/// What a reload does not change.
pub(crate) struct Rest {
    pub(crate) settings: Settings,
    pub(crate) connections: usize,
    pub(crate) connections_per_address: usize,
    pub(crate) proxies: Vec<Cidr>,
}

impl Rest {
    /// Who must be let in by this, and by the reload that comes.
    pub(crate) fn gate(&self, reload: Option<&Reload>) -> Rules {
        Rules {
            connections: self.connections,
            per_address: self.connections_per_address,
            throttling: self.settings.throttling.clone(),
            is_proxied: !self.proxies.is_empty(),
            denied: reload.and_then(|reload| match reload.taken {
                Taken::Address(ip) => Some((ip, reload.at)),
                _ => None,
            }),
        }
    }

    /// Has the server take this; without one, what it had first.
    pub(crate) fn load(&self, reload: Option<&Reload>, reactor: &mut Reactor) {
        let (settings, addresses) = match reload {
            Some(reload) => reload.rules(&self.settings),
            None => (self.settings.clone(), AddressRules::default()),
        };
        reactor.change(Change {
            settings,
            account_storage: None,
            addresses,
            connections: self.connections.into(),
            connections_per_address: self.connections_per_address,
            passive_addresses: PassiveAddresses::default(),
            proxies: self.proxies.clone(),
        });
    }
}

impl Stage {
    /// Has the server take something from its clients, and sees whether it does.
    pub(crate) fn reload(&self, reactor: &mut Reactor) {
        if reactor.take_reload() {
            self.rest.load(self.place.reload.as_ref(), reactor);
            let most = self.rest.connections;
            self.world.lock().tally.reloaded(most);
        }
        let Some(reload) = &self.place.reload else {
            return;
        };
        let mut world = self.world.lock();
        let is_over = world.now > reload.over_at(&self.place.timings);
        if is_over && self.place.weather.is_smooth() {
            let clients = self.clients.lock();
            let still_in = clients.iter().position(|one| one.is_still_in(&world));
            if let Some(number) = still_in {
                world.violate(format!("client {number} is still in"));
            }
        }
    }
}
