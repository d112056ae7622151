//! A reload during a run: what it revokes, from which clients, and when.
//!
//! Unaffected clients must not notice. Clients that would no longer be admitted must be told and
//! disconnected: none of their later commands executes, and the server closes all their connections. The
//! inspection restores the original rules.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mioftpd::internals::net::PassiveAddresses;
use mioftpd::internals::reactor::{Change, Reactor};
use mioftpd::internals::session::Settings;
use mioftpd::{Account, Accounts, AddressRules, Cidr, Permissions, RevokedSessions, Timings};

use crate::client::{Login, address};
use crate::rng::Rng;
use crate::run::Simulation;
use crate::world::{Rules, SimEvent, World};

/// A command sent this long after the reload executes under the new rules.
const SLACK: Duration = Duration::from_millis(10);

/// What the reload revokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revocation {
    Nothing,
    /// Connections from this address.
    Address(IpAddr),
    /// All logins of this account.
    Account(Login, AccountChange),
    /// All permissions of this account but these.
    Rights(Login, Permissions),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AccountChange {
    Removed,
    Disabled,
    Expired,
    Elsewhere,
    OtherSecret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reload {
    pub(crate) at: Duration,
    /// A second, identical reload after this time.
    pub(crate) again: Option<Duration>,
    pub(crate) revocation: Revocation,
    pub(crate) sessions: RevokedSessions,
}

impl Reload {
    pub(crate) fn draw(rng: &mut Rng) -> Option<Self> {
        if !rng.one_in(2) {
            return None;
        }
        let login = rng.pick(&[Login::Named, Login::Named, Login::Anonymous]);
        let account_changes = [
            AccountChange::Removed,
            AccountChange::Disabled,
            AccountChange::Expired,
            AccountChange::Elsewhere,
            AccountChange::OtherSecret,
        ];
        // CREATE is never kept: an upload could reuse the connection of a refused transfer.
        let left = [Permissions::NONE, Permissions::READ];
        let revocation = match rng.below(6) {
            0 => Revocation::Nothing,
            1 | 2 => Revocation::Address(address(rng.below(4), rng.one_in(3))),
            3 => Revocation::Rights(login, rng.pick(&left)),
            _ => Revocation::Account(login, rng.pick(&account_changes)),
        };
        let most = rng.pick(&[50, 2_000, 60_000]);
        Some(Self {
            at: rng.time(Duration::from_millis(most)),
            again: rng.one_in(2).then(|| rng.time(Duration::from_millis(most))),
            revocation,
            sessions: if rng.one_in(4) {
                RevokedSessions::Keep
            } else {
                RevokedSessions::End
            },
        })
    }

    /// Schedules the signals.
    pub(crate) fn schedule(&self, world: &mut World) {
        world.schedule(self.at, SimEvent::Reload);
        if let Some(later) = self.again {
            world.schedule(self.at + later, SimEvent::Reload);
        }
    }

    /// Whether it may affect a client.
    pub(crate) fn concerns(&self, ip: IpAddr, login: Login) -> bool {
        match self.revocation {
            Revocation::Nothing => false,
            Revocation::Address(denied) => denied == ip,
            Revocation::Rights(of, _) | Revocation::Account(of, _) => {
                of == login || login == Login::Wrong
            }
        }
    }

    /// Permissions of a login after the reload; `None`: the account no longer exists.
    pub(crate) fn permissions(&self, login: Login, before: Permissions) -> Option<Permissions> {
        match self.revocation {
            Revocation::Rights(of, left) if of == login => Some(before.and(left)),
            Revocation::Account(of, _) if of == login => None,
            Revocation::Nothing
            | Revocation::Address(_)
            | Revocation::Rights(..)
            | Revocation::Account(..) => Some(before),
        }
    }

    /// Whether existing sessions keep their permissions.
    pub(crate) fn keeps_sessions(&self) -> bool {
        self.sessions == RevokedSessions::Keep
    }

    /// Whether the new rules may apply at this time.
    pub(crate) fn has_come(&self, now: Duration) -> bool {
        now >= self.at
    }

    /// Whether a command sent at this time certainly executes under the new rules.
    pub(crate) fn is_over(&self, sent_at: Duration) -> bool {
        sent_at >= self.at + SLACK
    }

    /// From when on commands certainly execute under the new rules.
    pub(crate) fn in_force(&self) -> Duration {
        self.at + SLACK
    }

    /// Whether a command that this client sends at this time must not execute.
    pub(crate) fn ends(
        &self,
        ip: IpAddr,
        login: Login,
        is_logged_in: bool,
        sent_at: Duration,
    ) -> bool {
        if self.sessions == RevokedSessions::Keep || sent_at < self.in_force() {
            return false;
        }
        match self.revocation {
            Revocation::Nothing | Revocation::Rights(..) => false,
            Revocation::Address(denied) => denied == ip,
            Revocation::Account(of, _) => of == login && is_logged_in,
        }
    }

    /// When the server must have closed all revoked connections, however the clients behave.
    fn over_at(&self, timings: &Timings) -> Duration {
        let longest = [
            timings.data_stall,
            timings.reply_stall,
            timings.linger,
            timings.handshake,
        ];
        self.at + longest.into_iter().sum::<Duration>() + Duration::from_secs(120)
    }

    /// The settings after the reload.
    fn rules(&self, before: &Settings) -> (Settings, AddressRules) {
        let mut rules = AddressRules::default();
        let mut accounts: Vec<_> = before.accounts.iter().map(|one| (**one).clone()).collect();
        match self.revocation {
            Revocation::Nothing => {}
            Revocation::Address(ip) => rules.deny = vec![of(ip)],
            Revocation::Rights(login, left) => {
                for account in accounts.iter_mut().filter(|one| is_of(one, login)) {
                    account.permissions = account.permissions.and(left);
                }
            }
            Revocation::Account(login, AccountChange::Removed) => {
                accounts.retain(|one| !is_of(one, login));
            }
            Revocation::Account(login, how) => {
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

fn close(account: &mut Account, how: AccountChange) {
    match how {
        AccountChange::Removed => {}
        AccountChange::Disabled => account.enabled = false,
        AccountChange::Expired => account.expires = Some(0),
        AccountChange::Elsewhere => account.addresses = vec![of([192, 0, 2, 1].into())],
        AccountChange::OtherSecret => account.secret = mioftpd::Secret::Plain("other".into()),
    }
}

fn is_of(account: &Account, login: Login) -> bool {
    account.is_personal() == (login == Login::Named)
}

fn of(ip: IpAddr) -> Cidr {
    ip.to_string().parse().expect("a network")
}

/// Settings that a reload keeps.
pub(crate) struct ServerConfig {
    pub(crate) settings: Settings,
    pub(crate) connections: usize,
    pub(crate) connections_per_address: usize,
    pub(crate) proxies: Vec<Cidr>,
}

impl ServerConfig {
    /// The admission rules, including those of the coming reload.
    pub(crate) fn admission_rules(&self, reload: Option<&Reload>) -> Rules {
        Rules {
            connections: self.connections,
            per_address: self.connections_per_address,
            throttling: self.settings.throttling.clone(),
            is_proxied: !self.proxies.is_empty(),
            denied: reload.and_then(|reload| match reload.revocation {
                Revocation::Address(ip) => Some((ip, reload.at)),
                _ => None,
            }),
        }
    }

    /// Loads the rules of the reload, or the original ones.
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

impl Simulation {
    /// Executes a pending reload, and checks that revoked clients disappear.
    pub(crate) fn reload(&self, reactor: &mut Reactor) {
        if reactor.take_reload() {
            self.server_config
                .load(self.config.reload.as_ref(), reactor);
            let most = self.server_config.connections;
            self.world.lock().tally.reloaded(most);
        }
        let Some(reload) = &self.config.reload else {
            return;
        };
        let mut world = self.world.lock();
        let is_over = world.now > reload.over_at(&self.config.timings);
        if is_over && self.config.fault_plan.is_timely() {
            let clients = self.clients.lock();
            let still_in = clients
                .iter()
                .position(|one| one.is_held_after_revocation(&world));
            if let Some(number) = still_in {
                world.violate(format!(
                    "client {number} still has a connection after its revocation"
                ));
            }
        }
    }
}
