//! What a connection works with during a turn, apart from its own state.
//!
//! One value beside the connections, so that a turn can borrow one connection and all of this at once. Its
//! parts have roles: the outside world ([`Io`]), what the configuration says ([`Policy`]), what bounds the
//! load ([`Limiters`]) and buffers that are lent to the connection whose turn it is ([`TurnScratch`]).

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use super::activity::Activity;
use super::handshake_queue::HandshakeQueue;
use super::login_queue::LoginQueue;
use super::parts::{Parts, StorageByAccount};
use super::passive_pool::PassivePool;
use super::refusal_log::RefusalLog;
use super::slow_log::SlowLog;
use crate::auth::{Account, Throttle};
use crate::clock::Instant;
use crate::event_loop::{Key, Semaphore};
use crate::file_task::FileTask;
use crate::limits::{CHUNK_BYTES, INPUT_BYTES, OUTBOX_BYTES};
use crate::metrics::{Counts, LoopTimes, Phase, Phases};
use crate::net::tls::Acceptor;
use crate::net::{Cidr, Network, PassiveAddresses};
use crate::observe::{Records, TransferRecord};
use crate::protocol::line::LineBuffer;
use crate::session::{Action, Context, Deadlines, Outbox, Settings};
use crate::storage::Storage;
use crate::transfer::{Scratch, TransferSource};
use crate::workers::{Job, JobId, Runner, Work};

pub(super) struct LoopContext {
    pub(super) io: Io,
    pub(super) policy: Policy,
    pub(super) limiters: Limiters,
    pub(super) scratch: TurnScratch,
    pub(super) activity: Activity,
    pub(super) times: LoopTimes,
    pub(super) phases: Phases,
    pub(super) counts: Counts,
    pub(super) slow: SlowLog,
    /// The monotonic clock, read once an iteration.
    pub(super) now: Instant,
    /// The wall clock, read once an iteration.
    pub(super) unix_time: i64,
    /// The day since 1970 on which the certificate's dates were checked.
    certificate_checked: i64,
}

pub(super) struct Io {
    pub(super) network: Box<dyn Network>,
    pub(super) runner: Box<dyn Runner>,
    pub(super) passive_pool: PassivePool,
    pub(super) records: Records,
}

/// What the configuration says; a reload replaces it.
pub(super) struct Policy {
    pub(super) settings: Settings,
    pub(super) acceptor: Option<Acceptor>,
    /// The files of accounts without files of their own.
    pub(super) storage: Arc<dyn Storage>,
    pub(super) account_storage: StorageByAccount,
    pub(super) passive_addresses: PassiveAddresses,
    /// Networks whose connections begin with a PROXY header.
    pub(super) proxies: Vec<Cidr>,
}

pub(super) struct Limiters {
    /// For work that needs much memory.
    pub(super) permits: Semaphore,
    /// Failed logins and connection rates by address.
    pub(super) throttle: Throttle,
    pub(super) login_queue: LoginQueue,
    /// The log lines about connections to passive ports that are no client's.
    pub(super) unrelated: RefusalLog,
    pub(super) handshakes: HandshakeQueue,
}

/// Buffers that are lent to the connection whose turn it is; empty between turns, but for their capacity.
pub(super) struct TurnScratch {
    pub(super) actions: VecDeque<Action>,
    pub(super) input: LineBuffer,
    pub(super) output: Outbox,
    pub(super) slice: Scratch,
}

impl LoopContext {
    pub(super) fn new(parts: Parts, permits: Semaphore) -> Self {
        let now = parts.network.now();
        let unix_time = parts.network.unix_time();
        Self {
            io: Io {
                network: parts.network,
                runner: parts.runner,
                passive_pool: PassivePool::new(parts.passive_ports, parts.connections.listeners),
                records: parts.records,
            },
            policy: Policy {
                settings: parts.settings,
                acceptor: parts.acceptor,
                storage: parts.storage,
                account_storage: parts.account_storage,
                passive_addresses: parts.passive_addresses,
                proxies: parts.proxies,
            },
            limiters: Limiters {
                permits,
                throttle: Throttle::default(),
                login_queue: LoginQueue::default(),
                unrelated: RefusalLog::default(),
                handshakes: HandshakeQueue::default(),
            },
            scratch: TurnScratch {
                actions: VecDeque::new(),
                input: LineBuffer::with_capacity(INPUT_BYTES),
                output: Outbox::with_capacity(OUTBOX_BYTES),
                slice: Scratch::new(CHUNK_BYTES),
            },
            activity: Activity::default(),
            times: LoopTimes::new(now),
            phases: Phases::default(),
            counts: Counts::default(),
            slow: SlowLog::default(),
            now,
            unix_time,
            certificate_checked: day_of(unix_time),
        }
    }

    /// A poll has returned with so many events.
    pub(super) fn tick(&mut self, events: usize) {
        self.counts.woke(events);
        self.now = self.io.network.now();
        self.unix_time = self.io.network.unix_time();
        self.times.woke(self.now);
        if self.phases.are_measured() {
            self.phases.end(Phase::Poll, self.now);
        }
    }

    /// An iteration is over.
    pub(super) fn note_iteration(&mut self) {
        if let Some(limit) = self.policy.settings.slow {
            let now = self.io.network.now();
            self.slow.iterated(limit, &self.times, now);
        }
    }

    pub(super) fn end_phase(&mut self, phase: Phase) {
        if self.phases.are_measured() {
            self.phases.end(phase, self.io.network.now());
        }
    }

    /// Warns of a certificate that is about to expire or has expired: once a day on which TLS is used.
    pub(super) fn check_certificate_dates(&mut self) {
        let day = day_of(self.unix_time);
        if self.certificate_checked == day {
            return;
        }
        self.certificate_checked = day;
        let acceptor = self.policy.acceptor.as_ref();
        if let Some(warning) = acceptor.and_then(|one| one.warning(self.unix_time)) {
            log::warn!("{warning}");
        }
    }

    pub(super) const fn for_session<'a>(
        &'a mut self,
        outbox: &'a mut Outbox,
        deadlines: &'a mut Deadlines,
    ) -> Context<'a> {
        Context {
            now: self.now,
            unix_time: self.unix_time,
            settings: &self.policy.settings,
            outbox,
            actions: &mut self.scratch.actions,
            deadlines,
            counts: &mut self.counts,
        }
    }

    /// Lets a worker close a file and remove its temporary name; no connection waits for that.
    pub(super) fn discard(&mut self, source: TransferSource) {
        self.submit_detached(Work::Discard(source));
    }

    /// As [`discard`](Self::discard), for a file task.
    pub(super) fn drop_task(&mut self, file_task: Box<FileTask>) {
        self.submit_detached(Work::Drop(file_task));
    }

    fn submit_detached(&mut self, work: Work) {
        let id = JobId {
            owner: Key::NONE.to_bits(),
            ticket: 0,
        };
        self.submit(id, Arc::clone(&self.policy.storage), work);
    }

    pub(super) fn submit(&mut self, id: JobId, storage: Arc<dyn Storage>, work: Work) {
        let times = self.counts.submitted(work.kind(), self.now);
        self.io.runner.submit(Job {
            id,
            storage,
            work,
            times,
        });
    }

    /// Leaves the record of a transfer of a file that is in `storage`.
    pub(super) fn leave(&self, record: Box<TransferRecord>, storage: &Arc<dyn Storage>) {
        self.io.records.leave(record, storage);
    }

    /// The connection is closing: drops its pending actions, but logs a finished transfer, whose files are in
    /// `storage`, and what was changed.
    pub(super) fn drop_actions(&mut self, storage: &Arc<dyn Storage>) {
        while let Some(action) = self.scratch.actions.pop_front() {
            match action {
                Action::Record(record) => self.leave(record, storage),
                Action::Audit(record) => self.io.records.audit(record),
                _ => {}
            }
        }
    }
}

impl Policy {
    /// The files that the account sees; `None` if a reload added it without opening its directory.
    pub(super) fn storage_of(&self, account: &Account) -> Option<&Arc<dyn Storage>> {
        let shared = || account.root.is_none().then_some(&self.storage);
        self.account_storage.get(&account.name).or_else(shared)
    }

    /// Whether connections from this address begin with a PROXY header.
    pub(super) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(address))
    }
}

impl TurnScratch {
    /// Restores the buffers after a panic in a turn, which may have had them on loan.
    pub(super) fn recover(&mut self) {
        self.actions.clear();
        self.input = LineBuffer::with_capacity(INPUT_BYTES);
        self.output = Outbox::with_capacity(OUTBOX_BYTES);
    }
}

/// Days since 1970.
const fn day_of(unix_time: i64) -> i64 {
    unix_time.div_euclid(24 * 60 * 60)
}
