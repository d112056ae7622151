//! Records of transfers, held to what really went over the data connections.
//!
//! Each transfer of a file that has had its 150 leaves one record, before its final reply is on its way.
//! In the clear its bytes are those that the server's calls have moved; over TLS they are for the client
//! to know, who has the same.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use mioftpd::observe::{Outcome, TransferRecord};

use super::data::DataConnection;
use crate::rng::Odds;
use crate::run::Simulation;
use crate::world::World;

/// What is known of one client's transfers.
#[derive(Default)]
pub(crate) struct ClientRecords {
    /// Records for which it has heard no final reply yet.
    pub(crate) unheard: VecDeque<Arc<TransferRecord>>,
    /// Others have its address, and so its records.
    pub(crate) is_one_of_many: bool,
    /// The data connection of its that the server has closed last, since the last record.
    pub(super) closed: Option<DataConnection>,
}

impl Simulation {
    /// Takes the records of an iteration.
    pub(crate) fn check_records(&self) {
        while let Some(record) = self.records.poll() {
            let owners = self.clients_at(record.peer.ip());
            let mut world = self.world.lock();
            world.note(|| format!("record: {record:?}"));
            let [client] = owners[..] else {
                for client in owners {
                    world.tally.client(client).is_one_of_many = true;
                }
                continue;
            };
            let may_panic = self.config.fault_plan.panic != Odds(0);
            if let Some(violation) = world.take_record(client, record, may_panic) {
                world.violate(violation);
            }
        }
        if self.records.lost() > 0 {
            self.world.lock().violate("records are lost".to_owned());
        }
    }

    /// Of a crowd at one address nobody can say whose a record is.
    fn clients_at(&self, ip: IpAddr) -> Vec<usize> {
        let clients = self.clients.lock();
        let of_address = clients.iter().enumerate();
        let of_address = of_address.filter(|(_, client)| client.address() == Some(ip));
        of_address.map(|(number, _)| number).collect()
    }
}

impl World {
    /// Bytes that have gone over the data connection that a client has with the server, either way.
    pub(crate) fn moved_by(&self, client: usize) -> Option<u64> {
        let mut open = self.tally.data.iter();
        let open = open.find(|(id, _)| self.owner_of(**id) == Some(client));
        open.map(|(_, connection)| connection.moved_at_all())
    }

    fn take_record(
        &mut self,
        client: usize,
        record: Arc<TransferRecord>,
        may_panic: bool,
    ) -> Option<String> {
        let mut open = self.tally.data.iter();
        let on_worker = open.find(|(id, _)| self.owner_of(**id) == Some(client));
        let on_worker = on_worker.map(|(_, connection)| *connection);
        let has_tls = self.tally.has_tls;
        let known = self.tally.clients.entry(client).or_default();
        // One that is left may be on a worker still: what was closed before was for another.
        let closed = known.closed.take();
        let connection = on_worker.filter(|_| is_left(&record)).or(closed);
        let moved = connection.map_or(0, |connection| connection.moved_by(&record));
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
