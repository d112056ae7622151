//! What a guest is like: drawn once, before it comes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::proxy_header::ProxyHeader;
use crate::rng::{Odds, Rng};

/// Who a guest says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    Named,
    Anonymous,
    /// With a wrong password, now and then more than once.
    Wrong,
    /// It forgets.
    Never,
}

/// How a guest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disconnect {
    /// QUIT.
    Quit,
    /// It ends its side, and waits for the rest of the replies.
    HalfClose,
    /// Both.
    QuitAndHalfClose,
    /// It closes everything.
    Close,
    /// It is killed: the kernel closes its sockets, the control connection's first.
    Kill,
    /// It resets everything.
    Reset,
    /// It is cut off, and nobody is told.
    Vanish,
    /// It says nothing more.
    GoSilent,
    /// It does not read any more; it may still say a lot.
    StopReading,
}

/// How a guest's commands and replies are kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// Not at all.
    None,
    /// By AUTH, first of all.
    Explicit,
    /// By AUTH, after a login in the clear.
    Late,
    /// At the door for it.
    Implicit,
}

/// How a guest begins TLS on its control connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsStart {
    /// As it should.
    Proper,
    /// It says more behind AUTH, in the clear.
    CommandBehindAuth,
    /// With something else than a hello.
    Garbage,
    /// It stops after so many bytes of its hello.
    Stops(usize),
    /// It resets the connection after so many.
    Resets(usize),
    /// It ends its side after so many.
    HalfCloses(usize),
}

/// What becomes of a guest's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Drawn from the grammar.
    Normal,
    /// NOOP, again and again: each must be answered soon, whatever the others do.
    Probe,
    /// When all is over: everything must work.
    Inspector,
}

#[expect(clippy::struct_excessive_bools, reason = "independent habits")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) role: Role,
    pub(crate) ip: IpAddr,
    /// What a proxy, where there is one, says in front of its control connection.
    pub(crate) proxy_header: ProxyHeader,
    /// The longest pause between two commands.
    pub(crate) think_time: Duration,
    /// It does not wait for replies.
    pub(crate) pipelines: bool,
    /// Commands, or groups of them that belong together.
    pub(crate) groups: usize,
    /// During a transfer it says something else, each time that it could.
    pub(crate) interrupts: Odds,
    pub(crate) login: Login,
    pub(crate) disconnect: Disconnect,
    /// The farewell does not wait for a transfer to end.
    pub(crate) leaves_early: bool,
    /// Its data connections are sometimes slow, or absent, or broken off.
    pub(crate) misbehaves: bool,
    pub(crate) tls_mode: TlsMode,
    pub(crate) tls_start: TlsStart,
    /// Its data connections resume the TLS session of its control connection.
    pub(crate) resumes: bool,
    /// It announces the end of TLS, where it ends its side.
    pub(crate) sends_close_notify: bool,
    /// It does nothing but to log in.
    pub(crate) only_logs_in: bool,
    /// As an inspector, it looks at everything below a directory.
    pub(crate) walks: bool,
    /// Behind which its own ports are: clients of one address have their own.
    pub(crate) first_port: u16,
}

impl Profile {
    pub(crate) fn draw(rng: &mut Rng, number: usize) -> Self {
        use Disconnect::{
            Close, GoSilent, HalfClose, Kill, Quit, QuitAndHalfClose, Reset, StopReading, Vanish,
        };
        let logins = [Login::Named, Login::Named, Login::Named, Login::Anonymous];
        let rare_logins = [Login::Wrong, Login::Never, Login::Anonymous];
        let farewells = [
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
            ip: address(number, rng.one_in(3)),
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
            disconnect: rng.pick(&farewells),
            leaves_early: rng.one_in(3),
            misbehaves: rng.one_in(2),
            tls_mode: TlsMode::None,
            tls_start: TlsStart::Proper,
            resumes: true,
            sends_close_notify: true,
            only_logs_in: false,
            walks: false,
            first_port: 30_000,
        }
    }

    /// Whether it mostly goes in the middle of an upload, or just behind it.
    pub(crate) const fn leaves_in_an_upload(&self) -> bool {
        use Disconnect::{Close, HalfClose, Kill, QuitAndHalfClose};
        let is_such = matches!(self.disconnect, Close | HalfClose | Kill | QuitAndHalfClose);
        is_such && self.leaves_early
    }

    /// The same where the server has TLS.
    pub(crate) fn with_tls(self, rng: &mut Rng) -> Self {
        use TlsMode::{Explicit, Implicit, Late, None};
        let after = rng.below(300);
        let openings = [
            TlsStart::CommandBehindAuth,
            TlsStart::Garbage,
            TlsStart::Stops(after),
            TlsStart::Resets(after),
            TlsStart::HalfCloses(after),
        ];
        let is_proper = self.role != Role::Normal || !rng.one_in(6);
        // What ends without an announcement is of interest where it is cut.
        let is_killed = self.role == Role::Normal && rng.aside().one_in(3);
        let choices = [Explicit, Explicit, Late, Implicit, None];
        let tls_mode = match self.role {
            Role::Inspector => Explicit,
            Role::Normal | Role::Probe => rng.pick(&choices),
        };
        Self {
            // The door for implicit TLS has one address.
            tls_mode: if tls_mode == Implicit && self.ip.is_ipv6() {
                Explicit
            } else {
                tls_mode
            },
            tls_start: if is_proper {
                TlsStart::Proper
            } else {
                rng.pick(&openings)
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

    /// One that waits for every reply, says nothing but its login, and goes.
    pub(crate) fn plain(number: usize) -> Self {
        Self::orderly(number)
    }

    /// One that only wants to know that it is heard.
    pub(crate) fn probe(rng: &mut Rng, number: usize) -> Self {
        Self {
            role: Role::Probe,
            think_time: Duration::from_secs(rng.pick(&[1, 2, 5])),
            groups: rng.within(5, 40),
            ..Self::orderly(number)
        }
    }

    /// One that makes sure that everything works.
    pub(crate) fn inspector(number: usize, walks: bool) -> Self {
        Self {
            role: Role::Inspector,
            walks,
            ..Self::orderly(number)
        }
    }

    /// One of several that come from one address at about the same time, and do little.
    pub(crate) fn of_crowd(rng: &mut Rng, number: usize) -> Self {
        Self {
            ip: address(200, false),
            groups: rng.within(0, 2),
            first_port: 31_000 + 64 * number as u16,
            ..Self::draw(rng, number)
        }
    }

    /// One of two that guess passwords from one address.
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

    /// One of several that log in, rightly or not, of which some do not wait for the answer.
    pub(crate) fn hasty(rng: &mut Rng, number: usize) -> Self {
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
