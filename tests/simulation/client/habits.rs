//! What a guest is like: drawn once, before it comes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::proxied::Preamble;
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
pub(crate) enum Farewell {
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
    Silence,
    /// It does not read any more; it may still say a lot.
    Deafness,
}

/// How a guest's commands and replies are kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
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
pub(crate) enum Opening {
    /// As it should.
    Proper,
    /// It says more behind AUTH, in the clear.
    AndMore,
    /// With something else than a hello.
    Garbage,
    /// It stops after so many bytes of its hello.
    Stops(usize),
    /// It resets the connection after so many.
    Resets(usize),
    /// It ends its side after so many.
    Leaves(usize),
}

/// What becomes of a guest's commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Drawn from the grammar.
    Guest,
    /// NOOP, again and again: each must be answered soon, whatever the others do.
    Probe,
    /// When all is over: everything must work.
    Inspector,
}

#[expect(clippy::struct_excessive_bools, reason = "independent habits")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Habits {
    pub(crate) part: Part,
    pub(crate) ip: IpAddr,
    /// What a proxy, where there is one, says in front of its control connection.
    pub(crate) preamble: Preamble,
    /// The longest pause between two commands.
    pub(crate) think: Duration,
    /// It does not wait for replies.
    pub(crate) pipelines: bool,
    /// Commands, or groups of them that belong together.
    pub(crate) groups: usize,
    /// During a transfer it says something else, each time that it could.
    pub(crate) interrupts: Odds,
    pub(crate) login: Login,
    pub(crate) farewell: Farewell,
    /// The farewell does not wait for a transfer to end.
    pub(crate) hurries: bool,
    /// Its data connections are sometimes slow, or absent, or broken off.
    pub(crate) mean: bool,
    pub(crate) secrecy: Secrecy,
    pub(crate) opening: Opening,
    /// Its data connections resume the TLS session of its control connection.
    pub(crate) resumes: bool,
    /// It announces the end of TLS, where it ends its side.
    pub(crate) announces: bool,
    /// It does nothing but to log in.
    pub(crate) guesses: bool,
    /// As an inspector, it looks at everything below a directory.
    pub(crate) walks: bool,
    /// Behind which its own ports are: clients of one address have their own.
    pub(crate) first_port: u16,
}

impl Habits {
    pub(crate) fn draw(rng: &mut Rng, number: usize) -> Self {
        use Farewell::{
            Close, Deafness, HalfClose, Kill, Quit, QuitAndHalfClose, Reset, Silence, Vanish,
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
            Silence,
            Deafness,
        ];
        Self {
            part: Part::Guest,
            ip: address(number, rng.one_in(3)),
            preamble: Preamble::draw(rng),
            think: Duration::from_micros(rng.pick(&[0, 1_000, 50_000, 4_000_000])),
            pipelines: rng.one_in(3),
            groups: rng.within(0, 12),
            interrupts: Odds(rng.pick(&[0, 500, 2_500])),
            login: if rng.one_in(5) {
                rng.pick(&rare_logins)
            } else {
                rng.pick(&logins)
            },
            farewell: rng.pick(&farewells),
            hurries: rng.one_in(3),
            mean: rng.one_in(2),
            secrecy: Secrecy::None,
            opening: Opening::Proper,
            resumes: true,
            announces: true,
            guesses: false,
            walks: false,
            first_port: 30_000,
        }
    }

    /// Whether it mostly goes in the middle of an upload, or just behind it.
    pub(crate) const fn leaves_in_an_upload(&self) -> bool {
        use Farewell::{Close, HalfClose, Kill, QuitAndHalfClose};
        let is_such = matches!(self.farewell, Close | HalfClose | Kill | QuitAndHalfClose);
        is_such && self.hurries
    }

    /// The same where the server has TLS.
    pub(crate) fn with_secrecy(self, rng: &mut Rng) -> Self {
        use Secrecy::{Explicit, Implicit, Late, None};
        let after = rng.below(300);
        let openings = [
            Opening::AndMore,
            Opening::Garbage,
            Opening::Stops(after),
            Opening::Resets(after),
            Opening::Leaves(after),
        ];
        let is_proper = self.part != Part::Guest || !rng.one_in(6);
        // What ends without an announcement is of interest where it is cut.
        let is_killed = self.part == Part::Guest && rng.aside().one_in(3);
        let choices = [Explicit, Explicit, Late, Implicit, None];
        let secrecy = match self.part {
            Part::Inspector => Explicit,
            Part::Guest | Part::Probe => rng.pick(&choices),
        };
        Self {
            // The door for implicit TLS has one address.
            secrecy: if secrecy == Implicit && self.ip.is_ipv6() {
                Explicit
            } else {
                secrecy
            },
            opening: if is_proper {
                Opening::Proper
            } else {
                rng.pick(&openings)
            },
            resumes: self.part != Part::Guest || !rng.one_in(5),
            announces: rng.one_in(2),
            farewell: if is_killed {
                Farewell::Kill
            } else {
                self.farewell
            },
            hurries: self.hurries || is_killed,
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
            part: Part::Probe,
            think: Duration::from_secs(rng.pick(&[1, 2, 5])),
            groups: rng.within(5, 40),
            ..Self::orderly(number)
        }
    }

    /// One that makes sure that everything works.
    pub(crate) fn inspector(number: usize, walks: bool) -> Self {
        Self {
            part: Part::Inspector,
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
            guesses: true,
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
            hurries: !waits,
            groups: usize::from(waits),
            farewell: if waits {
                Farewell::Quit
            } else {
                Farewell::Close
            },
            ..Self::orderly(number)
        }
    }

    fn orderly(number: usize) -> Self {
        Self {
            part: Part::Guest,
            ip: address(number, number.is_multiple_of(2)),
            preamble: Preamble::Binary,
            think: Duration::ZERO,
            pipelines: false,
            groups: 0,
            interrupts: Odds(0),
            login: Login::Named,
            farewell: Farewell::Quit,
            hurries: false,
            mean: false,
            secrecy: Secrecy::None,
            opening: Opening::Proper,
            resumes: true,
            announces: true,
            guesses: false,
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
