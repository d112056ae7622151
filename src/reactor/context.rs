//! What a connection works with during a visit: the seams, the time of this pass, and the
//! scratch that all connections share.
//!
//! It is one value, apart from the connections, so that a turn may borrow one connection and
//! all of this at once.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use super::activity::Activity;
use super::admission::Protocol;
use super::key::Key;
use super::login_queue::LoginQueue;
use super::{Parts, StorageByAccount};
use crate::auth::{Account, Throttle};
use crate::file_task::FileTask;
use crate::limits::{CHUNK_BYTES, INPUT_BYTES, OUTBOX_BYTES};
use crate::net::tls::Acceptor;
use crate::net::{Cidr, Listener, Network, PassiveAddresses, PassivePorts, PortLease, Token};
use crate::observe::Records;
use crate::protocol::proxy_header::Origin;
use crate::session::{Action, Context, Deadlines, Outbox, Settings};
use crate::storage::Storage;
use crate::transfer::{Scratch, Semaphore, TransferSource};
use crate::workers::{Job, JobId, Runner, Work};

pub(super) struct LoopContext {
    pub(super) network: Box<dyn Network>,
    pub(super) storage: Arc<dyn Storage>,
    /// The files of accounts that do not see just those.
    pub(super) account_storage: StorageByAccount,
    pub(super) runner: Box<dyn Runner>,
    pub(super) passive_ports: PassivePorts,
    pub(super) records: Records,
    pub(super) passive_addresses: PassiveAddresses,
    pub(super) proxies: Vec<Cidr>,
    pub(super) settings: Settings,
    pub(super) acceptor: Option<Acceptor>,
    /// For work that needs much memory.
    pub(super) permits: Semaphore,
    /// What is remembered of addresses.
    pub(super) throttle: Throttle,
    pub(super) login_queue: LoginQueue,
    /// The time of this pass.
    pub(super) now: Instant,
    /// The wall clock of this pass.
    pub(super) unix_time: i64,
    /// The day since 1970 on which the certificate's dates were looked at.
    certificate_seen: i64,
    /// Orders of the session that is being visited; empty between visits.
    pub(super) actions: VecDeque<Action>,
    /// Whether the session that is being visited wants to know who else is there.
    pub(super) asks_who: bool,
    /// Of the connection that is being visited, for whom a proxy has made it.
    pub(super) introduced: Option<(Origin, Protocol)>,
    /// Lent to the input of the connection that is being visited.
    pub(super) input: Vec<u8>,
    /// Whether a password is in it.
    pub(super) holds_password: bool,
    /// Lent to its outbox.
    pub(super) output: Vec<u8>,
    pub(super) scratch: Scratch,
    pub(super) activity: Activity,
}

impl LoopContext {
    pub(super) fn new(parts: Parts, permits: Semaphore) -> Self {
        let now = parts.network.now();
        let unix_time = parts.network.unix_time();
        Self {
            network: parts.network,
            storage: parts.storage,
            account_storage: parts.account_storage,
            runner: parts.runner,
            passive_ports: parts.passive_ports,
            records: parts.records,
            passive_addresses: parts.passive_addresses,
            proxies: parts.proxies,
            settings: parts.settings,
            acceptor: parts.acceptor,
            permits,
            throttle: Throttle::new(),
            login_queue: LoginQueue::default(),
            now,
            unix_time,
            certificate_seen: day_of(unix_time),
            actions: VecDeque::new(),
            asks_who: false,
            introduced: None,
            input: vec![0; INPUT_BYTES],
            holds_password: false,
            output: Vec::with_capacity(OUTBOX_BYTES),
            scratch: Scratch::new(CHUNK_BYTES),
            activity: Activity::default(),
        }
    }

    /// Reads the clocks, once for a pass. No time of a record is before that of the file that it is of.
    pub(super) fn tick(&mut self) {
        self.now = self.network.now();
        self.unix_time = self.network.unix_time();
    }

    /// The files that the account sees; `None`: it was added without its directory being opened.
    pub(super) fn storage_of(&self, account: &Account) -> Option<&Arc<dyn Storage>> {
        let shared = || account.root.is_none().then_some(&self.storage);
        self.account_storage.get(&account.name).or_else(shared)
    }

    /// Whether a connection from there begins with the word for whom it is made.
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }

    /// A listener for a data connection, on a port that is free.
    pub(super) fn open_passive(
        &mut self,
        here: SocketAddr,
        token: Token,
    ) -> io::Result<(Box<dyn Listener>, PortLease)> {
        let network = self.network.as_mut();
        self.passive_ports.listen(network, here, token)
    }

    /// Says, once a day on which TLS is used, what is wrong with the certificate's dates.
    pub(super) fn look_at_certificate(&mut self) {
        let day = day_of(self.unix_time);
        if self.certificate_seen == day {
            return;
        }
        self.certificate_seen = day;
        let warning = self
            .acceptor
            .as_ref()
            .and_then(|one| one.warning(self.unix_time));
        if let Some(warning) = warning {
            log::warn!("{warning}");
        }
    }

    /// What the session of a connection is given to work with.
    pub(super) const fn context<'a>(
        &'a mut self,
        outbox: &'a mut Outbox,
        deadlines: &'a mut Deadlines,
    ) -> Context<'a> {
        Context {
            now: self.now,
            unix_time: self.unix_time,
            settings: &self.settings,
            outbox,
            actions: &mut self.actions,
            deadlines,
        }
    }

    /// Has a file closed, and its temporary name removed, where one may wait for it; nobody
    /// is told.
    pub(super) fn discard(&mut self, source: TransferSource) {
        self.submit_detached(Work::Discard(source));
    }

    /// As [`discard`](Self::discard), for an errand that nobody waits for.
    pub(super) fn drop_task(&mut self, file_task: Box<FileTask>) {
        self.submit_detached(Work::Drop(file_task));
    }

    fn submit_detached(&mut self, work: Work) {
        self.runner.submit(Job {
            id: JobId {
                owner: Key::NONE.to_owner(),
                ticket: 0,
            },
            storage: Arc::clone(&self.storage),
            work,
        });
    }

    /// Overwrites a password that was read, once it is not needed there any more.
    pub(super) fn wipe_password(&mut self) {
        if std::mem::take(&mut self.holds_password) {
            self.input.fill(0);
        }
    }

    /// Nobody is left to carry out the orders of this visit for; but a transfer that is over, of
    /// files that are kept here, is.
    pub(super) fn drop_actions(&mut self, storage: &Arc<dyn Storage>) {
        for action in self.actions.drain(..) {
            match action {
                Action::Record(record) => self.records.leave(record, storage),
                Action::Audit(record) => self.records.audit(record),
                _ => {}
            }
        }
        self.asks_who = false;
        self.introduced = None;
    }

    /// Makes everything usable again after a panic in the middle of a visit.
    pub(super) fn recover(&mut self) {
        self.actions.clear();
        self.asks_who = false;
        self.introduced = None;
        self.input.resize(INPUT_BYTES, 0);
    }
}

/// Days since 1970.
const fn day_of(unix_time: i64) -> i64 {
    unix_time.div_euclid(24 * 60 * 60)
}
