//! What the loop has counted, as a list to be shown. RFC 959 knows nothing of it.
//!
//! It names each counter, its unit and its labels, in one place; it counts nothing itself. What outputs make
//! of the list it must not know.

use super::Reactor;
use crate::metrics::{Family, Kind, Sample, Value};

impl Reactor {
    /// All counters and histograms, as they are now.
    pub fn families(&self) -> Vec<Family> {
        let activity = self.activity();
        let mut families = self.context.times.families();
        families.extend([
            counter(
                "connections",
                "Connections of clients, open ones included",
                activity.connections,
            ),
            gauge(
                "connections_open",
                "Connections that are open now",
                self.connections() as u64,
            ),
        ]);
        families
    }
}

fn counter(name: &'static str, help: &'static str, number: u64) -> Family {
    single(Kind::Counter, name, help, number)
}

fn gauge(name: &'static str, help: &'static str, number: u64) -> Family {
    single(Kind::Gauge, name, help, number)
}

fn single(kind: Kind, name: &'static str, help: &'static str, number: u64) -> Family {
    let sample = Sample {
        labels: Vec::new(),
        value: Value::Number(number),
    };
    Family {
        name,
        help,
        kind,
        samples: vec![sample],
    }
}
