//! Several clients of one kind at once: more from one address than the limit allows, some that guess
//! passwords until they are banned, some that leave before their login is answered, some whose TLS sessions
//! share the passive port. The admission model of the [`world`](crate::world) and the session models check
//! the results.

use std::time::Duration;

use crate::client::{Group, Profile, RunConfig};
use crate::rng::Rng;
use crate::scenario::ClientPlan;

/// In some runs, a group of clients from one address.
pub(crate) fn crowd(first: usize, mut aside: Rng, config: &RunConfig) -> Vec<ClientPlan> {
    let (count, profile): (_, fn(&mut Rng, usize) -> Profile) = match aside.below(20) {
        0 | 1 => (aside.within(5, 6), Profile::of_crowd),
        2 | 3 => (aside.within(2, 4), Profile::guesser),
        4 | 5 => (aside.within(4, 8), Profile::early_leaver),
        6.. if config.has_range && config.must_resume() => return sharers(first, aside, config),
        _ => return Vec::new(),
    };
    let within = Duration::from_secs(aside.pick(&[1, 10, 100]));
    let numbers = first..first + count;
    let plans = numbers.map(|number| {
        let profile = profile(&mut aside, number);
        ClientPlan::draw(number, profile, within, &mut aside, config)
    });
    plans.collect()
}

/// Clients of one address, whose data connections are told apart by their TLS sessions.
fn sharers(first: usize, mut aside: Rng, config: &RunConfig) -> Vec<ClientPlan> {
    let within = Duration::from_millis(aside.pick(&[1, 10, 100]));
    let numbers = first..first + aside.within(2, 4);
    let plans = numbers.map(|number| {
        let profile = Profile::of_crowd(&mut aside, number);
        let plan = ClientPlan::draw(number, profile, within, &mut aside, config);
        let downloads = 0..aside.within(4, 12);
        let groups = downloads.map(|_| Group::download(&mut aside)).collect();
        ClientPlan {
            profile: plan.profile.sharing(&mut aside),
            groups: aside.one_in(2).then_some(groups),
            ..plan
        }
    });
    plans.collect()
}
