//! Checks transfer records against the bytes on the data connections.
//!
//! Each file transfer with a 150 leaves one record before its final reply is written. In the clear its byte
//! count is that of the server's calls; over TLS the client checks it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use mioftpd::{Outcome, TransferRecord};

use super::data::DataConnection;
use crate::rng::Odds;
use crate::run::Simulation;
use crate::world::World;

/// Transfers of one client.
#[derive(Default)]
pub(crate) struct ClientRecords {
    /// Records whose final reply has not arrived.
    pub(crate) unheard: VecDeque<Arc<TransferRecord>>,
    /// Other clients share its address, so that records are ambiguous.
    pub(crate) is_one_of_many: bool,
    /// Its data connection that the server closed last, since the last record.
    pub(super) closed: Option<DataConnection>,
}

impl Simulation {
    /// Takes the records of an iteration.
    pub(crate) fn check_records(&self) {
        while let Some(record) = self.records.poll() {
            let owners = self.clients_at(record.peer.ip());
            let mut world = self.world.lock();
            world.note(|| format!("record: {record:?}"));
            if record.ended != world.unix_time() {
                let now = world.unix_time();
                world.violate(format!("it is {now}, and the record is {record:?}"));
            }
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

    /// Records of an address with several clients cannot be attributed.
    fn clients_at(&self, ip: IpAddr) -> Vec<usize> {
        let clients = self.clients.lock();
        let of_address = clients.iter().enumerate();
        let of_address = of_address.filter(|(_, client)| client.address() == Some(ip));
        of_address.map(|(number, _)| number).collect()
    }
}

impl World {
    /// Bytes moved on the open data connection of a client, in both directions.
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
        // An abandoned transfer may still be on a worker: an earlier close belongs to another.
        let closed = known.closed.take();
        let connection = on_worker.filter(|_| is_left(&record)).or(closed);
        let moved = connection.map_or(0, |connection| connection.moved_by(&record));
        let bytes = record.bytes;
        let shown = format!("{record:?}");
        // It never had a data connection: the close belongs to another.
        let is_unconnected = bytes == 0 && record.took.is_zero();
        // A panic loses the byte count.
        let may_be_less = has_tls || may_panic || is_left(&record);
        let is_right = is_unconnected || bytes == moved || (may_be_less && bytes < moved);
        known.unheard.push_back(record);
        (!is_right).then(|| format!("{moved} bytes were moved, but the record is {shown}"))
    }
}

/// Whether it may have been left at a close: a worker may have moved more than the loop knows.
fn is_left(record: &TransferRecord) -> bool {
    matches!(record.outcome, Outcome::Incomplete("abandoned" | "stopped"))
}
