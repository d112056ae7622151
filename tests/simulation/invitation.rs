//! A scenario is brought onto the stage: who comes, and what is done to the server, and when.

use std::collections::VecDeque;
use std::time::Duration;

use crate::client::{Client, Groups, Habits, Part, Place, Stranger};
use crate::rng::Rng;
use crate::run::Stage;
use crate::scenario::{ClientPlan, Scenario, Stop};
use crate::world::{Occurrence, World};

/// What the reactor may take to stop beyond the grace period.
const STOPPING: Duration = Duration::from_secs(7);

/// What it may take once it was asked a second time: a moment for the workers.
const LEAVING: Duration = Duration::from_secs(2);

impl Scenario {
    /// The clients, each where its number says.
    fn cast(&self, place: &Place, is_recorded: bool) -> Vec<Client> {
        let stranger = self.stranger.map(|plan| plan.number);
        let numbers = self.clients.iter().map(|plan| plan.number);
        let count = numbers.chain(stranger).max().map_or(0, |last| last + 1);
        let mut clients: Vec<_> = (0..count).map(|_| Client::Absent).collect();
        for plan in &self.clients {
            let groups = match &plan.groups {
                Some(groups) => Groups::Scripted(VecDeque::from(groups.clone())),
                None if is_recorded && plan.habits.part == Part::Guest => {
                    Groups::Recorded(Vec::new())
                }
                None => Groups::Drawn,
            };
            clients[plan.number] = Client::Guest(Box::new(plan.guest(place).with_groups(groups)));
        }
        if let Some(plan) = self.stranger {
            let stranger = Stranger::new(plan.number, Rng::new(plan.chance), place.clone());
            clients[plan.number] = Client::Stranger(Box::new(stranger));
        }
        clients
    }

    /// Puts into the agenda when they come, and what is done to the server.
    fn plan(&self, world: &mut World) {
        for plan in &self.clients {
            world.plan(plan.after, Occurrence::Client(plan.number));
        }
        if let Some(plan) = self.stranger {
            world.notify_client(plan.number);
        }
        world.weather = self.weather.clone();
        if let Some(reload) = &self.reload {
            reload.plan(world);
        }
        if let Some(Stop { first, second }) = self.stop {
            world.plan(first, Occurrence::Stop);
            if let Some(second) = second {
                world.plan(first + second, Occurrence::Stop);
            }
        }
    }
}

impl Stage {
    pub(crate) fn draw_scenario(&mut self, seed: u64) -> Scenario {
        let chance = self.world.lock().rng.state();
        Scenario::draw(seed, chance, &mut self.rng, &self.place)
    }

    /// Those who come while the weather lasts.
    pub(crate) fn invite(&mut self, scenario: &Scenario, is_recorded: bool) {
        self.place.stops = scenario.stop.is_some();
        self.place.reload = scenario.reload;
        self.rng = Rng::new(scenario.inspection);
        *self.clients.lock() = scenario.cast(&self.place, is_recorded);
        let mut world = self.world.lock();
        world.rng = Rng::new(scenario.chance);
        world.gate.set(self.rest.gate(scenario.reload.as_ref()));
        scenario.plan(&mut world);
        self.stop_by = scenario.stop.map(|stop| {
            let within = self.place.timings.grace + STOPPING;
            let sooner = stop.second.map(|second| second + LEAVING);
            stop.first + sooner.map_or(within, |sooner| sooner.min(within))
        });
    }

    /// One who makes sure that everything works.
    pub(crate) fn add_inspector(&mut self, walks: bool) {
        let mut clients = self.clients.lock();
        let number = clients.len();
        let habits = Habits::inspector(number, walks);
        let within = Duration::from_millis(100);
        let plan = ClientPlan::draw(number, habits, within, &mut self.rng, &self.place);
        clients.push(Client::Guest(Box::new(plan.guest(&self.place))));
        self.world
            .lock()
            .plan(plan.after, Occurrence::Client(number));
    }
}
