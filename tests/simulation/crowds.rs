//! Several clients at once: more of one address than may be in, some that guess passwords until their
//! address is banned, some that are gone before they are answered, so that others have their places when the
//! answers come. What must come of it is for the gate of the [`world`](crate::world) to judge, and for the
//! model of each session.

use std::time::Duration;

use crate::client::{Habits, Place};
use crate::rng::Rng;
use crate::scenario::ClientPlan;

/// Now and then more come from one address than may, or than should.
pub(crate) fn crowd(first: usize, mut aside: Rng, place: &Place) -> Vec<ClientPlan> {
    let (count, habits): (_, fn(&mut Rng, usize) -> Habits) = match aside.below(20) {
        0 | 1 => (aside.within(5, 6), Habits::of_crowd),
        2 | 3 => (aside.within(2, 4), Habits::guesser),
        4 | 5 => (aside.within(4, 8), Habits::hasty),
        _ => return Vec::new(),
    };
    let within = Duration::from_secs(aside.pick(&[1, 10, 100]));
    let numbers = first..first + count;
    let plans = numbers.map(|number| {
        let habits = habits(&mut aside, number);
        ClientPlan::draw(number, habits, within, &mut aside, place)
    });
    plans.collect()
}
