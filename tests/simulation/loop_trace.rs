//! The trace of the event loop, in virtual time: what `mioftpd --trace` writes.

use mioftpd::internals::metrics::TraceSettings;
use mioftpd::internals::reactor::Reactor;

use crate::network::Shared;
use crate::world::World;

#[cfg(feature = "status")]
pub(crate) fn begin(reactor: &mut Reactor, world: &Shared<World>) {
    let world = world.clone();
    reactor.start_trace(TraceSettings {
        names: true,
        clock: Box::new(move || world.lock().time()),
        ..TraceSettings::default()
    });
}

#[cfg(not(feature = "status"))]
pub(crate) fn begin(reactor: &mut Reactor, _: &Shared<World>) {
    reactor.start_trace(TraceSettings::default());
}

/// The file; empty if no trace is on.
pub(crate) fn end(mut reactor: Reactor) -> Vec<u8> {
    let mut file = Vec::new();
    if let Some(trace) = reactor.take_trace() {
        trace.write(&mut file).expect("memory can be written");
    }
    file
}
