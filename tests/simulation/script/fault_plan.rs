//! The fault plan in a script: a key and a number for each value that differs from the default.

use std::time::Duration;

use crate::fault_plan::FaultPlan;
use crate::rng::Odds;

/// One value; times are in microseconds, odds in ten thousand, switches 0 or 1.
pub(crate) enum Value<'a> {
    Odds(&'a mut Odds),
    Time(&'a mut Duration),
    Size(&'a mut usize),
    Switch(&'a mut bool),
}

impl Value<'_> {
    pub(crate) fn get(&self) -> u64 {
        match self {
            Self::Odds(odds) => odds.0 as u64,
            Self::Time(time) => time.as_micros() as u64,
            Self::Size(size) => **size as u64,
            Self::Switch(switch) => u64::from(**switch),
        }
    }

    pub(crate) fn set(&mut self, number: u64) {
        match self {
            Self::Odds(odds) => odds.0 = number as usize,
            Self::Time(time) => **time = Duration::from_micros(number),
            Self::Size(size) => **size = number as usize,
            Self::Switch(switch) => **switch = number > 0,
        }
    }
}

/// All values. Faults come first, in the order in which the shrinker tries them.
pub(crate) fn values(fault_plan: &mut FaultPlan) -> Vec<(&'static str, Value<'_>)> {
    let FaultPlan {
        delay,
        stall,
        segment,
        capacity,
        short_write,
        reset,
        no_descriptor,
        accept_aborted,
        spurious,
        late_event,
        would_wait,
        disk_error,
        disk_full,
        uncounted,
        short_read,
        panic,
        job,
        hung,
        sluggish,
        inline_jobs,
    } = fault_plan;
    vec![
        ("stall", Value::Odds(stall)),
        ("short-write", Value::Odds(short_write)),
        ("reset", Value::Odds(reset)),
        ("no-descriptor", Value::Odds(no_descriptor)),
        ("accept-aborted", Value::Odds(accept_aborted)),
        ("spurious", Value::Odds(spurious)),
        ("late-event", Value::Odds(late_event)),
        ("would-wait", Value::Odds(would_wait)),
        ("disk-error", Value::Odds(disk_error)),
        ("disk-full", Value::Odds(disk_full)),
        ("uncounted", Value::Odds(uncounted)),
        ("short-read", Value::Odds(short_read)),
        ("panic", Value::Odds(panic)),
        ("hung", Value::Odds(hung)),
        ("sluggish", Value::Odds(sluggish)),
        ("inline-jobs", Value::Switch(inline_jobs)),
        ("job", Value::Time(job)),
        ("delay", Value::Time(delay)),
        ("segment", Value::Size(segment)),
        ("capacity", Value::Size(capacity)),
    ]
}

/// The values that differ from the default: key, value, default.
pub(crate) fn differing(fault_plan: &FaultPlan) -> Vec<(&'static str, u64, u64)> {
    let (mut fault_plan, mut calm) = (fault_plan.clone(), FaultPlan::NONE);
    values(&mut fault_plan)
        .into_iter()
        .zip(values(&mut calm))
        .map(|((key, value), (_, calm))| (key, value.get(), calm.get()))
        .filter(|(_, value, calm)| value != calm)
        .collect()
}

/// Sets a value; returns whether the key exists.
pub(crate) fn set(fault_plan: &mut FaultPlan, key: &str, number: u64) -> bool {
    let found = values(fault_plan)
        .into_iter()
        .find(|(name, _)| *name == key);
    let is_found = found.is_some();
    if let Some((_, mut value)) = found {
        value.set(number);
    }
    is_found
}
