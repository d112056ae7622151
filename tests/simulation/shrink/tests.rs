//! The shrinker on known failures.

use super::{RUNS, Shrunk, shrink};
use crate::client::{CommandKind, Role};
use crate::rng::Odds;
use crate::run::record;
use crate::scenario::Scenario;
use crate::script;

/// The recorded scenario of the first seed that fits.
fn recorded(is_fit: impl Fn(&Scenario) -> bool) -> Scenario {
    let mut scenarios = (0..500).map(|seed| record(seed).1);
    scenarios.find(is_fit).expect("some seed has all that")
}

/// Number of commands in a scenario.
fn commands(scenario: &Scenario) -> usize {
    let groups = scenario.clients.iter().flat_map(|plan| &plan.groups);
    groups.flatten().map(|group| group.commands.len()).sum()
}

fn says(scenario: &Scenario, client: usize, kind: CommandKind) -> bool {
    let plans = scenario.clients.iter();
    let plan = plans.filter(|plan| plan.number == client);
    let groups = plan.flat_map(|plan| plan.groups.iter().flatten());
    groups
        .flat_map(|group| &group.commands)
        .any(|one| one.kind == kind)
}

#[test]
fn shrink_keeps_two_clients_and_one_fault() {
    let is_cause = |one: &Scenario| {
        says(one, 1, CommandKind::Store)
            && says(one, 3, CommandKind::Cwd)
            && one.fault_plan.reset != Odds(0)
    };
    let scenario = recorded(|one| one.clients.len() > 4 && is_cause(one));
    let before = commands(&scenario);
    let Shrunk { scenario, runs } = shrink(scenario, is_cause);
    assert!(is_cause(&scenario) && runs < RUNS / 2, "{runs} runs");
    let numbers: Vec<_> = scenario.clients.iter().map(|plan| plan.number).collect();
    assert_eq!(numbers, [1, 3]);
    assert!(
        scenario.stop.is_none() && scenario.reload.is_none() && scenario.port_stealer.is_none()
    );
    // A port, the upload, and the PWD.
    assert_eq!(commands(&scenario), 3, "of {before}");
    let differing = script::fault_plan::differing(&scenario.fault_plan);
    let tls_config: Vec<_> = differing.iter().map(|(key, ..)| *key).collect();
    assert_eq!(tls_config, ["reset"]);
}

#[test]
fn shrink_finds_single_group() {
    let scenario = recorded(|one| {
        let mut groups = one.clients.iter().flat_map(|plan| &plan.groups);
        groups.any(|groups| groups.len() > 8)
    });
    let plan = scenario.clients.iter().find(|plan| plan.group_count() > 8);
    let wanted = plan.and_then(|plan| Some(plan.groups.as_ref()?[4].commands[0].clone()));
    let holds = |one: &Scenario| {
        let groups = one
            .clients
            .iter()
            .flat_map(|plan| plan.groups.iter().flatten());
        let mut commands = groups.flat_map(|group| &group.commands);
        commands.any(|one| Some(one) == wanted.as_ref())
    };
    let shrunk = shrink(scenario, holds).scenario;
    assert_eq!((shrunk.clients.len(), commands(&shrunk)), (1, 1));
}

#[test]
fn shrink_of_constant_failure_is_empty() {
    let shrunk = shrink(record(3).1, |_| true);
    assert_eq!(shrunk.scenario.clients, []);
    assert!(shrunk.runs < 30, "{} runs", shrunk.runs);
}

#[test]
fn shrink_keeps_irreducible_scenario() {
    let scenario = recorded(|one| one.clients.len() > 4);
    let shrunk = shrink(scenario.clone(), |one| *one == scenario);
    assert_eq!(shrunk.scenario, scenario);
    assert!(shrunk.runs <= RUNS);
}

/// Probes have a number of commands and no list of them.
#[test]
fn shrink_reduces_probe_groups() {
    let is_probe = |one: &Scenario| {
        let mut probes = one
            .clients
            .iter()
            .filter(|plan| plan.profile.role == Role::Probe);
        probes.any(|plan| plan.profile.groups >= 3)
    };
    let shrunk = shrink(recorded(is_probe), is_probe).scenario;
    assert_eq!(shrunk.clients.len(), 1);
    assert_eq!(shrunk.clients[0].profile.groups, 3);
}
