//! One run, from the first client to the last descriptor.
//!
//! First clients run under the fault plan, perhaps with a stop or reload. When the last has left, faults end
//! and every session must end. Then inspectors connect, use every passive port, and must succeed in
//! everything.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use mioftpd::internals::net::{PassiveAddresses, PassivePorts};
use mioftpd::internals::observe::Records;
use mioftpd::internals::reactor::{Parts, Reactor, StorageByAccount};
use mioftpd::internals::session::{ServerMode, Settings};
use mioftpd::internals::storage::{Memory, Storage, TreeUsage};
use mioftpd::{
    Account, Accounts, AddressRules, Cidr, CutUploads, DataSession, Permissions, Secret,
    SecurityPolicy, Subscription, TlsRequired,
};

use crate::client::{Client, RunConfig, TlsSetup, tls_stream};
use crate::disk_record::DiskRecord;
use crate::fault_plan::{FaultPlan, throttling, timings};
use crate::invariants;
use crate::loop_trace;
use crate::network::{Shared, VirtualNetwork};
use crate::populate::{metered, populated_memory, quota};
use crate::reload::{Reload, ServerConfig};
use crate::rng::{Odds, Rng};
use crate::runner::{Jobs, VirtualRunner};
use crate::scenario::Scenario;
use crate::staging::open_listeners;
use crate::world::{FIRST_PORT, World};

/// Turns of the loop after which the run fails.
const TURNS: u32 = 400_000;

/// Records that one iteration may produce.
const RECORDS: usize = 100;

/// The last is for implicit TLS.
const LISTEN_ADDRESSES: [&str; 3] = ["10.0.0.1:21", "[fd00::1]:21", "10.0.0.1:990"];

/// Virtual time by which every session must have ended.
const END_OF_DAYS: Duration = Duration::from_secs(24 * 3600);

/// One run in this many has TLS: handshakes are slow.
const TLS_IN: u64 = 6;

/// Hash of the named account's password, with the cheapest parameters.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

/// The result of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<String>,
    pub(crate) trace: Vec<String>,
    /// That of the event loop, in the form of a file.
    pub(crate) loop_trace: Vec<u8>,
}

/// Everything of a run except the reactor.
pub(crate) struct Simulation {
    pub(crate) world: Shared<World>,
    pub(crate) clients: Shared<Vec<Client>>,
    pub(crate) jobs: Shared<Jobs>,
    pub(crate) config: RunConfig,
    /// Usage counted by the quota.
    pub(crate) usage: Arc<TreeUsage>,
    /// Records of completed transfers.
    pub(crate) records: Subscription,
    /// Settings that a reload keeps.
    pub(crate) server_config: ServerConfig,
    /// Inspectors that can have a passive port at the same time.
    inspectors: usize,
    pub(crate) rng: Rng,
    pub(crate) stop_by: Option<Duration>,
}

/// Runs a seed.
pub(crate) fn run(seed: u64, tracing: bool) -> Outcome {
    let (mut simulation, reactor) = set_up(seed, None, tracing);
    let scenario = simulation.draw_scenario(seed);
    simulation.run(reactor, &scenario, false)
}

/// As [`run`], and records the scenario; up to a panic, if there is one.
pub(crate) fn record(seed: u64) -> (Outcome, Scenario) {
    let (mut simulation, reactor) = set_up(seed, None, true);
    let scenario = simulation.draw_scenario(seed);
    let clients = simulation.clients.clone();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        simulation.run(reactor, &scenario, true)
    }));
    let scenario = scenario.with_groups_of(&clients.lock());
    (ran.unwrap_or_default(), scenario)
}

pub(crate) fn replay(scenario: &Scenario, tracing: bool) -> Outcome {
    let (simulation, reactor) = set_up(scenario.seed, Some(scenario), tracing);
    simulation.run(reactor, scenario, false)
}

/// How a phase of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PhaseEnd {
    /// All clients have left, and all sessions have ended.
    Emptied,
    /// The server has stopped on a signal.
    Stopped,
    Violated,
}

fn set_up(seed: u64, scenario: Option<&Scenario>, tracing: bool) -> (Simulation, Reactor) {
    let (mut rng, has_tls) = (Rng::new(seed), has_tls(seed));
    let drawn = FaultPlan::draw(&mut rng);
    let fault_plan = scenario.map_or(drawn, |scenario| scenario.fault_plan.clone());
    let tls = has_tls.then(|| security(&mut rng));
    let world = Shared::new(World::new(rng.fork(), FaultPlan::NONE, tracing));
    world.lock().note(|| format!("{fault_plan:?}"));
    let memory = populated_memory(&fault_plan);
    let mut config = draw_config(&mut rng, fault_plan, tls, memory);
    let (storage, usage) = metered(&config, &world);
    let jobs = Shared::new(Jobs::new());
    let clients = Shared::new(Vec::new());
    // A range has one port, since a choice among several would not follow the seed.
    let has_range = rng.one_in(2);
    config.has_range = has_range;
    let settings = settings(&mut rng, &config);
    config.longest_penalty = settings.throttling.longest_penalty;
    let anonymous = settings.accounts.get(b"anonymous");
    config.anonymous = anonymous.map(|account| account.permissions);
    let session_slots = anonymous.and_then(|account| account.sessions);
    world
        .lock()
        .limit_sessions(session_slots.map(|session_slots| session_slots as usize));
    world.lock().note(|| {
        format!(
            "{:?}, reload: {:?}, quota: {:?}",
            settings.timings, config.reload, config.quota
        )
    });
    world.lock().tally.set_up(&config);
    let server_config = ServerConfig {
        settings,
        connections: rng.pick(&[4, 100]),
        connections_per_address: 4,
        proxies: proxies(&config),
    };
    let network = VirtualNetwork::new(&world, &clients, &jobs);
    let runner = VirtualRunner {
        jobs: jobs.clone(),
        world: world.clone(),
    };
    let mut reactor = start(&config, &server_config, network, storage, runner);
    if tracing {
        loop_trace::begin(&mut reactor, &world);
    }
    let simulation = Simulation {
        world,
        clients,
        jobs,
        config,
        usage,
        records: reactor.subscribe(RECORDS),
        server_config,
        inspectors: if has_range { 1 } else { 3 },
        rng,
        stop_by: None,
    };
    (simulation, reactor)
}

fn start(
    config: &RunConfig,
    server_config: &ServerConfig,
    network: VirtualNetwork,
    storage: Arc<dyn Storage>,
    runner: VirtualRunner,
) -> Reactor {
    let tls = config.tls.as_ref();
    let range = config.has_range.then_some(FIRST_PORT..=FIRST_PORT);
    let mut reactor = Reactor::new(Parts {
        network: Box::new(network),
        storage,
        account_storage: StorageByAccount::new(),
        runner: Box::new(runner),
        passive_ports: PassivePorts::new(range),
        records: Records::default(),
        passive_addresses: PassiveAddresses::default(),
        proxies: server_config.proxies.clone(),
        settings: server_config.settings.clone(),
        acceptor: tls.and_then(|tls| tls_stream::acceptor(tls.data_session)),
        addresses: AddressRules::default(),
        connections: server_config.connections.into(),
        connections_per_address: server_config.connections_per_address,
        busy_poll: Duration::ZERO,
    });
    open_listeners(&mut reactor, &config.listen_addresses);
    reactor
}

/// The configuration, except what depends on the account settings.
fn draw_config(
    rng: &mut Rng,
    fault_plan: FaultPlan,
    tls: Option<TlsSetup>,
    memory: Memory,
) -> RunConfig {
    RunConfig {
        record: Shared::new(DiskRecord::default()),
        quota: quota(&mut rng.aside().fork(), &memory, &fault_plan),
        memory,
        listen_addresses: listen_addresses(tls.is_some()),
        tls,
        control_only: rng.one_in(25),
        anonymous: None,
        has_range: false,
        is_proxied: rng.one_in(4),
        cut_uploads: rng.aside().pick(&[CutUploads::Discard, CutUploads::Keep]),
        stops: rng.one_in(4),
        reload: Reload::draw(&mut rng.aside()),
        timings: timings(rng),
        longest_penalty: Duration::ZERO,
        fault_plan,
    }
}

fn has_tls(seed: u64) -> bool {
    cfg!(feature = "tls") && seed % TLS_IN == TLS_IN - 1
}

fn listen_addresses(has_tls: bool) -> Vec<SocketAddr> {
    let listen_addresses = LISTEN_ADDRESSES[..if has_tls { 3 } else { 2 }].iter();
    let listen_addresses =
        listen_addresses.map(|listen_address| listen_address.parse().expect("an address"));
    listen_addresses.collect()
}

fn proxies(config: &RunConfig) -> Vec<Cidr> {
    let networks = ["10.9.0.0/16", "fd09::/16"];
    let networks = networks.iter().filter(|_| config.is_proxied);
    networks
        .map(|one| one.parse().expect("a network"))
        .collect()
}

fn security(rng: &mut Rng) -> TlsSetup {
    use TlsRequired::{Control, Data, Login, Nothing};
    let policies = [DataSession::Off, DataSession::Observe, DataSession::Require];
    TlsSetup {
        data_session: rng.pick(&policies),
        policy: SecurityPolicy {
            require: rng.pick(&[Nothing, Nothing, Nothing, Login, Control, Data]),
            unclean_uploads: if rng.aside().one_in(2) {
                ["0.0.0.0/0", "::/0"]
                    .map(|all| all.parse().expect("a network"))
                    .into()
            } else {
                Vec::new()
            },
            allow_clear: rng.one_in(2),
            ..SecurityPolicy::default()
        },
    }
}

fn settings(rng: &mut Rng, config: &RunConfig) -> Settings {
    let mut ann = Account::with_password("ann", "secret");
    // A login then needs a job, which may be late or outlive its client.
    if let Ok(secret) = Secret::hashed(HASH)
        && rng.one_in(2)
    {
        ann.secret = secret;
    }
    ann.rate_down = rng.pick(&[None, None, Some(100_000)]);
    ann.rate_up = rng.pick(&[None, None, Some(100_000)]);
    let mut accounts = Accounts::new().with(ann);
    let anonymous = rng.pick(&[None, Some(Permissions::READ), Some(Permissions::ALL)]);
    let sessions = rng.aside().pick(&[None, None, None, Some(1), Some(2)]);
    accounts.extend(anonymous.map(|permissions| Account {
        sessions,
        ..Account::anonymous(permissions)
    }));
    Settings {
        mode: if config.control_only {
            ServerMode::ControlOnly
        } else {
            ServerMode::Serving
        },
        accounts: Arc::new(accounts),
        cut_uploads: config.cut_uploads,
        active_from_default_port: rng.aside().one_in(2),
        security: config.tls.as_ref().map(|tls| tls.policy.clone()),
        timings: config.timings.clone(),
        throttling: throttling(rng),
        ..Settings::default()
    }
}

impl Simulation {
    fn violate(&self, what: String) {
        self.world.lock().violate(what);
    }

    /// From the first client to the last descriptor.
    fn run(mut self, mut reactor: Reactor, scenario: &Scenario, is_recorded: bool) -> Outcome {
        self.load_scenario(scenario, is_recorded);
        let ended = self.run_phase(&mut reactor);
        if ended == PhaseEnd::Emptied {
            self.inspect(&mut reactor);
        }
        if ended == PhaseEnd::Stopped && reactor.connections() > 0 {
            self.violate("the server stopped with open connections".to_owned());
        }
        self.world.lock().tally.end_loop();
        let loop_trace = loop_trace::end(reactor);
        Jobs::run_remaining(&self.jobs, &self.world);
        invariants::check_after(&self);

        let mut world = self.world.lock();
        Outcome {
            violations: std::mem::take(&mut world.violations),
            trace: world.trace.take().unwrap_or_default(),
            loop_trace,
        }
    }

    /// Turns the loop until the phase ends.
    fn run_phase(&self, reactor: &mut Reactor) -> PhaseEnd {
        for _ in 0..TURNS {
            if self.is_empty(reactor) {
                return PhaseEnd::Emptied;
            }
            let running = reactor.turn(None);
            self.check_records();
            self.check_iteration(reactor);
            invariants::check_idle(self, reactor);
            self.reload(reactor);
            let now = self.world.lock().now;
            if !self.world.lock().violations.is_empty() {
                return PhaseEnd::Violated;
            }
            match running {
                Ok(true) if self.stop_by.is_some_and(|by| now > by) => {
                    self.violate("the server does not stop".to_owned());
                }
                Ok(true) if now > END_OF_DAYS => {
                    self.violate(format!("{} sessions do not end", reactor.connections()));
                }
                Ok(true) => {}
                Ok(false) if self.config.stops => return PhaseEnd::Stopped,
                Ok(false) => self.violate("the server stopped without being asked".to_owned()),
                Err(error) => self.violate(format!("the loop failed: {error}")),
            }
        }
        self.violate(format!("still running after {TURNS} turns"));
        PhaseEnd::Violated
    }

    /// A run with a stop lasts until the stop: inspectors must not meet it.
    fn is_empty(&self, reactor: &Reactor) -> bool {
        let world = self.world.lock();
        !(self.config.stops || world.has_passive_listeners(&self.config.listen_addresses))
            && reactor.connections() == 0
            && self.jobs.lock().outstanding() == 0
            && self.clients.lock().iter().all(Client::is_gone)
    }

    /// After the faults: nothing is left, and inspectors must succeed, however slow the disk is.
    fn inspect(&mut self, reactor: &mut Reactor) {
        let sluggish = self.rng.pick(&[Odds(0), Odds(2_000)]);
        self.world.lock().fault_plan = FaultPlan {
            sluggish,
            ..FaultPlan::NONE
        };
        self.config.fault_plan = FaultPlan::NONE;
        self.config.reload = None;
        self.config.record.lock().is_quota_lifted = true;
        self.server_config.load(None, reactor);
        let most = self.server_config.connections;
        self.world.lock().tally.reloaded(most);
        let rules = self.server_config.admission_rules(None);
        self.world.lock().admission.set(rules);
        invariants::check_empty(self);
        for index in 0..self.inspectors {
            self.add_inspector(index == 0);
        }
        if self.run_phase(reactor) == PhaseEnd::Emptied {
            invariants::check_empty(self);
        }
    }

    pub(crate) fn listen_addresses(&self) -> &[SocketAddr] {
        &self.config.listen_addresses
    }
}
