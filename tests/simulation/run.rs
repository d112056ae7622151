//! One seed, from the first client to the last descriptor.
//!
//! First the weather, with guests, strangers and perhaps a stop of the server in it. When the
//! last guest is gone the weather calms down: every session must end. Then inspectors come, who
//! take every passive port, and everything must work for them.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use mioftpd::auth::{Account, Accounts, Permissions, Secret};
use mioftpd::net::{AddressRules, Cidr, DataSession, PassiveAddresses, PassivePorts};
use mioftpd::observe::{Records, Subscription};
use mioftpd::reactor::{Parts, Protocol, Reactor, StorageByAccount};
use mioftpd::session::{Mode, SecurityPolicy, Settings, TlsRequired};
use mioftpd::storage::{CutUploads, Memory, Storage, Usage};

use crate::client::{Client, Place, Secure, secret};
use crate::disk_record::DiskRecord;
use crate::invariants;
use crate::network::{Shared, VirtualNetwork};
use crate::reload::{Reload, Rest};
use crate::rng::{Odds, Rng};
use crate::runner::{Jobs, VirtualRunner};
use crate::scenario::Scenario;
use crate::stock::{furnished, metered, quota};
use crate::weather::{Weather, throttling, timings};
use crate::world::{FIRST_PORT, World};

/// Turns of the loop after which something must be wrong.
const TURNS: u32 = 400_000;

/// Transfers that may be over in one iteration.
const RECORDS: usize = 100;

/// The last is for implicit TLS.
const DOORS: [&str; 3] = ["10.0.0.1:21", "[fd00::1]:21", "10.0.0.1:990"];

/// Virtual time after which every session must have ended.
const END_OF_DAYS: Duration = Duration::from_secs(24 * 3600);

/// In one run of so many the server has TLS: handshakes take their time.
const TLS_IN: u64 = 6;

/// Of the password of the named account, as cheap as it can be.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

/// What came of a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<String>,
    pub(crate) trace: Vec<String>,
}

/// Everything of a run that is not the reactor's.
pub(crate) struct Stage {
    pub(crate) world: Shared<World>,
    pub(crate) clients: Shared<Vec<Client>>,
    pub(crate) jobs: Shared<Jobs>,
    pub(crate) place: Place,
    /// What is counted of all files.
    pub(crate) usage: Arc<Usage>,
    /// Of transfers that are over.
    pub(crate) records: Subscription,
    /// What a reload leaves as it is.
    pub(crate) rest: Rest,
    /// How many inspectors find a passive port at the same time.
    inspectors: usize,
    pub(crate) rng: Rng,
    pub(crate) stop_by: Option<Duration>,
}

/// What comes of a seed.
pub(crate) fn run(seed: u64, tracing: bool) -> Outcome {
    let (mut stage, reactor) = set_up(seed, None, tracing);
    let scenario = stage.draw_scenario(seed);
    stage.run(reactor, &scenario, false)
}

/// The same, and all that decided it: up to its panic, where it ends with one.
pub(crate) fn record(seed: u64) -> (Outcome, Scenario) {
    let (mut stage, reactor) = set_up(seed, None, true);
    let scenario = stage.draw_scenario(seed);
    let clients = stage.clients.clone();
    let ran = catch_unwind(AssertUnwindSafe(|| stage.run(reactor, &scenario, true)));
    let scenario = scenario.with_groups_of(&clients.lock());
    (ran.unwrap_or_default(), scenario)
}

pub(crate) fn replay(scenario: &Scenario, tracing: bool) -> Outcome {
    let (stage, reactor) = set_up(scenario.seed, Some(scenario), tracing);
    stage.run(reactor, scenario, false)
}

/// How a part of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// All guests are gone, and all sessions over.
    Emptied,
    /// The server has stopped, as it was asked to.
    Stopped,
    Violated,
}

fn set_up(seed: u64, scenario: Option<&Scenario>, tracing: bool) -> (Stage, Reactor) {
    let (mut rng, has_tls) = (Rng::new(seed), has_tls(seed));
    let drawn = Weather::draw(&mut rng);
    let weather = scenario.map_or(drawn, |scenario| scenario.weather.clone());
    let secure = has_tls.then(|| security(&mut rng));
    let world = Shared::new(World::new(rng.fork(), Weather::CALM, tracing));
    world.lock().note(|| format!("{weather:?}"));
    let memory = furnished(&weather);
    let mut place = draw_place(&mut rng, weather, secure, memory);
    let (storage, usage) = metered(&place, &world);
    let jobs = Shared::new(Jobs::new());
    let clients = Shared::new(Vec::new());
    // A range has one port: which of several is drawn is not for a seed to say.
    let has_range = rng.one_in(2);
    place.has_range = has_range;
    let settings = settings(&mut rng, &place);
    place.longest_penalty = settings.throttling.longest_penalty;
    let anonymous = settings.accounts.get(b"anonymous");
    place.anonymous = anonymous.map(|account| account.permissions);
    let seats = anonymous.and_then(|account| account.sessions);
    world.lock().limit_seats(seats.map(|seats| seats as usize));
    world.lock().note(|| {
        format!(
            "{:?}, reload: {:?}, quota: {:?}",
            settings.timings, place.reload, place.quota
        )
    });
    world.lock().tally.set_up(&place);
    let rest = Rest {
        settings,
        connections: rng.pick(&[4, 100]),
        connections_per_address: 4,
        proxies: proxies(&place),
    };
    let network = VirtualNetwork::new(&world, &clients, &jobs);
    let runner = VirtualRunner {
        jobs: jobs.clone(),
        world: world.clone(),
    };
    let mut reactor = start(&place, &rest, network, storage, runner);
    let stage = Stage {
        world,
        clients,
        jobs,
        place,
        usage,
        records: reactor.subscribe(RECORDS),
        rest,
        inspectors: if has_range { 1 } else { 3 },
        rng,
        stop_by: None,
    };
    (stage, reactor)
}

fn start(
    place: &Place,
    rest: &Rest,
    network: VirtualNetwork,
    storage: Arc<dyn Storage>,
    runner: VirtualRunner,
) -> Reactor {
    let secure = place.secure.as_ref();
    let range = place.has_range.then_some(FIRST_PORT..=FIRST_PORT);
    let mut reactor = Reactor::new(Parts {
        network: Box::new(network),
        storage,
        account_storage: StorageByAccount::new(),
        runner: Box::new(runner),
        passive_ports: PassivePorts::new(range),
        records: Records::default(),
        passive_addresses: PassiveAddresses::default(),
        proxies: rest.proxies.clone(),
        settings: rest.settings.clone(),
        acceptor: secure.and_then(|secure| secret::acceptor(secure.data_session)),
        addresses: AddressRules::default(),
        connections: rest.connections.into(),
        connections_per_address: rest.connections_per_address,
    });
    open_doors(&mut reactor, &place.doors);
    reactor
}

/// What clients know, but for what comes of the settings.
fn draw_place(rng: &mut Rng, weather: Weather, secure: Option<Secure>, memory: Memory) -> Place {
    Place {
        record: Shared::new(DiskRecord::default()),
        quota: quota(&mut rng.aside().fork(), &memory, &weather),
        memory,
        doors: doors(secure.is_some()),
        secure,
        control_only: rng.one_in(25),
        anonymous: None,
        has_range: false,
        is_proxied: rng.one_in(4),
        cut_uploads: rng.aside().pick(&[CutUploads::Discard, CutUploads::Keep]),
        stops: rng.one_in(4),
        reload: Reload::draw(&mut rng.aside()),
        timings: timings(rng),
        longest_penalty: Duration::ZERO,
        weather,
    }
}

fn has_tls(seed: u64) -> bool {
    cfg!(feature = "tls") && seed % TLS_IN == TLS_IN - 1
}

fn doors(has_tls: bool) -> Vec<SocketAddr> {
    let doors = DOORS[..if has_tls { 3 } else { 2 }].iter();
    let doors = doors.map(|door| door.parse().expect("an address"));
    doors.collect()
}

fn open_doors(reactor: &mut Reactor, doors: &[SocketAddr]) {
    let protocols = [Protocol::Ftp, Protocol::Ftp, Protocol::Ftps];
    for (&door, protocol) in doors.iter().zip(protocols) {
        reactor.listen(door, protocol).expect("calm weather");
    }
}

fn proxies(place: &Place) -> Vec<Cidr> {
    let networks = ["10.9.0.0/16", "fd09::/16"];
    let networks = networks.iter().filter(|_| place.is_proxied);
    networks
        .map(|one| one.parse().expect("a network"))
        .collect()
}

fn security(rng: &mut Rng) -> Secure {
    use TlsRequired::{Control, Data, Login, Nothing};
    let policies = [DataSession::Off, DataSession::Observe, DataSession::Require];
    Secure {
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

fn settings(rng: &mut Rng, place: &Place) -> Settings {
    let mut ann = Account::with_password("ann", "secret");
    // A login then takes a job, which may come back late or after its client is gone.
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
        mode: if place.control_only {
            Mode::ControlOnly
        } else {
            Mode::Serving
        },
        accounts: Arc::new(accounts),
        cut_uploads: place.cut_uploads,
        active_from_default_port: rng.aside().one_in(2),
        security: place.secure.as_ref().map(|secure| secure.policy.clone()),
        timings: place.timings.clone(),
        throttling: throttling(rng),
        ..Settings::default()
    }
}

impl Stage {
    fn violate(&self, what: String) {
        self.world.lock().violate(what);
    }

    /// From the first client to the last descriptor.
    fn run(mut self, mut reactor: Reactor, scenario: &Scenario, is_recorded: bool) -> Outcome {
        self.invite(scenario, is_recorded);
        let ended = self.play(&mut reactor);
        if ended == End::Emptied {
            self.inspect(&mut reactor);
        }
        if ended == End::Stopped && reactor.connections() > 0 {
            self.violate("the server stopped and has connections".to_owned());
        }
        self.world.lock().tally.end_loop();
        drop(reactor);
        Jobs::run_off(&self.jobs, &self.world);
        invariants::check_after(&self);

        let mut world = self.world.lock();
        Outcome {
            violations: std::mem::take(&mut world.violations),
            trace: world.trace.take().unwrap_or_default(),
        }
    }

    /// Turns the loop until all is over.
    fn play(&self, reactor: &mut Reactor) -> End {
        for _ in 0..TURNS {
            if self.is_empty(reactor) {
                return End::Emptied;
            }
            let running = reactor.turn(None);
            self.check_records();
            self.check_iteration(reactor);
            invariants::check_idle(self, reactor);
            self.reload(reactor);
            let now = self.world.lock().now;
            if !self.world.lock().violations.is_empty() {
                return End::Violated;
            }
            match running {
                Ok(true) if self.stop_by.is_some_and(|by| now > by) => {
                    self.violate("the server does not stop".to_owned());
                }
                Ok(true) if now > END_OF_DAYS => {
                    self.violate(format!("{} sessions do not end", reactor.connections()));
                }
                Ok(true) => {}
                Ok(false) if self.place.stops => return End::Stopped,
                Ok(false) => self.violate("the server stopped without being asked".to_owned()),
                Err(error) => self.violate(format!("the loop failed: {error}")),
            }
        }
        self.violate(format!("still running after {TURNS} turns"));
        End::Violated
    }

    /// Where a stop is going to come, it is waited for: nobody is to meet it who does not expect it.
    fn is_empty(&self, reactor: &Reactor) -> bool {
        !self.place.stops
            && reactor.connections() == 0
            && self.jobs.lock().outstanding() == 0
            && self.clients.lock().iter().all(Client::is_gone)
    }

    /// The faults have stopped and time has passed: nothing is left, and everything works, however
    /// long the disk takes.
    fn inspect(&mut self, reactor: &mut Reactor) {
        let sluggish = self.rng.pick(&[Odds(0), Odds(2_000)]);
        self.world.lock().weather = Weather {
            sluggish,
            ..Weather::CALM
        };
        self.place.weather = Weather::CALM;
        self.place.reload = None;
        self.place.record.lock().is_quota_lifted = true;
        self.rest.load(None, reactor);
        let most = self.rest.connections;
        self.world.lock().tally.reloaded(most);
        self.world.lock().gate.set(self.rest.gate(None));
        invariants::check_empty(self);
        for index in 0..self.inspectors {
            self.add_inspector(index == 0);
        }
        if self.play(reactor) == End::Emptied {
            invariants::check_empty(self);
        }
    }

    pub(crate) fn doors(&self) -> &[SocketAddr] {
        &self.place.doors
    }
}
