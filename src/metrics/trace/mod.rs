//! The trace: what the loop does, record by record, for a viewer such as Perfetto.
//!
//! While a trace is on, a [`Tracer`] has a ring that the calls which count things fill too; off, each costs
//! one branch. The loop gives the ring away as a [`Trace`], which another thread writes. Passwords are never
//! recorded, and the arguments of commands only if that is asked for.

mod chart;
mod chrome;
mod lanes;
mod ring;
#[cfg(test)]
mod tests;

use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;

use chart::Chart;
use chrome::Chrome;
use ring::Ring;
pub(super) use ring::{Event, Ready, Tracer};
pub use ring::{Socket, TraceSettings, TurnKind};

/// What a ring has recorded.
pub struct Trace(Box<Ring>);

impl Trace {
    /// Writes it as JSON in Chrome's Trace Event Format.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&self, to: impl Write) -> io::Result<()> {
        Chart::new(&self.0, Chrome::begin(BufWriter::new(to))?).draw()
    }
}

impl Tracer {
    /// Ends the trace, if one is on; `peers` are the connections that are open.
    pub(super) fn take(
        &mut self,
        peers: impl Iterator<Item = (usize, SocketAddr)>,
    ) -> Option<Trace> {
        let mut ring = self.take_ring()?;
        ring.peers.extend(peers);
        Some(Trace(ring))
    }
}
