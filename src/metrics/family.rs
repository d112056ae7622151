//! What was counted, in the form in which it is shown: a list of families of samples.
//!
//! The reactor makes the list from its counters, and each output (Prometheus, JSON) writes the same list,
//! so no output knows a counter and no counter an output. Names and units are those of Prometheus: counters
//! end in `_total`, times are in seconds. <https://prometheus.io/docs/practices/naming/>

/// Samples of one kind of thing, which differ in their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Without the name of the program and without `_total`.
    pub name: &'static str,
    /// A sentence without its full stop.
    pub help: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// At least one.
    pub samples: Vec<Sample>,
}

impl Family {
    /// A family of these samples.
    pub const fn new(
        kind: Kind,
        name: &'static str,
        help: &'static str,
        samples: Vec<Sample>,
    ) -> Self {
        Self {
            name,
            help,
            kind,
            samples,
        }
    }
}

/// What the values of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations or rates.
    Histogram,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Names and values, which need no escapes.
    pub labels: Vec<(&'static str, &'static str)>,
    /// The value, of the family's kind.
    pub value: Value,
}

impl Sample {
    /// The only one of its family, without labels.
    pub fn only(value: Value) -> Vec<Self> {
        vec![Self {
            labels: Vec::new(),
            value,
        }]
    }
}

/// The value of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number of things.
    Number(u64),
    /// A time in nanoseconds, shown in seconds.
    Time(u64),
    /// How often durations occurred, in nanoseconds.
    Durations(Box<Distribution>),
    /// How often rates occurred, in bytes per second.
    Rates(Box<Distribution>),
}

/// A histogram as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Inclusive upper bounds, ascending, and how many values are not above them. Each is one below a power
    /// of two, from 2^10 to 2^34.
    pub up_to: Vec<(u64, u64)>,
    /// How many values there are.
    pub count: u64,
    /// All of them together.
    pub sum: u64,
    /// What half of them, 99 % and 99.9 % of them do not exceed, within one per cent.
    pub percentiles: [u64; 3],
    /// The greatest of them, exactly.
    pub greatest: u64,
}
