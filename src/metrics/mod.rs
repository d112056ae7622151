//! What the loop has done and how long it took: counters and histograms, always on.
//!
//! Plain integers of one thread, filled where things happen. [`Counts`] has what happens to clients,
//! [`LoopTimes`] what the loop itself takes, and both show themselves as a list of [`Family`]. [`Phases`] are
//! measured only for the live page. Without the Cargo feature `status` a module of the same surface replaces
//! all of it. It must not know connections,
//! sessions or outputs.

mod counts;
mod family;
mod histogram;
mod jobs;
mod phases;
mod summary;
mod times;
mod times_shown;
mod trace;
mod tracing;

pub use counts::{Channel, Counts, Way};
pub use family::{Distribution, Family, Kind, Sample, Value};
pub use jobs::{JobKind, JobTimes, Pool};
pub(crate) use phases::{Phase, Phases};
pub use summary::lines;
pub(crate) use times::{LoopTimes, Since};
pub use trace::{Socket, Trace, TraceSettings, TurnKind};
