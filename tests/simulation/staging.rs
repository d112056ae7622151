//! Sets up a scenario: creates its clients and schedules their start and the signals.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use mioftpd::internals::reactor::{Protocol, Reactor};

use crate::client::{Client, Groups, PortStealer, Profile, Role, RunConfig};
use crate::rng::Rng;
use crate::run::Simulation;
use crate::scenario::{ClientPlan, Scenario, Stop};
use crate::world::{SimEvent, World};

/// The longest shutdown beyond the grace period.
const STOPPING: Duration = Duration::from_secs(7);

/// The longest shutdown after a second signal: the workers need some time.
const LEAVING: Duration = Duration::from_secs(2);

impl Scenario {
    /// The clients, indexed by number.
    fn build_clients(&self, config: &RunConfig, is_recorded: bool) -> Vec<Client> {
        let port_stealer = self.port_stealer.map(|plan| plan.number);
        let numbers = self.clients.iter().map(|plan| plan.number);
        let count = numbers.chain(port_stealer).max().map_or(0, |last| last + 1);
        let mut clients: Vec<_> = (0..count).map(|_| Client::Absent).collect();
        for plan in &self.clients {
            let groups = match &plan.groups {
                Some(groups) => Groups::Scripted(VecDeque::from(groups.clone())),
                None if is_recorded && plan.profile.role == Role::Normal => {
                    Groups::Recorded(Vec::new())
                }
                None => Groups::Drawn,
            };
            clients[plan.number] =
                Client::Ftp(Box::new(plan.ftp_client(config).with_groups(groups)));
        }
        if let Some(plan) = self.port_stealer {
            let port_stealer =
                PortStealer::new(plan.number, Rng::new(plan.rng_state), config.clone());
            clients[plan.number] = Client::PortStealer(Box::new(port_stealer));
        }
        clients
    }

    /// Schedules the clients and the signals.
    fn schedule(&self, world: &mut World) {
        for plan in &self.clients {
            world.schedule(plan.after, SimEvent::ClientTurn(plan.number));
        }
        if let Some(plan) = self.port_stealer {
            world.notify_client(plan.number);
        }
        world.fault_plan = self.fault_plan.clone();
        if let Some(reload) = &self.reload {
            reload.schedule(world);
        }
        if let Some(Stop { first, second }) = self.stop {
            world.schedule(first, SimEvent::Stop);
            if let Some(second) = second {
                world.schedule(first + second, SimEvent::Stop);
            }
        }
    }
}

impl Simulation {
    pub(crate) fn draw_scenario(&mut self, seed: u64) -> Scenario {
        let rng_state = self.world.lock().rng.state();
        Scenario::draw(seed, rng_state, &mut self.rng, &self.config)
    }

    /// Loads the clients of the first phase.
    pub(crate) fn load_scenario(&mut self, scenario: &Scenario, is_recorded: bool) {
        self.config.stops = scenario.stop.is_some();
        self.config.reload = scenario.reload;
        self.rng = Rng::new(scenario.inspection);
        *self.clients.lock() = scenario.build_clients(&self.config, is_recorded);
        let mut world = self.world.lock();
        world.rng = Rng::new(scenario.rng_state);
        world
            .admission
            .set(self.server_config.admission_rules(scenario.reload.as_ref()));
        scenario.schedule(&mut world);
        self.stop_by = scenario.stop.map(|stop| {
            let within = self.config.timings.grace + STOPPING;
            let sooner = stop.second.map(|second| second + LEAVING);
            stop.first + sooner.map_or(within, |sooner| sooner.min(within))
        });
    }

    /// Adds an inspector.
    pub(crate) fn add_inspector(&mut self, walks: bool) {
        let mut clients = self.clients.lock();
        let number = clients.len();
        let profile = Profile::inspector(number, walks);
        let within = Duration::from_millis(100);
        let plan = ClientPlan::draw(number, profile, within, &mut self.rng, &self.config);
        clients.push(Client::Ftp(Box::new(plan.ftp_client(&self.config))));
        self.world
            .lock()
            .schedule(plan.after, SimEvent::ClientTurn(number));
    }
}

/// The server listens.
pub(crate) fn open_listeners(reactor: &mut Reactor, listen_addresses: &[SocketAddr]) {
    let protocols = [Protocol::Ftp, Protocol::Ftp, Protocol::Ftps];
    for (&listen_address, protocol) in listen_addresses.iter().zip(protocols) {
        reactor
            .listen(listen_address, protocol)
            .expect("no faults at start-up");
    }
}
