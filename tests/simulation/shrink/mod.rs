//! Reduces a failing scenario to the fewest clients, commands and faults that still fail.
//!
//! This is delta debugging: parts are removed, large ones first, as long as the rest still fails. A smaller
//! scenario is another interleaving, which may miss a race; so each candidate is tried with a few states of
//! the network's random generator.

mod report;
#[cfg(test)]
mod tests;

pub(crate) use report::shrunk_script;

use std::ops::Range;
use std::time::Duration;

use crate::client::{Behaviour, CommandKind, Disconnect, Login, ProxyHeader, TlsMode, TlsStart};
use crate::fault_plan::FaultPlan;
use crate::rng::{Odds, Rng};
use crate::scenario::{ClientPlan, Scenario, Stop};
use crate::script::fault_plan::{differing, set};

/// Limit on runs.
const RUNS: usize = 2_000;

/// Interleavings tried of each candidate.
const INTERLEAVINGS: u64 = 3;

/// The result.
#[derive(Debug)]
pub(crate) struct Shrunk {
    pub(crate) scenario: Scenario,
    /// Runs used.
    pub(crate) runs: usize,
}

/// Reduces a failing scenario. `fails` tells whether a candidate fails in the same way.
pub(crate) fn shrink(scenario: Scenario, fails: impl FnMut(&Scenario) -> bool) -> Shrunk {
    let mut search = Search {
        best: scenario,
        fails,
        runs: 0,
    };
    loop {
        let before = search.best.clone();
        search.drop_clients();
        search.drop_signals();
        search.drop_groups();
        search.drop_faults();
        search.drop_commands();
        search.simplify_clients();
        if search.best == before || search.runs >= RUNS {
            break;
        }
    }
    Shrunk {
        scenario: search.best,
        runs: search.runs,
    }
}

struct Search<F> {
    /// The smallest failing scenario so far.
    best: Scenario,
    fails: F,
    runs: usize,
}

impl<F: FnMut(&Scenario) -> bool> Search<F> {
    /// Applies a change and keeps the result if it differs and fails. Returns whether it was kept.
    fn attempt(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        self.attempt_in(1, change)
    }

    /// As [`attempt`](Self::attempt), with several interleavings.
    fn attempt_in(&mut self, interleavings: u64, change: impl FnOnce(&mut Scenario)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate);
        if candidate == self.best {
            return false;
        }
        let mut chances = Rng::new(candidate.rng_state);
        for _ in 0..interleavings {
            if self.runs >= RUNS {
                return false;
            }
            self.runs += 1;
            if (self.fails)(&candidate) {
                self.best = candidate;
                return true;
            }
            candidate.rng_state = chances.draw();
        }
        false
    }

    /// Removes as many parts as possible: halves, quarters, and so on to single ones, last ones first.
    fn drop_parts(
        &mut self,
        count: impl Fn(&Scenario) -> usize,
        without: impl Fn(&mut Scenario, Range<usize>),
    ) {
        let mut size = count(&self.best);
        while size > 0 {
            let mut end = count(&self.best);
            while end > 0 {
                let start = end.saturating_sub(size);
                self.attempt_in(INTERLEAVINGS, |one| without(one, start..end));
                end = start;
            }
            size /= 2;
        }
    }

    fn drop_clients(&mut self) {
        self.attempt_in(INTERLEAVINGS, |one| one.port_stealer = None);
        self.drop_parts(
            |one| one.clients.len(),
            |one, range| drop(one.clients.drain(range)),
        );
    }

    fn drop_signals(&mut self) {
        self.attempt_in(INTERLEAVINGS, |one| one.stop = None);
        self.attempt_in(INTERLEAVINGS, |one| one.reload = None);
        self.attempt_in(INTERLEAVINGS, |one| {
            one.stop = one.stop.map(Stop::once);
        });
        self.attempt_in(INTERLEAVINGS, |one| {
            if let Some(reload) = &mut one.reload {
                reload.again = None;
            }
        });
    }

    fn drop_groups(&mut self) {
        for index in 0..self.best.clients.len() {
            self.drop_parts(
                |one| one.clients[index].group_count(),
                |one, range| one.clients[index].drop_groups(range),
            );
        }
    }

    fn drop_commands(&mut self) {
        for index in 0..self.best.clients.len() {
            for group in 0..self.best.clients[index].group_count() {
                self.drop_parts(
                    |one| one.clients[index].command_count(group),
                    |one, range| one.clients[index].drop_commands(group, range),
                );
            }
        }
    }

    fn drop_faults(&mut self) {
        self.attempt_in(INTERLEAVINGS, |one| one.fault_plan = FaultPlan::NONE);
        for (key, _, calm) in differing(&self.best.fault_plan) {
            self.attempt_in(INTERLEAVINGS, |one| {
                set(&mut one.fault_plan, key, calm);
            });
        }
    }

    fn simplify_clients(&mut self) {
        for index in 0..self.best.clients.len() {
            for simplify in SIMPLER {
                self.attempt(|one| simplify(&mut one.clients[index]));
            }
            for group in 0..self.best.clients[index].group_count() {
                for simplify in SIMPLER_GROUP {
                    self.attempt(|one| simplify(&mut one.clients[index], group));
                }
            }
        }
    }
}

/// Simplifications of a client.
const SIMPLER: [fn(&mut ClientPlan); 11] = [
    |plan| plan.profile.interrupts = Odds(0),
    |plan| plan.profile.pipelines = false,
    |plan| plan.profile.leaves_early = false,
    |plan| plan.profile.misbehaves = false,
    |plan| plan.profile.think_time = Duration::ZERO,
    |plan| plan.after = Duration::ZERO,
    |plan| plan.profile.tls_start = TlsStart::Proper,
    |plan| plan.profile.proxy_header = ProxyHeader::V2,
    |plan| plan.profile.tls_mode = TlsMode::None,
    |plan| plan.profile.login = Login::Named,
    |plan| plan.profile.disconnect = Disconnect::Quit,
];

/// Simplifications of a group.
const SIMPLER_GROUP: [fn(&mut ClientPlan, usize); 3] = [
    |plan, group| {
        for group in plan.groups.iter_mut().flatten().skip(group).take(1) {
            group.behaviour = Behaviour::Prompt;
        }
    },
    |plan, group| {
        for group in plan.groups.iter_mut().flatten().skip(group).take(1) {
            group.rng_state = None;
        }
    },
    |plan, group| {
        let groups = plan.groups.iter_mut().flatten().skip(group).take(1);
        for command in groups.flat_map(|group| &mut group.commands) {
            command.contents = command.contents.map(|(_, length)| (1, length / 2));
        }
    },
];

impl ClientPlan {
    /// Groups that can be removed.
    fn group_count(&self) -> usize {
        self.groups.as_ref().map_or(self.profile.groups, Vec::len)
    }

    fn drop_groups(&mut self, range: Range<usize>) {
        match &mut self.groups {
            Some(groups) => drop(groups.drain(range)),
            None => self.profile.groups -= range.len(),
        }
    }

    fn command_count(&self, group: usize) -> usize {
        let groups = self.groups.as_ref();
        let group = groups.and_then(|groups| groups.get(group));
        group.map_or(0, |group| group.commands.len())
    }

    /// Keeps the command that sets up the data connection of a transfer: without it the client would not
    /// register its upload, and the file could not be checked.
    fn drop_commands(&mut self, group: usize, range: Range<usize>) {
        let groups = self.groups.as_mut();
        let Some(group) = groups.and_then(|groups| groups.get_mut(group)) else {
            return;
        };
        let mut commands = group.commands.clone();
        commands.drain(range);
        let is_arranged = |kind| matches!(kind, CommandKind::Passive | CommandKind::Port);
        let first = commands.iter().position(|one| is_arranged(one.kind));
        let store = commands
            .iter()
            .position(|one| one.kind == CommandKind::Store);
        let is_sound = store.is_none_or(|store| first.is_some_and(|first| first < store));
        if is_sound && !commands.is_empty() {
            group.commands = commands;
        }
    }
}
