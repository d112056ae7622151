//! One seed, from the first client to the last descriptor.
//!
//! First the weather, with guests, strangers and perhaps a stop of the server in it. When the
//! last guest is gone the weather calms down: every session must end. Then inspectors come, who
//! take every passive port, and everything must work for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mioftpd::auth::{Account, Accounts, Permissions, Secret};
use mioftpd::net::{AddressRules, Cidr, DataSession, PassiveAddresses, PassivePorts};
use mioftpd::observe::{Records, Subscription};
use mioftpd::reactor::{Homes, Parts, Protocol, Reactor};
use mioftpd::session::{Mode, SecurityPolicy, Settings, TlsRequired};
use mioftpd::storage::{CutUploads, Memory, Metered, Quota, Storage, Usage};

use crate::client::{Client, Guest, Habits, Place, Secure, Stranger, public_sizes, secret};
use crate::content::whole;
use crate::disk::FaultyStorage;
use crate::invariants;
use crate::network::{Shared, VirtualNetwork};
use crate::reload::{Reload, Rest};
use crate::rng::{Odds, Rng};
use crate::runner::{Jobs, VirtualRunner};
use crate::tally::Times;
use crate::weather::{Weather, throttling, timings};
use crate::world::{FIRST_PORT, Occurrence, World};

/// Turns of the loop after which something must be wrong.
const TURNS: u32 = 400_000;

/// Transfers that may be over in one iteration.
const RECORDS: usize = 100;

/// The last is for implicit TLS.
const DOORS: [&str; 3] = ["10.0.0.1:21", "[fd00::1]:21", "10.0.0.1:990"];

/// Virtual time after which every session must have ended.
const END_OF_DAYS: Duration = Duration::from_secs(24 * 3600);

/// What the reactor may take to stop beyond the grace period.
const STOPPING: Duration = Duration::from_secs(7);

/// What it may take once it was asked a second time: a moment for the workers.
const LEAVING: Duration = Duration::from_secs(2);

/// In one run of so many the server has TLS: handshakes take their time.
const TLS_IN: u64 = 6;

/// Of the password of the named account, as cheap as it can be.
const HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$WHwbVkQ5XzAMaltcqwxy+X9v0VxYTVTjS9BRTrowawM";

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
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
    rng: Rng,
    stop_by: Option<Duration>,
}

pub(crate) fn run(seed: u64, tracing: bool) -> Outcome {
    let has_tls = cfg!(feature = "tls") && seed % TLS_IN == TLS_IN - 1;
    let (mut stage, mut reactor) = set_up(Rng::new(seed), has_tls, tracing);
    stage.invite();
    let ended = stage.play(&mut reactor);
    if ended == End::Emptied {
        stage.inspect(&mut reactor);
    }
    if ended == End::Stopped && reactor.connections() > 0 {
        stage.violate("the server stopped and has connections".to_owned());
    }
    drop(reactor);
    Jobs::run_off(&stage.jobs, &stage.world);
    invariants::check_after(&stage);

    let mut world = stage.world.lock();
    Outcome {
        violations: std::mem::take(&mut world.violations),
        trace: world.trace.take().unwrap_or_default(),
    }
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

fn set_up(mut rng: Rng, has_tls: bool, tracing: bool) -> (Stage, Reactor) {
    let weather = Weather::draw(&mut rng);
    let secure = has_tls.then(|| security(&mut rng));
    let world = Shared::new(World::new(rng.fork(), Weather::CALM, tracing));
    world.lock().note(|| format!("{weather:?}"));
    let memory = furnished(&weather);
    let place = Place {
        memory: memory.clone(),
        doors: doors(has_tls),
        secure,
        control_only: rng.one_in(25),
        is_proxied: rng.one_in(4),
        cut_uploads: rng.aside().pick(&[CutUploads::Discard, CutUploads::Keep]),
        stops: rng.one_in(4),
        reload: Reload::draw(&mut rng.aside()),
        timings: timings(&mut rng),
        weather,
    };
    let (storage, usage) = metered(memory, world.clone());
    let jobs = Shared::new(Jobs::new());
    let clients = Shared::new(Vec::new());
    // A range has one port: which of several is drawn is not for a seed to say.
    let has_range = rng.one_in(2);
    let settings = settings(&mut rng, &place);
    {
        let mut world = world.lock();
        world.note(|| format!("{:?}, {:?}", settings.timings, place.reload));
        world.tally.doors.clone_from(&place.doors);
        world.tally.has_tls = has_tls;
        world.tally.times = Times::of(&place);
    }
    let rest = Rest {
        settings,
        connections: rng.pick(&[4, 100]),
        connections_per_address: 4,
        proxies: proxies(&place),
    };
    let mut reactor = Reactor::new(Parts {
        network: Box::new(VirtualNetwork::new(&world, &clients, &jobs)),
        storage,
        homes: Homes::new(),
        runner: Box::new(VirtualRunner {
            jobs: jobs.clone(),
            world: world.clone(),
        }),
        passive_ports: PassivePorts::new(has_range.then_some(FIRST_PORT..=FIRST_PORT)),
        records: Records::default(),
        passive_addresses: PassiveAddresses::default(),
        proxies: rest.proxies.clone(),
        settings: rest.settings.clone(),
        acceptor: place
            .secure
            .as_ref()
            .and_then(|secure| secret::acceptor(secure.data_session)),
        addresses: AddressRules::default(),
        connections: rest.connections.into(),
        connections_per_address: rest.connections_per_address,
    });
    open_doors(&mut reactor, &place.doors);
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

/// Files behind faults, and how much is counted of them: without a limit, to be seen and not felt.
fn metered(memory: Memory, world: Shared<World>) -> (Arc<dyn Storage>, Arc<Usage>) {
    let usage = Arc::new(Usage::default());
    usage.count(&memory).expect("no faults yet");
    let faulty = Arc::new(FaultyStorage { memory, world });
    let metered = Metered::new(faulty, Arc::clone(&usage), Quota::default());
    (Arc::new(metered), usage)
}

fn furnished(weather: &Weather) -> Memory {
    let directories = ["/up", "/misc", "/shared"];
    let memory = directories
        .iter()
        .fold(Memory::new(), |memory, path| memory.with_directory(path));
    let sizes = public_sizes(weather.capacity).into_iter().enumerate();
    sizes.fold(memory, |memory, (number, size)| {
        let bytes = if size == 0 {
            Vec::new()
        } else {
            whole(number as u64, size)
        };
        memory.with_file(&format!("/pub/{number}"), &bytes)
    })
}

fn security(rng: &mut Rng) -> Secure {
    use TlsRequired::{Control, Data, Login, Nothing};
    let policies = [DataSession::Off, DataSession::Observe, DataSession::Require];
    Secure {
        data_session: rng.pick(&policies),
        policy: SecurityPolicy {
            require: rng.pick(&[Nothing, Nothing, Nothing, Login, Control, Data]),
            unclean_uploads: if matches!(rng.aside().below(6), 1 | 2) {
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
    accounts.extend(anonymous.map(Account::anonymous));
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

    /// Those who come while the weather lasts.
    fn invite(&mut self) {
        let most = self.rng.pick(&[2, 4, 8]);
        // All at once, or one after the other, in each other's places.
        let within = Duration::from_secs(self.rng.pick(&[3, 3, 60, 2_000]));
        for _ in 0..self.rng.within(1, most) {
            let habits = Habits::draw(&mut self.rng, self.clients.lock().len());
            self.add_guest(habits, within);
        }
        if self.rng.one_in(2) {
            let habits = Habits::probe(&mut self.rng, self.clients.lock().len());
            self.add_guest(habits, Duration::from_secs(3));
        }
        if self.rng.one_in(3) {
            let number = self.clients.lock().len();
            let stranger = Stranger::new(number, self.rng.fork(), self.place.clone());
            self.clients
                .lock()
                .push(Client::Stranger(Box::new(stranger)));
            self.world.lock().notify_client(number);
        }
        let mut world = self.world.lock();
        world.weather = self.place.weather.clone();
        if let Some(reload) = &self.place.reload {
            reload.plan(&mut world);
        }
        if self.place.stops {
            let most = self.rng.pick(&[100, 2_000, 60_000]);
            let first = self.rng.time(Duration::from_millis(most));
            world.plan(first, Occurrence::Stop);
            let mut within = self.place.timings.grace + STOPPING;
            if self.rng.one_in(3) {
                let second = self.rng.time(Duration::from_secs(10));
                world.plan(first + second, Occurrence::Stop);
                within = within.min(second + LEAVING);
            }
            self.stop_by = Some(first + within);
        }
    }

    fn add_guest(&mut self, mut habits: Habits, within: Duration) {
        if self.place.secure.is_some() {
            habits = habits.with_secrecy(&mut self.rng);
        }
        let mut clients = self.clients.lock();
        let number = clients.len();
        let guest = Guest::new(number, habits, self.rng.fork(), self.place.clone());
        clients.push(Client::Guest(Box::new(guest)));
        let after = self.rng.time(within);
        self.world.lock().plan(after, Occurrence::Client(number));
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
        self.rest.load(None, reactor);
        let most = self.rest.connections;
        self.world.lock().tally.reloaded(most);
        invariants::check_empty(self);
        for _ in 0..self.inspectors {
            let number = self.clients.lock().len();
            self.add_guest(Habits::inspector(number), Duration::from_millis(100));
        }
        if self.play(reactor) == End::Emptied {
            invariants::check_empty(self);
        }
    }

    pub(crate) fn doors(&self) -> &[SocketAddr] {
        &self.place.doors
    }
}
