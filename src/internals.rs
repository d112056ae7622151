//! Unstable: the layers, for the program, the tests and the benches of this package.
//!
//! Not part of the interface: anything here may change in any release. A host program uses the names at the
//! root of the crate.

#![allow(missing_docs, reason = "each layer documents itself")]

pub mod auth {
    pub use crate::auth::*;
}
pub mod bench {
    pub use crate::bench::*;
}
pub mod cause {
    pub use crate::cause::*;
}
pub mod clock {
    pub use crate::clock::*;
}
pub mod config {
    pub use crate::config::*;
}
#[cfg(feature = "bench")]
pub mod doctor {
    pub use crate::doctor::*;
}
pub mod event_loop {
    pub use crate::event_loop::*;
}
pub mod file_task {
    pub use crate::file_task::*;
}
pub mod hash_memory {
    pub use crate::hash_memory::*;
}
pub mod limits {
    pub use crate::limits::*;
}
pub mod metrics {
    pub use crate::metrics::*;
}
pub mod net {
    pub use crate::net::*;
}
pub mod observe {
    pub use crate::observe::*;
}
pub mod privsep {
    pub use crate::privsep::*;
}
pub mod probe {
    pub use crate::probe::*;
}
pub mod protocol {
    pub use crate::protocol::*;
}
pub mod reactor {
    pub use crate::reactor::*;
}
pub mod session {
    pub use crate::session::*;
}
#[cfg(feature = "status")]
pub mod status {
    pub use crate::status::*;
}
pub mod storage {
    pub use crate::storage::*;
}
pub mod timed_read {
    pub use crate::timed_read::*;
}
pub mod transfer {
    pub use crate::transfer::*;
}
pub mod workers {
    pub use crate::workers::*;
}
