//! What a client says to find out whether a session forgets what it must and keeps what it must: groups
//! of commands of which the model of the session knows every answer.

use std::net::IpAddr;

use super::conversation::Kind;
use super::grammar::Line;
use super::guest::Guest;
use crate::rng::Rng;

/// Of another host, of the proxy in front, and of a port of services: to none of these may it connect.
const ELSEWHERE: [&str; 4] = [
    "PORT 10,6,6,6,200,1",
    "PORT 10,9,0,1,200,1",
    "EPRT |1|192.0.2.7|5000|",
    "EPRT |2|fd09::1|5000|",
];

impl Guest {
    /// The next group, where it is one of these.
    pub(super) fn perhaps_sly_lines(&mut self) -> Option<Vec<Line>> {
        let mut aside = self.rng.aside();
        if !aside.one_in(9) {
            return None;
        }
        // What is drawn next is drawn anew.
        self.rng.draw();
        Some(self.sly_lines(&mut aside))
    }

    fn sly_lines(&mut self, aside: &mut Rng) -> Vec<Line> {
        match aside.below(7) {
            0 => {
                let digit = aside.below(4);
                let from = Line::new(Kind::Rnfr, format!("RNFR /misc/d{digit}"));
                let to = Line::new(Kind::Rnto, format!("RNTO /misc/d{}", 3 - digit));
                vec![from, between(aside), to]
            }
            1 => vec![self.bounce(aside)],
            2 if aside.one_in(3) => vec![Line::new(Kind::EpsvAll, "EPSV ALL")],
            // Nothing is left of the login, and nothing of what was arranged.
            2 | 3 => {
                self.is_ascii = true;
                let mut lines = vec![
                    Line::new(Kind::Cwd, "CWD /misc"),
                    Line::new(Kind::Rein, "REIN"),
                    Line::new(Kind::Pwd, "PWD"),
                    Line::new(Kind::Stat, "STAT"),
                ];
                lines.extend(self.login_lines());
                lines.push(Line::new(Kind::Pwd, "PWD"));
                lines.push(Line::new(Kind::Abor, "ABOR"));
                lines
            }
            4 => vec![
                Line::new(Kind::Cwd, "CWD pub"),
                Line::new(Kind::Size, "SIZE 3"),
                Line::new(Kind::Mlst, "MLST ../pub/2"),
                Line::new(Kind::Cwd, "CWD 2"),
                Line::new(Kind::Pwd, "PWD"),
                Line::new(Kind::Cwd, "CDUP"),
                Line::new(Kind::Pwd, "PWD"),
            ],
            5 if self.haul.is_none() && !self.habits.pipelines => vec![
                Line::new(Kind::Passive, "EPSV"),
                Line::new(Kind::Abor, "ABOR"),
                Line::new(Kind::Abor, "ABOR"),
            ],
            _ => {
                let mut lines = vec![
                    Line::new(Kind::User, "USER ann"),
                    Line::new(Kind::Pwd, "PWD"),
                    Line::new(Kind::Rest, "REST 7"),
                ];
                lines.extend(self.login_lines());
                lines
            }
        }
    }

    fn bounce(&self, aside: &mut Rng) -> Line {
        let to = match (aside.below(5), self.habits.ip) {
            (0, IpAddr::V4(ip)) => format!("EPRT |1|{ip}|25|"),
            (0, IpAddr::V6(ip)) => format!("EPRT |2|{ip}|25|"),
            _ => aside.pick(&ELSEWHERE).to_owned(),
        };
        Line::new(Kind::Bounce, to)
    }
}

/// Whatever comes between RNFR and RNTO, be it refused.
fn between(aside: &mut Rng) -> Line {
    match aside.below(5) {
        0 => Line::new(Kind::Noop, "NOOP"),
        1 => Line::new(Kind::Stat, "STAT"),
        2 => Line::new(Kind::Garbage, "XYZZY plugh"),
        3 => Line::new(Kind::Garbage, b"NOOP\0NOOP"),
        _ => Line::new(Kind::Size, "SIZE /none/none"),
    }
}
