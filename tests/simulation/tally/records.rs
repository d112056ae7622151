//! Records of transfers, held to what really went over the data connections.
//!
//! Each transfer of a file that has had its 150 leaves one record, before its final reply is on its way.
//! In the clear its bytes are those that the server's calls have moved; over TLS they are for the client
//! to know, who has the same.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use mioftpd::observe::{Outcome, TransferRecord};

use super::data::DataWire;
use crate::rng::Odds;
use crate::run::Stage;
use crate::world::World;

/// What is known of one client's transfers.
#[derive(Default)]
pub(crate) struct ClientRecords {
    /// Records for which it has heard no final reply yet.
    pub(crate) unheard: VecDeque<Arc<TransferRecord>>,
    /// It has heard a 150, and no final reply behind it.
    pub(crate) has_begun: bool,
    /// The data connection of its that the server has closed last, since the last record.
    pub(super) closed: Option<DataWire>,
}

impl Stage {
    /// Takes the records of an iteration.
    pub(crate) fn check_records(&self) {
        while let Some(record) = self.records.poll() {
            let mut world = self.world.lock();
            world.note(|| format!("record: {record:?}"));
            let may_panic = self.place.weather.panic != Odds(0);
            if let Some(fault) = world.take_record(record, may_panic) {
                world.violate(fault);
            }
        }
        if self.records.lost() > 0 {
            self.world.lock().violate("records are lost".to_owned());
        }
    }
}

impl World {
    fn take_record(&mut self, record: Arc<TransferRecord>, may_panic: bool) -> Option<String> {
        let client = client_of(record.peer.ip());
        let mut open = self.tally.data.iter();
        let on_worker = open.find(|(id, _)| self.owner_of(**id) == Some(client));
        let on_worker = on_worker.map(|(_, wire)| *wire);
        let has_tls = self.tally.has_tls;
        let known = self.tally.clients.entry(client).or_default();
        let wire = known.closed.take().or(on_worker);
        let moved = wire.map_or(0, |wire| wire.moved_by(&record));
        let bytes = record.bytes;
        let shown = format!("{record:?}");
        // Of one that never had a data connection there is no other byte: what was closed was for another.
        let is_unconnected = bytes == 0 && record.took.is_zero();
        // What a panic has destroyed cannot say how far it was.
        let may_be_less = has_tls || may_panic || is_left(&record);
        let is_right = is_unconnected || bytes == moved || (may_be_less && bytes < moved);
        known.unheard.push_back(record);
        (!is_right).then(|| format!("{moved} bytes were moved, and the record is {shown}"))
    }
}

/// Whether it was left alone, because its connection was closed: a worker may have moved more than the loop
/// has heard of.
fn is_left(record: &TransferRecord) -> bool {
    record.outcome == Outcome::Incomplete("abandoned")
}

/// By the address that [`address`](crate::client::address) gives it.
fn client_of(ip: IpAddr) -> usize {
    let last = match ip {
        IpAddr::V4(ip) => u16::from(ip.octets()[3]),
        IpAddr::V6(ip) => ip.segments()[7],
    };
    usize::from(last) - 2
}
