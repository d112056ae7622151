//! How a client behaves: drawn once, before it connects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::proxy_header::ProxyHeader;
use crate::rng::{Odds, Rng};

/// Its credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Named,
    Anonymous,
    /// A wrong password, possibly repeatedly.
    Wrong,
    /// It never logs in.
    Never,
}

/// How a client ends its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disconnect {
    /// QUIT.
    Quit,
    /// It half-closes, and waits for the remaining replies.
    HalfClose,
    /// QUIT, then a half-close.
    QuitAndHalfClose,
    /// It closes both connections.
    Close,
    /// Its process dies: the kernel closes its sockets, the control connection first.
    Kill,
    /// It resets both connections.
    Reset,
    /// Its host disappears: no FIN and no reset.
    Vanish,
    /// It sends nothing more.
    GoSilent,
    /// It stops reading; it may still send.
    StopReading,
}

/// Whether and when its control connection uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// No TLS.
    None,
    /// AUTH before the login.
    Explicit,
    /// AUTH after a login in the clear.
    Late,
    /// Implicit TLS.
    Implicit,
}

/// How it starts TLS on its control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsStart {
    /// Correctly.
    Proper,
    /// It pipelines a command behind AUTH, in the clear.
    CommandBehindAuth,
    /// It sends other bytes than a `ClientHello`.
    Garbage,
    /// It stops after this many bytes of its `ClientHello`.
    Stops(usize),
    /// It resets the connection after this many.
    Resets(usize),
    /// It half-closes after this many.
    HalfCloses(usize),
}

/// Where its commands come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The grammar.
    Normal,
    /// NOOP repeatedly: each must be answered soon, whatever other clients do.
    Probe,
    /// A fixed sequence at the end of the run, in which everything must succeed.
    Inspector,
}

/// Plain data: drawn, parsed from a script, or simplified by the shrinker; clients only read it.
#[expect(clippy::struct_excessive_bools, reason = "independent habits")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) role: Role,
    pub(crate) ip: IpAddr,
    /// The PROXY header in front of its control connection, if there is a proxy.
    pub(crate) proxy_header: ProxyHeader,
    /// The longest pause between two commands.
    pub(crate) think_time: Duration,
    /// It sends commands without waiting for replies.
    pub(crate) pipelines: bool,
    /// Number of command groups.
    pub(crate) groups: usize,
    /// Probability of another command during a transfer, at each opportunity.
    pub(crate) interrupts: Odds,
    pub(crate) login: Login,
    pub(crate) disconnect: Disconnect,
    /// It ends the session without waiting for its transfer.
    pub(crate) leaves_early: bool,
    /// Its data connections may be slow, missing or interrupted.
    pub(crate) misbehaves: bool,
    pub(crate) tls_mode: TlsMode,
    pub(crate) tls_start: TlsStart,
    /// Its data connections resume the TLS session of its control connection.
    pub(crate) resumes: bool,
    /// It sends `close_notify` before it half-closes.
    pub(crate) sends_close_notify: bool,
    /// It only logs in, repeatedly.
    pub(crate) only_logs_in: bool,
    /// As an inspector, it lists a tree recursively.
    pub(crate) walks: bool,
    /// First of its own ports; clients of one address have distinct ones.
    pub(crate) first_port: u16,
}

impl Profile {
    pub(crate) fn draw(rng: &mut Rng, number: usize) -> Self {
        use Disconnect::{
            Close, GoSilent, HalfClose, Kill, Quit, QuitAndHalfClose, Reset, StopReading, Vanish,
        };
        let logins = [Login::Named, Login::Named, Login::Named, Login::Anonymous];
        let rare_logins = [Login::Wrong, Login::Never, Login::Anonymous];
        let disconnects = [
            Quit,
            Quit,
            HalfClose,
            QuitAndHalfClose,
            Close,
            Kill,
            Reset,
            Vanish,
            GoSilent,
            StopReading,
        ];
        Self {
            role: Role::Normal,
            // Two share one, if both have the same family: they take turns at a single passive port.
            ip: address(number & !1, rng.one_in(3)),
            first_port: 30_000 + 64 * (number & 1) as u16,
            proxy_header: ProxyHeader::draw(rng),
            think_time: Duration::from_micros(rng.pick(&[0, 1_000, 50_000, 4_000_000])),
            pipelines: rng.one_in(3),
            groups: rng.within(0, 12),
            interrupts: Odds(rng.pick(&[0, 500, 2_500])),
            login: if rng.one_in(5) {
                rng.pick(&rare_logins)
            } else {
                rng.pick(&logins)
            },
            disconnect: rng.pick(&disconnects),
            leaves_early: rng.one_in(3),
            misbehaves: rng.one_in(2),
            ..Self::orderly(number)
        }
    }

    /// Whether it usually leaves during an upload or right after it.
    pub(crate) const fn leaves_during_upload(&self) -> bool {
        use Disconnect::{Close, HalfClose, Kill, QuitAndHalfClose};
        let is_such = matches!(self.disconnect, Close | HalfClose | Kill | QuitAndHalfClose);
        is_such && self.leaves_early
    }

    /// Adds the choices for a server with TLS.
    pub(crate) fn with_tls(self, rng: &mut Rng) -> Self {
        use TlsMode::{Explicit, Implicit, Late, None};
        let after = rng.below(300);
        let tls_starts = [
            TlsStart::CommandBehindAuth,
            TlsStart::Garbage,
            TlsStart::Stops(after),
            TlsStart::Resets(after),
            TlsStart::HalfCloses(after),
        ];
        let is_proper = self.role != Role::Normal || !rng.one_in(6);
        // A missing `close_notify` matters where the upload is cut.
        let is_killed = self.role == Role::Normal && rng.aside().one_in(3);
        let choices = [Explicit, Explicit, Late, Implicit, None];
        let tls_mode = match self.role {
            Role::Inspector => Explicit,
            Role::Normal | Role::Probe => rng.pick(&choices),
        };
        Self {
            // The implicit-TLS listener has one address.
            tls_mode: if tls_mode == Implicit && self.ip.is_ipv6() {
                Explicit
            } else {
                tls_mode
            },
            tls_start: if is_proper {
                TlsStart::Proper
            } else {
                rng.pick(&tls_starts)
            },
            resumes: self.role != Role::Normal || !rng.one_in(5),
            sends_close_notify: rng.one_in(2),
            disconnect: if is_killed {
                Disconnect::Kill
            } else {
                self.disconnect
            },
            leaves_early: self.leaves_early || is_killed,
            ..self
        }
    }

    /// A client that waits for every reply, only logs in, and quits.
    pub(crate) fn plain(number: usize) -> Self {
        Self::orderly(number)
    }

    /// A client that sends NOOP and checks the latency of the replies.
    pub(crate) fn probe(rng: &mut Rng, number: usize) -> Self {
        Self {
            role: Role::Probe,
            think_time: Duration::from_secs(rng.pick(&[1, 2, 5])),
            groups: rng.within(5, 40),
            ..Self::orderly(number)
        }
    }

    /// A client that must succeed in everything.
    pub(crate) fn inspector(number: usize, walks: bool) -> Self {
        Self {
            role: Role::Inspector,
            walks,
            ..Self::orderly(number)
        }
    }

    /// One of several clients of one address that connect at about the same time and do little.
    pub(crate) fn of_crowd(rng: &mut Rng, number: usize) -> Self {
        Self {
            ip: address(200, false),
            groups: rng.within(0, 2),
            first_port: 31_000 + 64 * number as u16,
            ..Self::draw(rng, number)
        }
    }

    /// One of several clients of one address that use TLS for their transfers.
    pub(crate) fn sharing(self, rng: &mut Rng) -> Self {
        Self {
            ip: address(202, false),
            groups: rng.within(8, 20),
            think_time: Duration::ZERO,
            pipelines: false,
            leaves_early: false,
            login: Login::Named,
            tls_mode: TlsMode::Explicit,
            tls_start: TlsStart::Proper,
            resumes: !rng.one_in(8),
            ..self
        }
    }

    /// One of several clients that guess passwords from one address.
    pub(crate) fn guesser(rng: &mut Rng, number: usize) -> Self {
        Self {
            ip: address(201, false),
            login: rng.pick(&[Login::Wrong, Login::Wrong, Login::Named]),
            groups: rng.within(0, 6),
            only_logs_in: true,
            first_port: 31_000 + 64 * number as u16,
            ..Self::draw(rng, number)
        }
    }

    /// One of several clients that log in, correctly or not, some of which leave before the reply.
    pub(crate) fn early_leaver(rng: &mut Rng, number: usize) -> Self {
        let waits = rng.one_in(2);
        Self {
            login: rng.pick(&[Login::Named, Login::Wrong]),
            pipelines: true,
            leaves_early: !waits,
            groups: usize::from(waits),
            disconnect: if waits {
                Disconnect::Quit
            } else {
                Disconnect::Close
            },
            ..Self::orderly(number)
        }
    }

    fn orderly(number: usize) -> Self {
        Self {
            role: Role::Normal,
            ip: address(number, number.is_multiple_of(2)),
            proxy_header: ProxyHeader::V2,
            think_time: Duration::ZERO,
            pipelines: false,
            groups: 0,
            interrupts: Odds(0),
            login: Login::Named,
            disconnect: Disconnect::Quit,
            leaves_early: false,
            misbehaves: false,
            tls_mode: TlsMode::None,
            tls_start: TlsStart::Proper,
            resumes: true,
            sends_close_notify: true,
            only_logs_in: false,
            walks: false,
            first_port: 30_000,
        }
    }
}

pub(crate) fn address(number: usize, is_v6: bool) -> IpAddr {
    let number = number as u16 + 2;
    if is_v6 {
        Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number).into()
    } else {
        Ipv4Addr::new(10, 0, 1, number as u8).into()
    }
}
