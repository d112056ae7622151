//! Several clients at once: more of one address than may be in, some that guess passwords until their
//! address is banned, some that are gone before they are answered, so that others have their places when the
//! answers come. What must come of it is for the gate of the [`world`](crate::world) to judge, and for the
//! model of each session.

use std::time::Duration;

use crate::client::{Profile, RunConfig};
use crate::rng::Rng;
use crate::scenario::ClientPlan;

/// Now and then more come from one address than may, or than should.
pub(crate) fn crowd(first: usize, mut aside: Rng, config: &RunConfig) -> Vec<ClientPlan> {
    let (count, profile): (_, fn(&mut Rng, usize) -> Profile) = match aside.below(20) {
        0 | 1 => (aside.within(5, 6), Profile::of_crowd),
        2 | 3 => (aside.within(2, 4), Profile::guesser),
        4 | 5 => (aside.within(4, 8), Profile::hasty),
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
