//! PORT, PASV, EPRT, EPSV, REST: over which connection the next transfer will go, and from where
//! in the file. RFC 959 §3.2 and §4.1.2, RFC 2428, RFC 3659 §5.
//!
//! The address that a client names is its own: connecting elsewhere for it would make the server a
//! tool against others (RFC 2577 §3). Only an account that may have transfers between servers (FXP)
//! names others, and even then no service's port and no address of this host or its links.

use std::net::SocketAddr;

use super::question::{Question, mismatched};
use super::{Action, Context, NoListener, Progress, Repeated, Session};
use crate::file_task::Algorithm;
use crate::protocol::byte_range::ByteRange;
use crate::protocol::deflate::Level;
use crate::protocol::facts::FactSet;
use crate::protocol::host_port::{self, EpsvRequest};
use crate::protocol::one_host::{is_in_scope, is_of_one_host};
use crate::protocol::reply::Reply;
use crate::transfer::Representation;

/// What has been agreed on for the next transfer.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) representation: Representation,
    /// What MODE Z will compress with, where there is a MODE Z.
    pub(super) level: Option<Level>,
    pub(super) arranged: Arranged,
    /// After `EPSV ALL` nothing else may arrange a connection (RFC 2428 §4).
    pub(super) extended_only: bool,
    /// Where the next RETR, STOR or APPE begins; 0 is the beginning.
    pub(super) restart: u64,
    /// Which bytes the next RETR or HASH is about; `None` is all.
    pub(super) range: Option<ByteRange>,
    pub(super) facts: FactSet,
    /// Whether the client has said that it reads UTF-8.
    pub(super) utf8: bool,
    /// What HASH uses.
    pub(super) algorithm: Algorithm,
}

/// Who will connect to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arranged {
    /// Nothing is arranged.
    Nothing,
    /// The client to us.
    Passive,
    /// We to the client.
    Active,
}

impl Default for Channel {
    fn default() -> Self {
        Self {
            representation: Representation::default(),
            level: Level::DEFAULT,
            arranged: Arranged::Nothing,
            extended_only: false,
            restart: 0,
            range: None,
            facts: FactSet::default(),
            utf8: false,
            algorithm: Algorithm::default(),
        }
    }
}

impl Channel {
    /// Forgets what was agreed on for one transfer, and keeps what holds for all.
    pub(super) fn disarrange(&mut self) {
        self.arranged = Arranged::Nothing;
        self.forget_part();
    }

    /// Forgets which part of a file was meant.
    pub(super) fn forget_part(&mut self) {
        self.restart = 0;
        self.range = None;
    }
}

impl Session {
    pub(super) fn port(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        match host_port::parse_port(argument) {
            Ok(address) => self.dial(address, cx),
            Err(_) => cx.reply(&Reply::fixed(501, "PORT h1,h2,h3,h4,p1,p2.")),
        }
    }

    pub(super) fn extended_port(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        match host_port::parse_eprt(argument) {
            Ok(address) => self.dial(address, cx),
            Err(host_port::Error::Protocol) => cx.reply(&unknown_family(self.peer)),
            Err(_) => cx.reply(&Reply::fixed(501, "EPRT |1 or 2|address|port|.")),
        }
    }

    pub(super) fn passive(&mut self, cx: &mut Context<'_>) {
        if self.is_extended_only(cx) {
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
                self.channel.extended_only = true;
                cx.reply(&Reply::fixed(200, "EPSV only, from now on."));
            }
            Ok(EpsvRequest::V4) if self.peer.is_ipv6() => cx.reply(&unknown_family(self.peer)),
            Ok(EpsvRequest::V6) if self.peer.is_ipv4() => cx.reply(&unknown_family(self.peer)),
            Ok(_) => self.listen(Question::ExtendedPassive, cx),
            Err(host_port::Error::Protocol) => cx.reply(&unknown_family(self.peer)),
            Err(_) => cx.reply(&Reply::fixed(501, "EPSV, EPSV 1, EPSV 2 or EPSV ALL.")),
        }
    }

    /// Where there is no listener, what was arranged before stays.
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
        self.channel.arranged = Arranged::Passive;
        cx.reply(&reply);
    }

    /// A command that needs a data connection was refused. That is none of the reasons to close it
    /// (RFC 959 §3.2), so that the next command may have it.
    pub(super) fn transfer_refused(&mut self, cx: &mut Context<'_>) {
        self.channel.forget_part();
        if self.channel.arranged == Arranged::Passive {
            cx.action(Action::Keep);
        }
    }

    /// What was arranged is not any more; a transfer that was about to have it cannot.
    pub(super) fn lost(&mut self, cx: &mut Context<'_>) {
        self.channel.arranged = Arranged::Nothing;
        if matches!(self.progress, Progress::Opening(_) | Progress::Withdrawn) {
            self.progress = Progress::Idle;
            cx.reply(&nothing_arranged());
        }
    }

    pub(super) fn restart(&mut self, argument: &[u8], cx: &mut Context<'_>) {
        // Digits alone, and none too many: `+1` or an overflow must not become an offset.
        let digits = argument.iter().all(u8::is_ascii_digit);
        let offset = std::str::from_utf8(argument)
            .ok()
            .and_then(|text| text.parse().ok());
        match offset.filter(|_| digits) {
            Some(offset) => {
                self.channel.restart = offset;
                let text = format!("Restarting at {offset}. Send STOR or RETR.");
                cx.reply(&Reply::new(350, text));
            }
            None => cx.reply(&Reply::fixed(501, "REST takes a decimal number of bytes.")),
        }
    }

    fn listen(&mut self, question: Question, cx: &mut Context<'_>) {
        let for_ipv4 = matches!(question, Question::Passive);
        self.progress = Progress::Asking(question);
        cx.action(Action::Listen { for_ipv4 });
    }

    fn dial(&mut self, address: SocketAddr, cx: &mut Context<'_>) {
        if self.is_extended_only(cx) {
            return;
        }
        if !self.may_dial(address) {
            let text = format_args!("{}: Refused to connect to {address}", self.peer);
            self.log
                .once(Repeated::AddressRefused, log::Level::Warn, text);
            let text = if self.login.allows_fxp() {
                "Only to an address of one host, and to a port above 1023."
            } else {
                "Only to the client's own address, and to a port above 1023."
            };
            return cx.reply(&Reply::fixed(501, text));
        }
        self.channel.arranged = Arranged::Active;
        cx.action(Action::Dial(on_the_link_of(self.peer, address)));
        cx.reply(&Reply::ok());
    }

    /// Against the bounce attack (RFC 2577 §3); of FXP it leaves what other hosts can be meant by.
    fn may_dial(&self, address: SocketAddr) -> bool {
        let (ip, client) = (address.ip(), self.peer.ip());
        let is_allowed = ip == client || self.login.allows_fxp() && is_in_scope(ip, client);
        is_allowed && is_of_one_host(ip) && address.port() >= 1024
    }

    fn is_extended_only(&self, cx: &mut Context<'_>) -> bool {
        if self.channel.extended_only {
            cx.reply(&Reply::fixed(503, "Only EPSV is allowed after EPSV ALL."));
        }
        self.channel.extended_only
    }
}

/// A link-local address means nothing without its link, which EPRT cannot say: it is the one over
/// which the client is here (RFC 4007 §6).
fn on_the_link_of(peer: SocketAddr, mut address: SocketAddr) -> SocketAddr {
    if let (SocketAddr::V6(peer), SocketAddr::V6(address)) = (peer, &mut address)
        && address.ip().is_unicast_link_local()
    {
        address.set_scope_id(peer.scope_id());
    }
    address
}

pub(super) fn nothing_arranged() -> Reply {
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
