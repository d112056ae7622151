//! PORT, PASV, EPRT, EPSV and REST: the data connection and the offset of the next transfer. RFC 959 §3.2
//! and §4.1.2, RFC 2428, RFC 3659 §5.
//!
//! It owns the [`TransferParameters`] of a session. PORT and EPRT accept only the client's own address, or
//! the server could be used to attack other hosts (RFC 2577 §3). An account with FXP may name other hosts,
//! but no port below 1024 and no address in the scope of this host or its links.

use std::net::SocketAddr;

use super::attributes::parse_decimal;
use super::question::{Question, mismatched};
use super::{Action, Context, Deadline, NoListener, Progress, Repeated, Session};
use crate::file_task::Algorithm;
use crate::protocol::byte_range::ByteRange;
use crate::protocol::deflate::Level;
use crate::protocol::facts::FactSet;
use crate::protocol::host_port::{self, EpsvRequest};
use crate::protocol::reply::Reply;
use crate::protocol::unicast::{is_in_scope, is_unicast};
use crate::transfer::Representation;

#[derive(Debug)]
pub(super) struct TransferParameters {
    pub(super) representation: Representation,
    /// The level of MODE Z; `None` in a build without it.
    pub(super) level: Option<Level>,
    pub(super) data_mode: DataMode,
    /// After `EPSV ALL` every other setup of a data connection is refused (RFC 2428 §4).
    pub(super) epsv_only: bool,
    /// The offset of the next RETR, STOR or APPE in bytes.
    pub(super) restart: u64,
    /// The range of the next RETR or HASH; `None`: the whole file.
    pub(super) range: Option<Box<ByteRange>>,
    pub(super) facts: FactSet,
    /// Whether the client has sent OPTS UTF8 ON.
    pub(super) utf8: bool,
    pub(super) algorithm: Algorithm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataMode {
    /// No PASV, EPSV, PORT or EPRT applies.
    Unset,
    /// The client connects to the server.
    Passive,
    /// The server connects to the client.
    Active,
}

impl Default for TransferParameters {
    fn default() -> Self {
        Self {
            representation: Representation::default(),
            level: Level::DEFAULT,
            data_mode: DataMode::Unset,
            epsv_only: false,
            restart: 0,
            range: None,
            facts: FactSet::default(),
            utf8: false,
            algorithm: Algorithm::default(),
        }
    }
}

impl TransferParameters {
    /// Clears the parameters of a single transfer; TYPE and the like stay.
    pub(super) fn clear_transfer(&mut self) {
        self.data_mode = DataMode::Unset;
        self.clear_range();
    }

    /// Clears REST and RANG.
    pub(super) fn clear_range(&mut self) {
        self.restart = 0;
        self.range = None;
    }
}

impl Session {
    pub(super) fn port(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        match host_port::parse_port(argument) {
            Ok(address) => self.set_active(address, cx),
            Err(_) => cx.reply(&Reply::fixed(501, "PORT h1,h2,h3,h4,p1,p2.")),
        }
    }

    pub(super) fn extended_port(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        match host_port::parse_eprt(argument) {
            Ok(address) => self.set_active(address, cx),
            Err(host_port::Error::Protocol) => cx.reply(&unknown_family(self.peer)),
            Err(_) => cx.reply(&Reply::fixed(501, "EPRT |1 or 2|address|port|.")),
        }
    }

    pub(super) fn passive(&mut self, cx: &mut Context<'_>) {
        if self.refuses_all_but_epsv(cx) {
            return;
        }
        if self.peer.is_ipv6() {
            return cx.reply(&use_epsv());
        }
        self.listen(Question::Passive, cx);
    }

    pub(super) fn extended_passive(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        match host_port::parse_epsv(argument) {
            Ok(EpsvRequest::All) => {
                self.params.epsv_only = true;
                cx.reply(&Reply::fixed(200, "EPSV only, from now on."));
            }
            Ok(EpsvRequest::V4) if self.peer.is_ipv6() => cx.reply(&unknown_family(self.peer)),
            Ok(EpsvRequest::V6) if self.peer.is_ipv4() => cx.reply(&unknown_family(self.peer)),
            Ok(_) => self.listen(Question::ExtendedPassive, cx),
            Err(host_port::Error::Protocol) => cx.reply(&unknown_family(self.peer)),
            Err(_) => cx.reply(&Reply::fixed(501, "EPSV, EPSV 1, EPSV 2 or EPSV ALL.")),
        }
    }

    /// Without a listener the previous setup stays in force.
    pub(super) fn listening(
        &mut self,
        address: Result<SocketAddr, NoListener>,
        cx: &mut Context<'_>,
    ) {
        let Some(question) = self.take_question() else {
            return;
        };
        let reply = match (question, address) {
            (Question::Passive, Ok(SocketAddr::V4(v4))) => {
                Reply::new(227, host_port::format_pasv(v4))
            }
            (Question::ExtendedPassive, Ok(address)) => {
                Reply::new(229, host_port::format_epsv(address.port()))
            }
            (_, Err(NoListener::Port)) => {
                return cx.reply(&Reply::fixed(425, "No passive port is free."));
            }
            (Question::Passive, Ok(SocketAddr::V6(_)) | Err(NoListener::Ipv4)) => {
                return cx.reply(&use_epsv());
            }
            (question, _) => return mismatched(&question, cx),
        };
        self.params.data_mode = DataMode::Passive;
        cx.reply(&reply);
    }

    /// Each port is taken for the client's address. It can do nothing until the answer.
    pub(super) fn port_awaited(&mut self, cx: &mut Context<'_>) {
        if let Some(question) = self.take_question() {
            self.progress = Progress::AwaitingPort(question);
            cx.deadlines.clear(Deadline::Idle);
        }
    }

    pub(super) fn abort_port_wait(&mut self, cx: &mut Context<'_>) {
        if matches!(self.progress, Progress::AwaitingPort(_)) {
            self.hang_up(cx);
            self.listening(Err(NoListener::Port), cx);
            self.audit_if_answered(cx);
        }
    }

    /// A transfer command was refused before its 150. Keeps the data connection for the next command: RFC
    /// 959 §3.2 lists no such reason to close it.
    pub(super) fn transfer_refused(&mut self, cx: &mut Context<'_>) {
        self.params.clear_range();
        if self.params.data_mode == DataMode::Passive {
            cx.action(Action::KeepDataConnection);
        }
    }

    /// The data connection or its listener is closed. A transfer that is being opened fails.
    pub(super) fn data_connection_lost(&mut self, cx: &mut Context<'_>) {
        self.params.data_mode = DataMode::Unset;
        if matches!(
            self.progress,
            Progress::Opening(_) | Progress::OpeningRevoked
        ) {
            self.progress = Progress::Idle;
            cx.reply(&no_data_connection());
        }
    }

    pub(super) fn restart(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        match parse_decimal(argument) {
            Some(offset) => {
                self.params.restart = offset;
                let text = format!("Restarting at {offset}. Send STOR or RETR.");
                cx.reply(&Reply::new(350, text));
            }
            None => cx.reply(&Reply::fixed(501, "REST takes a decimal number of bytes.")),
        }
    }

    fn listen(&mut self, question: Question, cx: &mut Context<'_>) {
        let for_ipv4 = matches!(question, Question::Passive);
        self.progress = Progress::AwaitingAnswer(question);
        cx.action(Action::Listen { for_ipv4 });
    }

    fn set_active(&mut self, address: SocketAddr, cx: &mut Context<'_>) {
        if self.refuses_all_but_epsv(cx) {
            return;
        }
        if !self.may_connect_to(address) {
            let text = format_args!("Refused to connect to {address}");
            self.log_once(Repeated::AddressRefused, log::Level::Warn, text);
            let text = if self.login.allows_fxp() {
                "Only to an address of one host, and to a port above 1023."
            } else {
                "Only to the client's own address, and to a port above 1023."
            };
            return cx.reply(&Reply::fixed(501, text));
        }
        self.params.data_mode = DataMode::Active;
        cx.action(Action::SetActiveAddress(with_scope_of(self.peer, address)));
        cx.reply(&Reply::ok());
    }

    /// Prevents the bounce attack (RFC 2577 §3). With FXP, other hosts in the same scope are allowed.
    fn may_connect_to(&self, address: SocketAddr) -> bool {
        let (ip, client) = (address.ip(), self.peer.ip());
        let is_allowed = ip == client || self.login.allows_fxp() && is_in_scope(ip, client);
        is_allowed && is_unicast(ip) && address.port() >= 1024
    }

    fn refuses_all_but_epsv(&self, cx: &mut Context<'_>) -> bool {
        if self.params.epsv_only {
            cx.reply(&Reply::fixed(503, "Only EPSV is allowed after EPSV ALL."));
        }
        self.params.epsv_only
    }
}

/// Adds the scope ID to a link-local address: EPRT cannot carry one, so the link is that of the control
/// connection (RFC 4007 §6).
fn with_scope_of(peer: SocketAddr, mut address: SocketAddr) -> SocketAddr {
    if let (SocketAddr::V6(peer), SocketAddr::V6(address)) = (peer, &mut address)
        && address.ip().is_unicast_link_local()
    {
        address.set_scope_id(peer.scope_id());
    }
    address
}

pub(super) fn no_data_connection() -> Reply {
    Reply::fixed(425, "Use PASV, EPSV, PORT or EPRT first.")
}

fn use_epsv() -> Reply {
    Reply::fixed(425, "PASV is for IPv4; use EPSV.")
}

fn unknown_family(peer: SocketAddr) -> Reply {
    let text = if peer.is_ipv4() {
        "Network protocol not supported, use (1)."
    } else {
        "Network protocol not supported, use (2)."
    };
    Reply::fixed(522, text)
}
