//! One transfer: a data connection is arranged, a command is sent, bytes move, a final reply comes
//! (RFC 959 §3.2 and §6, RFC 2428).
//!
//! The final reply and the end of the data connection come in any order; the transfer is complete with both.
//! The caller connects, listens and moves the bytes. It must not know what the bytes are.

use std::net::SocketAddr;
use std::sync::Arc;

use super::address::{extended_port, passive_address, port_command};
use super::{Refusal, ServerReply, send};

/// How data connections are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum DataMode {
    /// EPSV.
    ExtendedPassive,
    /// PASV: EPSV was refused.
    Passive,
    /// EPRT for IPv6 and PORT for IPv4.
    Active,
}

/// The command of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Request {
    /// RETR, STOR, APPE, LIST or MLSD.
    pub(in crate::bench) verb: &'static str,
    /// The path; may be empty.
    pub(in crate::bench) path: Arc<[u8]>,
}

/// What has to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Demand {
    /// A reply has to come, or bytes have to move.
    Wait,
    /// Connect to this port of the server.
    Connect(u16),
    /// The server is ready: bytes may move.
    Move,
    /// The transfer is complete.
    Complete,
}

/// ```text
///   Address ──227, 229 or 200──▶ Command ──150──▶ Moving ──final reply and end of data──▶ Complete
///      └─EPSV refused: PASV─▶ Address   └──final reply without 150──▶ Moving
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Address,
    Command,
    Moving,
}

/// A transfer that has begun.
#[derive(Debug)]
pub(in crate::bench) struct Exchange {
    request: Request,
    mode: DataMode,
    stage: Stage,
    has_final_reply: bool,
    has_data_ended: bool,
}

impl Exchange {
    /// Begins; `listening` is where the caller expects the server in active mode.
    pub(in crate::bench) fn begin(
        request: Request,
        mode: DataMode,
        listening: Option<SocketAddr>,
        out: &mut Vec<u8>,
    ) -> Self {
        match (mode, listening) {
            (DataMode::Active, Some(address)) => send(out, &port_command(address), b""),
            (DataMode::Passive, _) => send(out, "PASV", b""),
            (DataMode::ExtendedPassive | DataMode::Active, _) => send(out, "EPSV", b""),
        }
        Self {
            request,
            mode,
            stage: Stage::Address,
            has_final_reply: false,
            has_data_ended: false,
        }
    }

    /// How the data connection is made: the next transfer should begin with the same.
    pub(in crate::bench) const fn mode(&self) -> DataMode {
        self.mode
    }

    /// What is transferred.
    pub(in crate::bench) fn path(&self) -> &[u8] {
        &self.request.path
    }

    /// Whether the server is ready for the bytes.
    pub(in crate::bench) const fn is_moving(&self) -> bool {
        matches!(self.stage, Stage::Moving)
    }

    /// Whether the final reply has come.
    pub(in crate::bench) const fn has_final_reply(&self) -> bool {
        self.has_final_reply
    }

    /// A reply has come.
    ///
    /// # Errors
    /// The transfer has failed. The connection can go on, if no data connection was asked for.
    pub(in crate::bench) fn reply(
        &mut self,
        reply: &ServerReply<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Demand, Refusal> {
        match (self.stage, reply.class()) {
            (Stage::Address, 2) => self.addressed(reply, out),
            (Stage::Address, 5) if self.mode == DataMode::ExtendedPassive => {
                self.mode = DataMode::Passive;
                send(out, "PASV", b"");
                Ok(Demand::Wait)
            }
            (Stage::Address, _) => Err(Refusal::of(self.asking(), reply)),
            (Stage::Command, 1) => {
                self.stage = Stage::Moving;
                Ok(Demand::Move)
            }
            (Stage::Moving, 1) => Ok(Demand::Wait),
            (Stage::Command | Stage::Moving, 2) if !self.has_final_reply => {
                let is_first = self.stage == Stage::Command;
                self.stage = Stage::Moving;
                self.has_final_reply = true;
                Ok(match self.if_complete() {
                    Demand::Wait if is_first => Demand::Move,
                    demand => demand,
                })
            }
            (Stage::Command | Stage::Moving, _) => Err(Refusal::of(self.request.verb, reply)),
        }
    }

    /// All bytes have moved, and the data connection has ended.
    pub(in crate::bench) const fn data_ended(&mut self) -> Demand {
        self.has_data_ended = true;
        self.if_complete()
    }

    const fn if_complete(&self) -> Demand {
        if self.has_final_reply && self.has_data_ended {
            Demand::Complete
        } else {
            Demand::Wait
        }
    }

    fn addressed(&mut self, reply: &ServerReply<'_>, out: &mut Vec<u8>) -> Result<Demand, Refusal> {
        let demand = match self.mode {
            DataMode::Active => Some(Demand::Wait),
            DataMode::ExtendedPassive => extended_port(reply.lines).map(Demand::Connect),
            // The address is not used: the host of the control connection is reachable, and the other may be
            // behind a NAT.
            DataMode::Passive => {
                passive_address(reply.lines).map(|address| Demand::Connect(address.port()))
            }
        };
        let demand = demand.ok_or_else(|| Refusal::of(self.asking(), reply))?;
        self.stage = Stage::Command;
        send(out, self.request.verb, &self.request.path);
        Ok(demand)
    }

    const fn asking(&self) -> &'static str {
        match self.mode {
            DataMode::ExtendedPassive => "EPSV",
            DataMode::Passive => "PASV",
            DataMode::Active => "PORT",
        }
    }
}
