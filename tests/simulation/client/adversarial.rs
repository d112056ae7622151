//! Command groups that test what a session must reset and what it must keep; the session model knows every
//! reply.

use std::net::IpAddr;

use super::conversation::CommandKind;
use super::ftp_client::FtpClient;
use super::grammar::Line;
use crate::rng::Rng;

/// Another host, the proxy, and a privileged port: the server must connect to none of these (RFC 2577 §2).
const ELSEWHERE: [&str; 4] = [
    "PORT 10,6,6,6,200,1",
    "PORT 10,9,0,1,200,1",
    "EPRT |1|192.0.2.7|5000|",
    "EPRT |2|fd09::1|5000|",
];

impl FtpClient {
    /// One of these groups, in some draws.
    pub(super) fn maybe_adversarial_lines(&mut self) -> Option<Vec<Line>> {
        let mut aside = self.rng.aside();
        if !aside.one_in(9) {
            return None;
        }
        // Later draws continue from the fork.
        self.rng.draw();
        Some(self.adversarial_lines(&mut aside))
    }

    fn adversarial_lines(&mut self, aside: &mut Rng) -> Vec<Line> {
        match aside.below(7) {
            0 => {
                let digit = aside.below(4);
                let from = Line::new(CommandKind::Rnfr, format!("RNFR /misc/d{digit}"));
                let to = Line::new(CommandKind::Rnto, format!("RNTO /misc/d{}", 3 - digit));
                vec![from, between(aside), to]
            }
            1 => vec![self.bounce(aside)],
            2 if aside.one_in(3) => vec![Line::new(CommandKind::EpsvAll, "EPSV ALL")],
            // REIN or USER resets the login and the data connection.
            2 | 3 => {
                self.script.set_type(true);
                let mut lines = vec![
                    Line::new(CommandKind::Cwd, "CWD /misc"),
                    Line::new(CommandKind::Rein, "REIN"),
                    Line::new(CommandKind::Pwd, "PWD"),
                    Line::new(CommandKind::Stat, "STAT"),
                ];
                lines.extend(self.login_lines());
                lines.push(Line::new(CommandKind::Pwd, "PWD"));
                lines.push(Line::new(CommandKind::Abor, "ABOR"));
                lines
            }
            4 => vec![
                Line::new(CommandKind::Cwd, "CWD pub"),
                Line::new(CommandKind::Size, "SIZE 3"),
                Line::new(CommandKind::Mlst, "MLST ../pub/2"),
                Line::new(CommandKind::Cwd, "CWD 2"),
                Line::new(CommandKind::Pwd, "PWD"),
                Line::new(CommandKind::Cwd, "CDUP"),
                Line::new(CommandKind::Pwd, "PWD"),
            ],
            5 if self.transfer.is_none() && !self.profile.pipelines => vec![
                Line::new(CommandKind::Passive, "EPSV"),
                Line::new(CommandKind::Abor, "ABOR"),
                Line::new(CommandKind::Abor, "ABOR"),
            ],
            _ => {
                let mut lines = vec![
                    Line::new(CommandKind::User, "USER ann"),
                    Line::new(CommandKind::Pwd, "PWD"),
                    Line::new(CommandKind::Rest, "REST 7"),
                ];
                lines.extend(self.login_lines());
                lines
            }
        }
    }

    fn bounce(&self, aside: &mut Rng) -> Line {
        let to = match (aside.below(5), self.profile.ip) {
            (0, IpAddr::V4(ip)) => format!("EPRT |1|{ip}|25|"),
            (0, IpAddr::V6(ip)) => format!("EPRT |2|{ip}|25|"),
            _ => aside.pick(&ELSEWHERE).to_owned(),
        };
        Line::new(CommandKind::Bounce, to)
    }
}

/// A command between RNFR and RNTO resets the rename, even a refused one.
fn between(aside: &mut Rng) -> Line {
    match aside.below(5) {
        0 => Line::new(CommandKind::Noop, "NOOP"),
        1 => Line::new(CommandKind::Stat, "STAT"),
        2 => Line::new(CommandKind::Garbage, "XYZZY plugh"),
        3 => Line::new(CommandKind::Garbage, b"NOOP\0NOOP"),
        _ => Line::new(CommandKind::Size, "SIZE /none/none"),
    }
}
